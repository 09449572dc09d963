"""What the package is written over. ``Builder`` and ``command`` are its own affair."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, SupportsIndex, TypeVar, final, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import CapsuleType

__all__ = [
    "SearchResult",
    "Hit",
    "Row",
    "ArrowColumn",
    "arrow_column",
    "arrow_table",
    "ArrowRows",
    "ArrowVectors",
    "Builder",
    "Index",
    "LazyIndex",
    "Traffic",
    "open",
    "command",
    "METRICS",
    "VERSION",
]

METRICS: tuple[str, ...]
VERSION: str

_T = TypeVar("_T")

@final
class Hit:
    """A row of an answer."""

    @property
    def key(self) -> Any:
        """Its key: ``int``, ``str`` or ``uuid.UUID``."""
    @property
    def distance(self) -> float:
        """Its distance, as pgvector's operator for the metric gives it."""
    @property
    def columns(self) -> dict[str, Any]:
        """Its attributes by name."""
    def __getitem__(self, name: str, /) -> Any: ...

@final
class Row:
    """A row as it is stored."""

    @property
    def key(self) -> Any:
        """Its key: ``int``, ``str`` or ``uuid.UUID``."""
    @property
    def vector(self) -> NDArray[np.float32]:
        """Its vector, ``[dimensions]``."""
    @property
    def columns(self) -> dict[str, Any]:
        """Its attributes by name."""
    def __getitem__(self, name: str, /) -> Any: ...

@final
class SearchResult:
    """Keys and distances of the rows that a search found: ``keys, distances = index.search(…)``."""

    @property
    def keys(self) -> NDArray[Any]:
        """Keys, nearest first: ``[found]`` for one query, ``[queries, k]`` for several, padded with -1 (None if
        keys are text or UUIDs) where fewer rows were found."""
    @property
    def distances(self) -> NDArray[np.float32]:
        """Distances, of the same shape; infinite where fewer rows were found."""
    @property
    def reached_recall(self) -> float | None:
        """The recall that the calibration reached, if more was wanted."""
    def hits(self) -> Any:
        """The rows with their attributes: a list of ``Hit`` for one query, a list of such lists for several."""
    def __iter__(self) -> Iterator[NDArray[Any]]: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, at: SupportsIndex, /) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, at: slice, /) -> tuple[NDArray[Any], ...]: ...

@final
class Index:
    """An open index: memory-mapped, so that rows are read in place. Threads may share it."""

    def search(
        self,
        queries: Any = None,
        k: int | None = None,
        *,
        filter: Mapping[str, Any] | str | None = None,
        recall: float | None = None,
        ef_search: int | None = None,
        probes: int | None = None,
        exact: bool = False,
        radius: float | None = None,
        metric: str | None = None,
        like: Any = None,
        threads: int = 0,
    ) -> SearchResult:
        """Find the nearest rows, nearest first, ties by key.

        Args:
            queries: One vector ``[dimensions]`` or several ``[queries, dimensions]``, as ``hither.build``
                takes them.
            k: The number of rows. Default 10; with ``radius`` all.
            filter: Only rows that match, such as ``{"year": {"$gte": 2020}, "lang": "en"}``; as JSON, too.
            recall: Search with the effort that reaches this recall, by the file's calibration.
            ef_search: HNSW: candidates kept during the search. Default 40.
            probes: IVF: lists to look into. Default 16.
            exact: Scan all rows.
            radius: All rows within this distance, by an exact scan; with ``k`` the ``k`` nearest of them, as a
                search finds them.
            metric: Another metric: only if all rows have unit length, or with ``exact``.
            like: Instead of queries, the key of a row: finds the rows nearest to it, without itself.
            threads: Threads for several queries; 0 for all.

        Raises:
            InputError: Invalid queries, filter or options (a ValueError).
            KeyNotFoundError: No row has the key ``like`` (a KeyError).
            FileError: The file is damaged where the search reads (an OSError).
        """
    @overload
    def get(self, key: Any) -> Row | None: ...
    @overload
    def get(self, key: Any, default: _T) -> Row | _T:
        """The row with this key, or the default."""
    def insert(self, vectors: Any, keys: Any = None, columns: Any = None) -> Any:
        """Insert one row or several in memory, all or none; returns the key, or the keys.

        Args:
            vectors: ``[dimensions]`` or ``[rows, dimensions]``.
            keys: A key, or one per row. Not needed if keys are row numbers, which continue, or UUIDs,
                which are random.
            columns: A dict of values, or of lists. A column that is not given is null.

        Raises:
            InputError: A key that already exists, or invalid rows (a ValueError).
        """
    def update(self, vectors: Any, keys: Any, columns: Any = None) -> None:
        """Replace rows in memory: their vectors, and the given columns.

        If a row's vector is rejected, the rows before it stay updated.

        Raises:
            KeyNotFoundError: No row has this key, and none is updated (a KeyError).
            InputError: Invalid rows (a ValueError).
        """
    def remove(self, keys: Any, *, missing_ok: bool = False) -> int:
        """Remove one row or several in memory, all or none; returns their number.

        Raises:
            KeyNotFoundError: No row has this key, and ``missing_ok`` does not allow that (a KeyError).
        """
    def save(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        compact: bool = False,
        threads: int = 0,
        progress: Callable[[str, int, int], object] | None = None,
        force: bool = False,
    ) -> None:
        """Write the index to its file, or to another; it appears whole or not at all.

        Args:
            path: Another file. Default its own, which is then opened again.
            compact: Build the index anew from its rows, however long that takes. Without it new rows
                become a segment of their own, and removed ones are marked.
            threads: Threads to build with; 0 for all.
            progress: Called with ``(stage, done, total)``. An exception that it raises ends the saving.
            force: Replace a file at ``path`` that is not an index file.

        Raises:
            FileError: The file cannot be written, or another program has changed it (an OSError).
        """
    def to_bytes(self, *, compact: bool = False, threads: int = 0) -> bytes:
        """The bytes of the file that ``save`` would write; ``hither.open`` accepts them.

        Args:
            compact: Build the index anew from its rows. See ``save``.
            threads: Threads to build with; 0 for all.
        """
    def keys(self, filter: Mapping[str, Any] | str | None = None) -> NDArray[Any]:
        """The keys of all rows, or of those that match, ``[rows]``, in storage order. ``iter(index)`` goes
        through them.
        """
    def verify(self) -> None:
        """Check every checksum, key and id. Raises FileError if the file is damaged."""
    def close(self) -> None:
        """Release the file and its memory. Later calls raise InputError, with the code ``freed``."""
    @property
    def path(self) -> str | None:
        """The path or URL of the file; None for an index in memory."""
    @property
    def dimensions(self) -> int:
        """The number of values of a vector."""
    @property
    def metric(self) -> str:
        """The metric of distances."""
    @property
    def element(self) -> str:
        """The type in which values are stored."""
    @property
    def key_type(self) -> str:
        """The type of the keys: ``"row number"``, ``"int64"``, ``"uuid"`` or ``"text"``."""
    @property
    def columns(self) -> dict[str, str]:
        """The types of the columns by name."""
    @property
    def properties(self) -> dict[str, str]:
        """The properties that are stored in the file."""
    @property
    def kind(self) -> list[str]:
        """The structures to search by."""
    @property
    def nbytes(self) -> int:
        """The size of the file in bytes."""
    def __len__(self) -> int: ...
    def to_arrow(
        self,
        *,
        filter: Mapping[str, Any] | str | None = None,
        columns: Sequence[str] | None = None,
        vectors: bool = True,
    ) -> ArrowRows:
        """All rows, or those that match, as a table of Arrow's: ``key``, the columns, and ``vector`` as lists of float32 of one
        length. Polars, pandas, pyarrow, DuckDB and others take it without a copy in Python, and read it a batch at a
        time; once the index has changed, that fails.

        Args:
            filter: Only rows that match, such as ``{"lang": "en"}``.
            columns: The names of columns. Default all.
            vectors: Whether the vectors are among them.

        Raises:
            InputError: A filter that makes no sense (a ValueError).
            KeyNotFoundError: There is no such column (a KeyError).
        """
    def __iter__(self) -> Iterator[Any]: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __getitem__(self, key: Any, /) -> Row: ...
    def __enter__(self) -> Index: ...
    def __exit__(
        self,
        *_error: type[BaseException] | BaseException | TracebackType | None,
    ) -> None: ...

@final
class Traffic:
    """What an index on a server has cost since it was opened."""

    @property
    def requests(self) -> int:
        """Requests, including repeated ones."""
    @property
    def bytes(self) -> int:
        """Bytes of the file that were received."""
    @property
    def round_trips(self) -> int:
        """How often requests were waited for. Several requests may be in flight at once."""

@final
class LazyIndex:
    """An index file on a server, from ``hither.open(url, lazy=True)``: a search requests only the ranges that it reads, and
    nothing is written to the disk. The file must have been built with ``ranges=True``. Threads may share it; questions
    are answered one after another.
    """

    def search(
        self,
        queries: Any = None,
        k: int | None = None,
        *,
        filter: Mapping[str, Any] | str | None = None,
        recall: float | None = None,
        probes: int | None = None,
        exact: bool = False,
        radius: float | None = None,
        metric: str | None = None,
        like: Any = None,
    ) -> SearchResult:
        """Find the nearest rows, nearest first, ties by key. Several queries are answered one after another.

        Args:
            queries: One vector ``[dimensions]`` or several ``[queries, dimensions]``, as ``hither.build``
                takes them.
            k: How many rows. Default 10; with ``radius`` all.
            filter: Only rows that match. Reads the columns that it names, whole, once.
            recall: Search as hard as this recall takes, by the file's calibration.
            probes: Lists to look into. Default 28.
            exact: Read the vectors of all rows.
            radius: All rows within this distance, which reads the vectors of all rows; with ``k`` the nearest so
                many, as a search finds them, that are within it.
            metric: Measure by another metric: where all rows have unit length, or with ``exact``.
            like: In place of queries, the key of a row: those nearest to it, without itself. Reads all keys of
                files that were built before there was a directory of them.

        Raises:
            InputError: Queries, filter or options that make no sense (a ValueError).
            KeyNotFoundError: No row has the key ``like`` (a KeyError).
            FileError: The server does not answer, or the file is damaged or was replaced (an OSError).
        """
    @overload
    def get(self, key: Any) -> Row | None: ...
    @overload
    def get(self, key: Any, default: _T) -> Row | _T:
        """The row that has this key, or else the default. Reads all keys of files without a directory of them."""
    @property
    def traffic(self) -> Traffic:
        """What this index has cost since it was opened."""
    def close(self) -> None:
        """Close connections and free memory. Later calls raise InputError, with the code ``freed``."""
    @property
    def path(self) -> str:
        """Its URL."""
    @property
    def dimensions(self) -> int:
        """Values of a vector."""
    @property
    def metric(self) -> str:
        """What "near" means."""
    @property
    def element(self) -> str:
        """How values are stored."""
    @property
    def key_type(self) -> str:
        """What rows are called by: ``"row number"``, ``"int64"``, ``"uuid"`` or ``"text"``."""
    @property
    def columns(self) -> dict[str, str]:
        """The types of the columns by their names."""
    @property
    def properties(self) -> dict[str, str]:
        """Facts that are kept in the file."""
    @property
    def nbytes(self) -> int:
        """Bytes of the file."""
    def __len__(self) -> int: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __getitem__(self, key: Any, /) -> Row: ...
    def __enter__(self) -> LazyIndex: ...
    def __exit__(
        self,
        *_error: type[BaseException] | BaseException | TracebackType | None,
    ) -> None: ...

@final
class ArrowRows:
    """Rows of an index as a table of Arrow's, which whoever takes one reads by the C data interface: ``polars.DataFrame(rows)``,
    ``pyarrow.table(rows)``, ``pandas.DataFrame.from_arrow(rows)``, DuckDB's ``FROM rows``. They may be read several times.
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> CapsuleType:
        """Arrow's own method: a stream of batches. Another schema than the rows' own is not made."""
    def __arrow_c_schema__(self) -> CapsuleType:
        """Arrow's own method: names and types of the columns."""
    def __len__(self) -> int: ...

@final
class ArrowColumn:
    """A column of Arrow's, or a part of it."""

    @property
    def name(self) -> str: ...
    @property
    def rows(self) -> int: ...
    def column_type(self, wanted: str | None = None) -> str:
        """The type of the index's column, if this one is asked for; another one where Arrow's values do not give it."""
    def slice(self, start: int, end: int) -> ArrowColumn:
        """Some of its rows. Nothing is copied."""
    def to_list(self) -> list[Any]:
        """Its values as Python has them."""
    def vectors(self) -> ArrowVectors | None:
        """Its lists of numbers as vectors; None where it has none."""

@final
class ArrowVectors:
    """Vectors that Arrow holds as lists, or some of them."""

    @property
    def shape(self) -> tuple[int, int]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> ArrowVectors: ...

def arrow_table(object: Any) -> list[ArrowColumn]:
    """The columns of a table of Arrow's."""

def arrow_column(name: str, arrays: Sequence[Any]) -> ArrowColumn:
    """Arrays of Arrow's as one column."""

@final
class Builder:
    def __new__(
        cls,
        *,
        path: str | os.PathLike[str] | None,
        force: bool,
        rows: int | None,
        dimensions: int,
        metric: str,
        element: str,
        key_type: str,
        columns: Sequence[tuple[str, str]],
        kinds: Sequence[str],
        codes: str | None,
        m: int,
        ef_construction: int,
        lists: int | None,
        ranges: bool,
        seed: int,
        threads: int,
        memory: int | None,
        properties: Sequence[tuple[str, str]],
        skip: bool,
    ) -> Builder: ...
    def push(
        self,
        vectors: NDArray[np.float32] | ArrowVectors,
        keys: Sequence[Any] | None,
        columns: Sequence[Sequence[Any] | ArrowColumn],
        progress: Callable[[str, int, int], object] | None,
    ) -> None: ...
    def finish(self, progress: Callable[[str, int, int], object] | None) -> Index: ...

@overload
def open(
    path: str | os.PathLike[str] | bytes | bytearray | memoryview, lazy: Literal[False] = False
) -> Index: ...
@overload
def open(path: str, lazy: Literal[True], *, cache_bytes: int | None = None) -> LazyIndex: ...
@overload
def open(
    path: str | os.PathLike[str] | bytes | bytearray | memoryview,
    lazy: bool = False,
    *,
    cache_bytes: int | None = None,
) -> Index | LazyIndex:
    """Open an index: a local file, which is memory-mapped, a file on a server, or the bytes of a file.

    Args:
        path: A path, or ``https://…``, ``http://…`` or ``s3://bucket/key``: such a file is downloaded whole into a
            cache, as by the command ``hither``, with the same environment variables. Or the bytes of
            a file, such as ``Index.to_bytes`` returns, which are copied.
        lazy: Of a URL: leave the file on its server, and request the ranges that a search reads. Such a file was
            built with ``ranges=True``; see ``LazyIndex``.
        cache_bytes: Of a lazy index: how many bytes of the file are kept in memory. Default 256 MiB.

    Raises:
        MissingFileError: There is no such file (a FileNotFoundError).
        FileError: It cannot be read, is damaged, or is not an index file (an OSError).
    """

def command(arguments: Sequence[str]) -> int: ...
