"""Filters as JSON."""

from __future__ import annotations

import json as _json
import math
from typing import Any

from ._errors import InputError
from ._values import text


def json(condition: Any) -> str:
    """A filter as JSON text."""
    if not isinstance(condition, dict):
        kind = type(condition).__name__
        raise InputError(f"filter: expected a dict or JSON text, not {kind}", "invalid_filter")
    try:
        return _json.dumps(_plain(condition), allow_nan=False)
    except RecursionError:
        raise InputError("filter: it is nested too deeply", "invalid_filter") from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise InputError(f"filter: {name!r} is no name of a column", "invalid_filter")
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    written = text(value)
    if written is None:
        kind = type(value).__name__
        raise InputError(f"filter: {kind} is no value of a column", "invalid_filter")
    return written
