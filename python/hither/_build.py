"""Building an index."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import _columns, _keys, _vectors
from ._errors import InputError
from ._native import Builder, Index

# A batch is copied on its way, so it is small beside the whole.
_BATCH_BYTES = 1 << 22
_BATCH_ROWS = 1 << 14


def build(
    vectors: Any,
    keys: Any = None,
    columns: Any = None,
    *,
    path: str | os.PathLike[str] | None = None,
    metric: str = "cosine",
    element: str = "f16",
    kind: str | list[str] | tuple[str, ...] | None = None,
    codes: str | None = None,
    m: int = 16,
    ef_construction: int = 128,
    lists: int | None = None,
    ranges: bool = False,
    seed: int = 42,
    threads: int = 0,
    memory: int | str | None = None,
    properties: Mapping[str, str] | None = None,
    types: Mapping[str, str] | None = None,
    on_invalid: str = "error",
    progress: Any = None,
    force: bool = False,
) -> Index:
    """Build an index and open it.

    The same rows and options make the same file as the command ``hither build`` does, byte for byte.

    Args:
        vectors: ``[rows, dimensions]`` of float16, float32, float64, int8 or uint8 (wider integers
            where float32 holds them): an array of NumPy's or of whatever gives its memory by the buffer
            protocol or DLPack, lists of Arrow's, or a list of lists. Or an iterator of batches, for more than memory
            holds: each is such an array, or a dict with ``"vectors"``, ``"keys"`` and ``"columns"``.
        keys: One for each row, all ``int``, all ``str`` or all ``uuid.UUID``, each once. Without
            them rows are called by their numbers, from 0.
        columns: A dict, a data frame or a table of Arrow's: for each name a value a row (None for null) of ``bool``, ``int``,
            ``float``, ``str``, ``datetime``, ``UUID``, ``bytes``, or a document (``dict``, ``list``).
        path: The file, which appears whole or not at all. Without it the index is in memory.
        metric: What "near" means, one of ``hither.metrics``.
        element: How values are stored: ``"f16"`` or ``"f32"``.
        kind: ``"flat"``, ``"hnsw"``, ``"ivf"``, or several. Default: flat up to 2,000 rows, else hnsw.
        codes: ``"sq4"``, ``"sq8"``, ``"sq8-only"`` or ``"none"``. Default: what tells the rows apart.
        m: HNSW: neighbours of a row, 2 to 100; twice as many in the base layer.
        ef_construction: HNSW: candidates weighed for each row's neighbours.
        lists: IVF: number of lists. Default: the square root of the number of rows.
        ranges: Whether there are lists for readers that fetch ranges of the file instead of all of it: a
            ninth more bytes. Not for l1 or sq8-only.
        seed: Seed of all random choices.
        threads: Threads to build with; 0 for all. The file is the same for any number.
        memory: Build within so many bytes, or ``"4G"``: in several segments that are put aside on the disk.
        properties: Facts to keep in the file, such as ``{"model": "all-MiniLM-L6-v2"}``.
        types: Types of columns where the values would say another, such as ``{"id": "text"}``: bool, int64,
            float64, text, timestamp, uuid, bytes or json. That of the keys is called ``"key"``.
        on_invalid: What to do with a row whose vector holds NaN or infinity, is zero under cosine,
            or overflows f16: ``"error"`` or ``"skip"``.
        progress: Called with ``(stage, done, total)``, or a bar of tqdm's. What it raises ends the build.
        force: Replace a file at ``path`` that is no index file.

    Raises:
        InputError: Rows or options that make no sense (a ValueError).
        FileError: The file cannot be written (an OSError).
        OutOfMemoryError: There is not enough memory (a MemoryError).
    """
    if on_invalid not in ("error", "skip"):
        raise InputError(f'on_invalid: {on_invalid!r} is neither "error" nor "skip"')
    rows: int | None = None
    batches: Iterator[_Batch]
    if isinstance(vectors, Iterator):
        if keys is not None or columns is not None:
            raise InputError("keys, columns: of batches each has its own; give them in its dict")
        batches = (_batch(batch) for batch in vectors)
    else:
        batches = iter([_batch({"vectors": vectors, "keys": keys, "columns": columns})])
    first = next(batches, None)
    if first is None:
        raise InputError("vectors: there is no batch, so nothing says their dimensions")
    if not isinstance(vectors, Iterator):
        rows = len(first[0])
    asked = dict(types or {})
    key_type = "row number"
    if first[1] is not None:
        key_type = _keys.type_of(_keys.plain(first[1]), asked.pop("key", None))
    schema = [(column.name, column.type) for column in _of_columns(first[2], asked)]
    known = [name for name, _ in schema]
    for name in asked:
        if name not in known:
            has = f"there are: {', '.join(known)}" if known else "there are no columns"
            raise InputError(f"types: there is no column {name!r}; {has}")
    builder = Builder(
        path=path,
        force=force,
        rows=rows,
        dimensions=first[0].shape[1],
        metric=metric,
        element=element,
        key_type=key_type,
        columns=schema,
        kinds=[kind] if isinstance(kind, str) else list(kind or []),
        codes=codes,
        m=m,
        ef_construction=ef_construction,
        lists=lists,
        ranges=ranges,
        seed=seed,
        threads=threads,
        memory=_bytes(memory),
        properties=[(str(name), str(value)) for name, value in (properties or {}).items()],
        skip=on_invalid == "skip",
    )
    tell = _told(progress)
    _push(builder, first, key_type, schema, tell, rows)
    for batch in batches:
        _push(builder, batch, key_type, schema, tell, rows)
    return builder.finish(tell)


_Batch = tuple[Any, Any, Any]


def _batch(given: Any) -> _Batch:
    if not isinstance(given, Mapping):
        given = {"vectors": given}
    extra = set(given) - {"vectors", "keys", "columns"}
    if extra or "vectors" not in given:
        raise InputError(
            f'a batch has "vectors", "keys" and "columns", not {", ".join(map(repr, given))}'
        )
    columns = given.get("columns")
    # What streams its columns gives them once.
    named = None if columns is None else _columns.named(columns)
    return _vectors.matrix(given["vectors"], "vectors"), given.get("keys"), named


def _of_columns(columns: Any, types: Mapping[str, str]) -> list[_columns.Column]:
    if columns is None:
        return []
    named = _columns.named(columns)
    return [_columns.Column(name, values, types.get(name)) for name, values in named.items()]


def _push(
    builder: Builder,
    batch: _Batch,
    key_type: str,
    schema: list[tuple[str, str]],
    tell: Callable[[str, int, int], object] | None,
    total: int | None,
) -> None:
    vectors, keys, given = batch
    rows = len(vectors)
    listed = None if keys is None else _keys.listed(keys, rows, False)
    if listed is not None and key_type == "text":
        listed = [str(key) if type(key) is int else key for key in listed]
    columns = _of_columns(given, dict(schema))
    if [column.name for column in columns] != [name for name, _ in schema]:
        names = ", ".join(column.name for column in columns) or "none"
        first = ", ".join(name for name, _ in schema) or "none"
        raise InputError(f"columns: this batch has {names}, and the first had {first}")
    for column in columns:
        if column.rows != rows:
            raise InputError(
                f"column {column.name!r}: there are {column.rows} values for {rows} rows"
            )
    step = max(1, min(_BATCH_ROWS, _BATCH_BYTES // (4 * vectors.shape[1])))
    for start in range(0, rows, step):
        end = min(start + step, rows)
        builder.push(
            _vectors.float32(vectors[start:end], "vectors"),
            None if listed is None else listed[start:end],
            [column.slice(start, end) for column in columns],
            tell,
        )
        if tell is not None:
            tell("reading", end, total or 0)


def _bytes(size: int | str | None) -> int | None:
    if size is None or isinstance(size, int):
        return size
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", size.lower())
    if found is None:
        raise InputError(f"memory: {size!r} is no size; write 4G, 1.5G or 500M")
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " kmgt".index(unit or " "))


def _told(progress: Any) -> Callable[[str, int, int], object] | None:
    """What is called with stage, done and total."""
    if progress is None:
        return None
    if not hasattr(progress, "update"):
        if not callable(progress):
            kind = type(progress).__name__
            raise InputError(f"progress: expected a function or a bar of tqdm's, not {kind}")
        call: Callable[[str, int, int], object] = progress
        return call

    def tell(stage: str, done: int, total: int) -> None:
        if getattr(progress, "desc", None) != f"{stage}: " and hasattr(progress, "reset"):
            progress.reset(total=total or None)
            progress.set_description(stage, refresh=False)
        progress.update(done - progress.n)

    return tell

