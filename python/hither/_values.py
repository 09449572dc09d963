"""Moments, UUIDs and documents: what Python has, and what a column holds."""

from __future__ import annotations

import datetime as dt
import json
import uuid as _uuid
from typing import Any

_START = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)
_INFINITY = 2**63 - 1


def micros(value: dt.date) -> int:
    """Microseconds since 1970 UTC of a date or a time; without a zone it is UTC."""
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=dt.timezone.utc)
    return (value - _START) // _MICROSECOND


def moment(micros: int) -> dt.datetime | str:
    """A time in UTC; text for what ``datetime`` does not hold."""
    try:
        return _START + dt.timedelta(microseconds=micros)
    except OverflowError:
        infinite = {_INFINITY: "infinity", -_INFINITY - 1: "-infinity"}
        return infinite.get(micros, f"{micros} microseconds since 1970")


def uuid(raw: bytes) -> _uuid.UUID:
    """A UUID of its bytes."""
    return _uuid.UUID(bytes=raw)


def document(text: str) -> Any:
    """What JSON text says."""
    return json.loads(text)


def text(value: Any) -> str | None:
    """A moment, a UUID or bytes as filters write them; None for anything else."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, _uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return None
