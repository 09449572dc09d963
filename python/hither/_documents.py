"""Documents with metadata as rows: each name that is filtered by is a column, the rest is a column of JSON."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import _columns
from ._errors import InputError

# What a column gives back as it was put in, so that it need not be in the JSON, too.
_EXACT = {"bool": bool, "int64": int, "float64": float, "text": str, "uuid": uuid.UUID, "bytes": bytes}


def columns_of(metadatas: Iterable[Mapping[str, Any]], reserved: Sequence[str]) -> dict[str, str]:
    """Columns for the names under which all of these have values of one type."""
    named: dict[str, list[Any]] = {}
    for metadata in metadatas:
        for name, value in metadata.items():
            named.setdefault(name, []).append(value)
    found: dict[str, str] = {}
    for name, values in named.items():
        try:
            column_type = _columns.Column(name, values).type
        except InputError:
            continue
        empty = all(value is None for value in values)
        if name not in reserved and column_type != "json" and not empty:
            found[name] = column_type
    return found


def rows(
    metadatas: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> dict[str, list[Any]]:
    """For each column, and for ``"metadata"``, the values of all documents."""
    values: dict[str, list[Any]] = {name: [] for name in columns}
    rest: list[dict[str, Any]] = []
    for metadata in metadatas:
        for name, column_type in columns.items():
            values[name].append(_fitting(name, metadata.get(name), column_type))
        rest.append({name: it for name, it in metadata.items() if not _is_kept(it, columns.get(name))})
    return {**values, "metadata": rest}


def metadata(row: Mapping[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    """The metadata of a row."""
    kept = {name: row[name] for name in columns if row[name] is not None}
    return {**kept, **(row["metadata"] or {})}


def _is_kept(value: Any, column_type: str | None) -> bool:
    if column_type == "timestamp":
        return isinstance(value, dt.datetime)
    return column_type in _EXACT and type(value) is _EXACT[column_type]


def _fitting(name: str, value: Any, column_type: str) -> Any:
    try:
        found = None if value is None else _columns.Column(name, [value]).type
    except InputError:
        found = "none"
    fits = found in (None, column_type) or (found, column_type) == ("int64", "float64")
    if fits or (column_type in ("timestamp", "uuid") and found == "text"):
        return value
    raise InputError(
        f"metadata {name!r}: {value!r} does not go with the others, which are {column_type}; say"
        f' what it is when the store is made, such as columns={{"{name}": "text"}}, or leave it out of columns',
        "column_type",
    )
