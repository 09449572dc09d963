"""Columns of attributes, from whatever has names and values."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Any

from . import _arrow
from ._errors import InputError, make
from ._native import ArrowColumn, arrow_table
from ._values import micros

TYPES = ("bool", "int64", "float64", "text", "timestamp", "uuid", "bytes", "json")


def named(columns: Any) -> dict[str, Any]:
    """The columns of a dict or a data frame by their names."""
    if isinstance(columns, Mapping):
        found = dict(columns)
    elif _arrow.is_table(columns):
        listed = arrow_table(columns)
        found = {column.name: column for column in listed}
        if len(found) < len(listed):
            names = ", ".join(column.name for column in listed)
            raise InputError(f"columns: two have the same name, of {names}")
    elif hasattr(columns, "columns") and hasattr(columns, "__getitem__"):
        found = {name: columns[name] for name in columns.columns}
        if len(found) < len(columns.columns):
            raise InputError(f"columns: two have the same name, of {list(columns.columns)}")
    else:
        kind = type(columns).__name__
        raise InputError(f"columns: expected a dict or a data frame, not {kind}")
    for name in found:
        if not isinstance(name, str):
            raise InputError(f"columns: the name {name!r} is no text")
    return found


class Column:
    """The values of a column: its type, and its rows as lists of plain objects, or as Arrow holds them."""

    def __init__(self, name: str, values: Any, wanted: str | None = None) -> None:
        if wanted is not None and wanted not in TYPES:
            raise InputError(f"types: there is no type {wanted!r}; there are: {', '.join(TYPES)}")
        self.name = name
        self._array = None
        self._arrow = values if isinstance(values, ArrowColumn) else _arrow.column(values, name)
        if self._arrow is not None:
            self.rows = self._arrow.rows
            self.type = wanted or self._arrow.column_type()
            self._is_arrow = self._arrow.column_type(self.type) == self.type
            return
        self._array = _array(values)
        if self._array is not None:
            if self._array.ndim != 1:
                shape = list(self._array.shape)
                raise InputError(f"column {name!r}: expected a value a row, not the shape {shape}")
            self._values: list[Any] = []
            self.type = wanted or _type_of_array(name, self._array)
            self.rows = len(self._array)
        else:
            self._values = _plain(name, values)
            self.type = wanted or _type_of_list(name, self._values)
            self.rows = len(self._values)

    def slice(self, start: int, end: int) -> list[Any] | ArrowColumn:
        """The values of some rows."""
        if self._arrow is not None:
            part = self._arrow.slice(start, end)
            # What Arrow's values do not give, Python's may: times of text, documents of numbers.
            return part if self._is_arrow else _written(self.name, part.to_list(), self.type)
        values = self._values[start:end] if self._array is None else self._of_array(start, end)
        return _written(self.name, values, self.type)

    def _of_array(self, start: int, end: int) -> list[Any]:
        assert self._array is not None
        part = self._array[start:end]
        if part.dtype.kind == "M":
            import numpy as np

            missing = np.isnat(part)
            listed = part.astype("datetime64[us]").astype("int64").tolist()
            return [None if gone else it for it, gone in zip(listed, missing, strict=True)]
        if part.dtype.kind == "S":
            return [it.decode() for it in part.tolist()]
        return list(part.tolist())


def _array(values: Any) -> Any:
    """The values as NumPy's array, if they are one that says its type."""
    if type(values).__module__.split(".")[0] != "numpy":
        return None
    return values if values.dtype.kind != "O" else None


def _type_of_array(name: str, array: Any) -> str:
    known = {"b": "bool", "i": "int64", "u": "int64", "f": "float64", "U": "text", "S": "text"}
    known |= {"T": "text", "M": "timestamp"}
    found = known.get(array.dtype.kind)
    if found is None or array.dtype.itemsize > 8 and found == "float64":
        raise InputError(f"column {name!r}: no column type holds {array.dtype}")
    return found


def _plain(name: str, values: Any) -> list[Any]:
    if isinstance(values, list):
        return values
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__iter__"):
        kind = type(values).__name__
        raise InputError(f"column {name!r}: expected a list or an array, not {kind}")
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(values, method):
            return list(getattr(values, method)())
    return list(values)


def _type_of_list(name: str, values: list[Any]) -> str:
    types = set(map(type, values))
    types.discard(type(None))
    found = {_type_of(name, kind) for kind in types}
    found.discard("null")
    if not found:
        return "text"
    if found == {"int64", "float64"}:
        return "float64"
    if len(found) > 1:
        message = f"column {name!r}: its values are {' and '.join(sorted(found))}"
        raise InputError(f"{message}; give values of one type, or name one in types", "column_type")
    return found.pop()


def _type_of(name: str, kind: type) -> str:
    # Of what pandas has in place of nulls, one is a float and one a time.
    if kind.__name__ in ("NaTType", "NAType"):
        return "null"
    for known, what in (
        (bool, "bool"),
        (int, "int64"),
        (float, "float64"),
        (str, "text"),
        (dt.date, "timestamp"),
        (uuid.UUID, "uuid"),
        (bytes, "bytes"),
        ((dict, list, tuple), "json"),
    ):
        if issubclass(kind, known):
            return what
    if kind.__module__ == "numpy":
        scalar = type(kind().item())
        if scalar is not kind:
            return _type_of(name, scalar)
    raise InputError(f"column {name!r}: no column type holds {kind.__name__}", "column_type")


def _written(name: str, values: list[Any], column_type: str) -> list[Any]:
    """Values as they cross: moments as microseconds, UUIDs as bytes, documents as JSON."""
    plain: set[type] = {type(None), bool, int, float, str, bytes}
    changes: dict[str, set[type]] = {
        "json": plain - {type(None)},
        "text": {int},
        "timestamp": {str},
        "uuid": {str},
    }
    if set(map(type, values)) <= plain - changes.get(column_type, set()):
        return values
    return [_write(name, value, column_type) for value in values]


def _write(name: str, value: Any, column_type: str) -> Any:
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return None
    if type(value).__module__ == "numpy":
        value = value.item()
    if column_type == "json":
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise InputError(f"column {name!r}: {error}", "column_type") from error
    if column_type == "timestamp" and isinstance(value, dt.date):
        return micros(value)
    if column_type == "timestamp" and isinstance(value, str):
        try:
            return micros(dt.datetime.fromisoformat(value))
        except ValueError as error:
            raise InputError(f"column {name!r}: {error}", "column_type") from error
    if column_type == "uuid" and isinstance(value, (str, uuid.UUID)):
        try:
            return uuid.UUID(str(value)).bytes
        except ValueError as error:
            raise InputError(f"column {name!r}: {value!r}: {error}", "column_type") from error
    if column_type == "text" and isinstance(value, (int, uuid.UUID)) and type(value) is not bool:
        return str(value)
    return value


def for_index(
    columns: Any, schema: list[tuple[str, str]], rows: int, single: bool
) -> list[list[Any] | ArrowColumn | None]:
    """For each column of an index the values of so many rows, or of a single one; None if not given."""
    given = named(columns)
    known = [name for name, _ in schema]
    for name in given:
        if name not in known:
            has = f"there are: {', '.join(known)}" if known else "this index has no attribute columns"
            raise make("unknown_column", f'there is no column "{name}"; {has}')
    lists: list[list[Any] | ArrowColumn | None] = []
    for name, column_type in schema:
        if name not in given:
            lists.append(None)
            continue
        column = Column(name, [given[name]] if single else given[name], column_type)
        if column.rows != rows:
            raise InputError(f"column {name!r}: there are {column.rows} values for {rows} rows")
        lists.append(column.slice(0, rows))
    return lists
