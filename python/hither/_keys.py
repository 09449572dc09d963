"""Keys: integers, text or UUIDs."""

from __future__ import annotations

import uuid
from typing import Any

from . import _arrow
from ._errors import InputError


def plain(keys: Any, name: str = "keys") -> list[Any]:
    """A list of Python's objects."""
    if isinstance(keys, list):
        return keys
    column = _arrow.column(keys, name)
    if column is not None:
        return column.to_list()
    if isinstance(keys, (str, bytes, dict)) or not hasattr(keys, "__iter__"):
        raise InputError(f"{name}: expected a list or an array, not {type(keys).__name__}")
    if getattr(keys, "ndim", 1) != 1:
        raise InputError(f"{name}: expected one key a row, not the shape {list(keys.shape)}")
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(keys, method):
            return list(getattr(keys, method)())
    return list(keys)


def type_of(keys: list[Any], wanted: str | None = None) -> str:
    """The type of keys that these are."""
    if wanted is not None:
        if wanted not in ("int64", "text", "uuid"):
            raise InputError(f"types: keys are int64, text or uuid, not {wanted}")
        return wanted
    types = set(map(type, keys))
    if all(issubclass(kind, str) for kind in types):
        return "text"
    if all(issubclass(kind, uuid.UUID) for kind in types):
        return "uuid"
    if all(hasattr(kind, "__index__") and kind is not bool for kind in types):
        return "int64"
    names = sorted(kind.__name__ for kind in types)
    raise InputError(f"keys: they are {' and '.join(names)}; keys are all int, str or uuid.UUID")


def listed(keys: Any, rows: int, single: bool) -> list[Any]:
    """The keys of so many rows, or of a single one."""
    found = [keys] if single else plain(keys)
    if len(found) != rows:
        raise InputError(f"keys: there are {len(found)} for {rows} rows")
    return found


def several(keys: Any) -> list[Any]:
    """One key or several."""
    one = isinstance(keys, (str, uuid.UUID)) or not hasattr(keys, "__iter__")
    return [keys] if one or getattr(keys, "ndim", 1) == 0 else plain(keys)
