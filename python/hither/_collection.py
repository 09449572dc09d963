"""An index that its first rows make and later ones grow: what the drop-ins and the vector stores stand over."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._build import build
from ._errors import InputError
from ._native import Index, open

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Rows that were put into an open index are scanned by every search, until they are so many.
_SCANNED = 4_096


class Collection:
    """Rows with keys, put and removed at any time; a file at ``path`` is opened, where there is one.

    Threads may share it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        key_type: str,
        columns: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.path = path
        self.columns = dict(columns or {})
        self.index: Index | None = None
        self._key_type = key_type
        self._options = options
        self._lock = threading.RLock()
        self._put = 0
        if path is not None and ("://" in os.fspath(path) or os.path.exists(path)):
            self.take(open(path))

    def take(self, index: Index) -> None:
        """Go on with this index.

        Raises:
            InputError: Its keys are of another type, or a column is not there.
        """
        if index.key_type != self._key_type:
            raise InputError(
                f"{index.path}: its keys are {index.key_type}, not {self._key_type}", "key_type"
            )
        for name, column_type in self.columns.items():
            found = index.columns.get(name)
            if found != column_type:
                what = "has no such column" if found is None else f"has it as {found}"
                raise InputError(f"{index.path}: the column {name!r} is {column_type}, and the file {what}")
        self.columns = index.columns
        self.index, self._put = index, 0

    def __len__(self) -> int:
        return 0 if self.index is None else len(self.index)

    def put(self, vectors: Any, keys: Sequence[Any], columns: Mapping[str, Sequence[Any]]) -> None:
        """Insert rows, in place of those that have their keys. Of rows with one key the last counts."""
        last = {key: row for row, key in enumerate(keys)}
        with self._lock:
            if self.index is None:
                rows = list(last.values())
                self.index = self._built(vectors, rows, keys, columns)
                return
            known = [row for key, row in last.items() if key in self.index]
            new = [row for key, row in last.items() if key not in self.index]
            for rows, change in ((new, self.index.insert), (known, self.index.update)):
                if rows:
                    part = {name: [values[row] for row in rows] for name, values in columns.items()}
                    change(vectors[rows], [keys[row] for row in rows], part)
            self._put += len(last)
            if self.path is None and self._has_grown(self.index):
                self.take(open(self.index.to_bytes(compact=True)))

    def remove(self, keys: Sequence[Any]) -> int:
        """Remove rows, and give how many there were."""
        with self._lock:
            return 0 if self.index is None else self.index.remove(list(keys), missing_ok=True)

    def clear(self) -> None:
        """Remove all rows."""
        with self._lock:
            if self.index is not None:
                self.index.remove(self.index.keys())

    def save(self, path: str | os.PathLike[str] | None = None) -> None:
        """Write the file, or another. Nothing is written where no row ever came."""
        with self._lock:
            if self.index is None:
                return
            if path is None and self.index.path is None:
                path = self.path
            self.index.save(path, compact=self._has_grown(self.index))
            if path is None:
                self._put = 0

    def _has_grown(self, index: Index) -> bool:
        return self._put > max(_SCANNED, len(index) // 4)

    def _built(
        self, vectors: Any, rows: list[int], keys: Sequence[Any], columns: Mapping[str, Sequence[Any]]
    ) -> Index:
        return build(
            vectors[rows],
            [keys[row] for row in rows],
            {name: [columns[name][row] for row in rows] for name in self.columns},
            types={**self.columns, "key": self._key_type},
            **{"kind": "hnsw", "path": self.path, **self._options},
        )

    def nearest(
        self, query: Any, k: int, passes: Callable[[Any], bool], wide: int = 0, **how: Any
    ) -> Iterator[tuple[Any, float]]:
        """Keys and distances of the ``k`` nearest rows whose key passes: a search for more and more rows, in the
        end for all of them.
        """
        if self.index is None:
            return
        known: dict[Any, bool] = {}
        rows = len(self.index)
        width = max(k, wide)
        while True:
            if width * 4 >= rows:
                width, how = rows, {"exact": True, "filter": how.get("filter")}
            keys: NDArray[Any]
            distances: NDArray[np.float32]
            keys, distances = self.index.search(query, max(width, 1), **how)
            passing = [at for at, key in enumerate(keys.tolist()) if _ask(known, key, passes)]
            if len(passing) >= k or width >= rows:
                break
            width *= 4
        for at in passing[:k]:
            yield keys[at], float(distances[at])


def _ask(known: dict[Any, bool], key: Any, passes: Callable[[Any], bool]) -> bool:
    if key not in known:
        known[key] = bool(passes(key))
    return known[key]
