"""The classes of hnswlib 0.8: ``from hither.compat import hnswlib`` in place of ``import hnswlib``.

Files are hither's, which every door of hither opens. What differs: one thread or many find the same rows, a filter
never leaves a query with fewer rows than there are, and under cosine a vector of zeros is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._collection import Collection
from .._errors import Error
from .._native import open as _open

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BFIndex", "Index"]

_METRICS = {"l2": "l2", "ip": "ip", "cosine": "cosine"}
_FEW = "Cannot return the results in a contiguous 2D array. Probably ef or M is too small"


class _Base:
    """What both classes have."""

    def __init__(self, space: str, dim: int) -> None:
        if space not in _METRICS:
            raise RuntimeError("Space name must be one of l2, ip, or cosine.")
        self.space = space
        self.dim = dim
        self.num_threads = os.cpu_count() or 1
        self.max_elements = 0
        self._rows: Collection | None = None
        self._next = 0

    def _begin(self, max_elements: int, **options: Any) -> Collection:
        if self._rows is not None:
            raise RuntimeError("The index is already initiated.")
        self.max_elements = int(max_elements)
        self._rows = Collection(
            key_type="int64",
            columns={"deleted": "bool"},
            metric=_METRICS[self.space],
            element="f32",
            **options,
        )
        return self._rows

    @property
    def _there(self) -> Collection:
        if self._rows is None:
            raise RuntimeError("The index is not initiated: call init_index or load_index first.")
        return self._rows

    def _matrix(self, data: Any) -> NDArray[np.float32]:
        import numpy as np

        array = np.asarray(data, dtype=np.float32)
        if array.ndim not in (1, 2):
            raise RuntimeError("Input vector data wrong shape. Number of dimensions must be 1 or 2")
        array = array.reshape(-1, array.shape[-1])
        if array.shape[1] != self.dim:
            raise RuntimeError("Wrong dimensionality of the vectors")
        return array

    def _labels(self, ids: Any, rows: int) -> list[int]:
        import numpy as np

        if ids is None:
            return list(range(self._next, self._next + rows))
        labels = np.asarray(ids)
        if labels.shape not in ((rows,), ()) or (labels.ndim == 0 and rows != 1):
            raise RuntimeError("The input label shape does not match the input data vector shape")
        if rows and labels.dtype.kind not in "iu":
            raise RuntimeError(f"labels are integers, not {labels.dtype}")
        return [int(label) for label in labels.reshape(-1).tolist()]

    def _add(self, data: Any, ids: Any) -> None:
        rows, vectors = self._there, self._matrix(data)
        labels = self._labels(ids, len(vectors))
        if rows.index is None:
            new = len(set(labels))
        else:
            new = sum(label not in rows.index for label in set(labels))
        if len(rows) + new > self.max_elements:
            raise RuntimeError("The number of elements exceeds the specified limit")
        try:
            if labels:
                rows.put(vectors, labels, {"deleted": [False] * len(labels)})
        except Error as error:
            raise RuntimeError(str(error)) from error
        self._next += len(labels)

    def _query(
        self,
        data: Any,
        k: int,
        threads: int,
        deleted: bool,
        passes: Callable[[int], bool] | None,
        **how: Any,
    ) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
        import numpy as np

        rows, queries = self._there, self._matrix(data)
        if rows.index is None or k > len(rows):
            raise RuntimeError(_FEW)
        if deleted:
            how["filter"] = {"deleted": False}
        how["threads"] = max(threads if threads > 0 else self.num_threads, 1)
        keys: NDArray[Any]
        distances: NDArray[np.float32]
        try:
            if passes is None:
                keys, distances = rows.index.search(queries, k, **how)
            else:
                wide = how.get("ef_search", 0)
                found = [list(rows.nearest(query, k, passes, wide, **how)) for query in queries]
                if any(len(row) < k for row in found):
                    raise RuntimeError(_FEW)
                shape = (len(queries), k, 2)
                both = np.array(found, dtype=object).reshape(shape)
                keys, distances = both[..., 0].astype(np.int64), both[..., 1].astype(np.float32)
        except Error as error:
            raise RuntimeError(str(error)) from error
        if np.isinf(distances).any() and (keys < 0).any():
            raise RuntimeError(_FEW)
        if self.space == "l2":
            distances = distances * distances
        elif self.space == "ip":
            distances = 1 + distances
        return keys.astype(np.uint64), distances

    def save_index(self, path_to_index: str | os.PathLike[str]) -> None:
        """Write the index to a file of hither's, in place of one that is there."""
        rows = self._there
        if rows.index is None:
            raise RuntimeError("The index has no elements, so there is nothing to save.")
        rows.index.save(path_to_index, force=True)

    def _load(self, source: Any, max_elements: int, **options: Any) -> Collection:
        self._rows = None
        rows = self._begin(max_elements, **options)
        try:
            rows.take(_open(source))
        except (Error, OSError) as error:
            self._rows = None
            raise RuntimeError(str(error)) from error
        assert rows.index is not None
        if rows.index.dimensions != self.dim or rows.index.metric != _METRICS[self.space]:
            self._rows = None
            raise RuntimeError(
                f"{source}: it has {rows.index.dimensions} dimensions and the space {rows.index.metric},"
                f" not {self.dim} and {self.space}"
            )
        self.max_elements = max(int(max_elements), len(rows))
        self._next = len(rows)
        return rows

    def set_num_threads(self, num_threads: int) -> None:
        """Set how many threads are taken where nobody says."""
        self.num_threads = num_threads

    def get_max_elements(self) -> int:
        """How many rows there is room for."""
        return self.max_elements

    def get_current_count(self) -> int:
        """How many rows there are, those that are marked as deleted among them."""
        return 0 if self._rows is None else len(self._rows)

    def __repr__(self) -> str:
        return f"<hither.compat.hnswlib.{type(self).__name__}(space={self.space!r}, dim={self.dim})>"


class Index(_Base):
    """hnswlib's graph: ``Index(space, dim)`` with the space ``"l2"``, ``"ip"`` or ``"cosine"``."""

    def __init__(self, space: str, dim: int) -> None:
        super().__init__(space, dim)
        self.ef = 10
        self.M = 0
        self.ef_construction = 0
        self._replace = False
        self._deleted: set[int] = set()

    def init_index(
        self,
        max_elements: int,
        M: int = 16,  # noqa: N803
        ef_construction: int = 200,
        random_seed: int = 100,
        allow_replace_deleted: bool = False,
    ) -> None:
        """Begin an index that has room for so many rows."""
        told = {"m": str(M), "ef_construction": str(ef_construction)}
        self._begin(
            max_elements, m=M, ef_construction=ef_construction, seed=random_seed, properties=told
        )
        self.M, self.ef_construction, self._replace = M, ef_construction, allow_replace_deleted

    def add_items(
        self, data: Any, ids: Any = None, num_threads: int = -1, replace_deleted: bool = False
    ) -> None:
        """Add rows ``[rows, dim]`` or one; a label that is there gets the new vector.

        Args:
            data: Vectors.
            ids: Their labels, of 63 bits. Default: the numbers that go on.
            num_threads: Not needed: the first rows are built by all threads.
            replace_deleted: Rows that are marked as deleted make room for those that come.
        """
        if replace_deleted and not self._replace:
            raise RuntimeError("Replacement of deleted elements is disabled in constructor")
        labels = self._labels(ids, len(self._matrix(data)))
        given = set(labels) & self._deleted
        if given and not replace_deleted:
            raise RuntimeError("Can't use addPoint to update a deleted element. It is deleted.")
        if replace_deleted:
            index = self._there.index
            new = sum(index is None or label not in index for label in set(labels))
            room = sorted(self._deleted - given)[:new]
            self._there.remove(room)
            self._deleted -= {*room, *given}
        self._add(data, labels)

    def knn_query(
        self,
        data: Any,
        k: int = 1,
        num_threads: int = -1,
        filter: Callable[[int], bool] | None = None,
    ) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
        """Labels and distances of the nearest rows, both ``[queries, k]``.

        Args:
            data: One query or several.
            k: How many rows.
            num_threads: Default: ``num_threads``.
            filter: Called with a label: whether its row may be found.
        """
        hard = {"ef_search": max(self.ef, k)}
        return self._query(data, k, num_threads, bool(self._deleted), filter, **hard)

    def set_ef(self, ef: int) -> None:
        """Set how many candidates a search keeps."""
        self.ef = ef

    def get_items(self, ids: Any = None, return_type: str = "numpy") -> Any:
        """The vectors of labels, ``[labels, dim]``, or a list of lists; under cosine of length 1."""
        import numpy as np

        if return_type not in ("numpy", "list"):
            raise ValueError('return_type should be "numpy" or "list"')
        if np.ndim(ids) == 0 and ids is not None:
            raise ValueError("get_items accepts a list of indices and returns a list of vectors")
        labels = [] if ids is None else [int(label) for label in np.asarray(ids).tolist()]
        index = self._there.index
        vectors = np.empty((len(labels), self.dim), np.float32)
        for at, label in enumerate(labels):
            row = None if index is None or label in self._deleted else index.get(label)
            if row is None:
                raise RuntimeError("Label not found")
            vectors[at] = row.vector
        if self.space == "cosine":
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors if return_type == "numpy" else vectors.tolist()

    def get_ids_list(self) -> list[int]:
        """The labels of all rows, those that are marked as deleted among them."""
        index = self._there.index
        return [] if index is None else list(index)

    def mark_deleted(self, label: int) -> None:
        """Let no search find a row."""
        self._mark(label, True)

    def unmark_deleted(self, label: int) -> None:
        """Let searches find a row that was marked as deleted."""
        self._mark(label, False)

    def _mark(self, label: int, deleted: bool) -> None:
        index = self._there.index
        row = None if index is None else index.get(label)
        if row is None:
            raise RuntimeError("Label not found")
        if (label in self._deleted) == deleted:
            state = "already" if deleted else "not"
            raise RuntimeError(f"The requested to delete element is {state} deleted")
        self._there.put(row.vector.reshape(1, -1), [label], {"deleted": [deleted]})
        (self._deleted.add if deleted else self._deleted.discard)(label)

    def resize_index(self, new_size: int) -> None:
        """Make room for so many rows."""
        if new_size < len(self._there):
            raise RuntimeError("Cannot resize, max element is less than the current number of elements")
        self.max_elements = new_size

    def load_index(
        self,
        path_to_index: str | os.PathLike[str],
        max_elements: int = 0,
        allow_replace_deleted: bool = False,
    ) -> None:
        """Open a file that ``save_index`` wrote, in place of what is there. hnswlib's own files are not read."""
        index = self._load(path_to_index, max_elements).index
        assert index is not None
        self._deleted = set(index.keys({"deleted": True}).tolist())
        self.M = int(index.properties.get("m", 16))
        self.ef_construction = int(index.properties.get("ef_construction", 200))
        self._replace = allow_replace_deleted

    def index_file_size(self) -> int:
        """Bytes of the file."""
        index = self._there.index
        return 0 if index is None else len(index.to_bytes())

    @property
    def element_count(self) -> int:
        """How many rows there are, those that are marked as deleted among them."""
        return self.get_current_count()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        rows = state.pop("_rows")
        state["_bytes"] = None if rows is None or rows.index is None else rows.index.to_bytes()
        state["_begun"] = rows is not None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        data, begun = state.pop("_bytes"), state.pop("_begun")
        self.__dict__.update(state, _rows=None)
        again = (self.max_elements, self._next)
        options = {"m": self.M, "ef_construction": self.ef_construction}
        if data is not None:
            self._load(data, self.max_elements, **options)
        elif begun:
            self._begin(self.max_elements, **options)
        self.max_elements, self._next = again


class BFIndex(_Base):
    """hnswlib's exact scan."""

    def init_index(self, max_elements: int) -> None:
        """Begin an index that has room for so many rows."""
        self._begin(max_elements, kind="flat", codes="none")

    def add_items(self, data: Any, ids: Any = None) -> None:
        """Add rows; a label that is there gets the new vector."""
        self._add(data, ids)

    def knn_query(
        self,
        data: Any,
        k: int = 1,
        num_threads: int = -1,
        filter: Callable[[int], bool] | None = None,
    ) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
        """Labels and distances of the nearest rows, both ``[queries, k]``."""
        return self._query(data, k, num_threads, False, filter, exact=True)

    def delete_vector(self, label: int) -> None:
        """Remove a row."""
        self._there.remove([label])

    def load_index(self, path_to_index: str | os.PathLike[str], max_elements: int = 0) -> None:
        """Open a file that ``save_index`` wrote."""
        self._load(path_to_index, max_elements)
