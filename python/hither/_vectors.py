"""Vectors as NumPy's arrays. NumPy is imported when the first come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _arrow
from ._errors import InputError
from ._native import ArrowVectors

if TYPE_CHECKING:
    import numpy as np


def numbers(values: Any, name: str) -> np.ndarray[Any, Any]:
    """An array of numbers, not copied where it need not be, of any type that holds vectors."""
    import numpy as np

    array = _array(values, name)
    if array.dtype.kind == "O":
        array = _lists(values, name)
    kind, size = array.dtype.kind, array.dtype.itemsize
    if not (kind in "iu" or (kind == "f" and size in (2, 4, 8))):
        if kind == "O":
            what = "objects; give rows of numbers that are all of one length"
        elif kind == "b":
            what = "truth values; give 0 and 1 as uint8"
        elif kind == "c":
            what = "complex numbers; give their real numbers"
        else:
            what = f"{array.dtype}; give float16, float32, float64, int8 or uint8"
        raise InputError(f"{name}: they are {what}")
    return np.asarray(array)


def _array(values: Any, name: str) -> np.ndarray[Any, Any]:
    import numpy as np

    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "__dlpack__"):
        try:
            return np.from_dlpack(values)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            # Such as bfloat16, or what lies on another device.
            if not hasattr(values, "__array__"):
                raise InputError(f"{name}: {error}") from error
    if isinstance(values, (str, bytes, dict)) or values is None:
        raise InputError(f"{name}: {type(values).__name__} is no array of numbers")
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"{name}: they are no array of numbers ({error}); all rows must have the same length"
        ) from error


def _lists(values: Any, name: str) -> np.ndarray[Any, Any]:
    """A column of lists, such as those of data frames, as one array."""
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(values, method):
            return _array(getattr(values, method)(), name)
    return _array(values, name)


def matrix(values: Any, name: str) -> np.ndarray[Any, Any] | ArrowVectors:
    """The same, of several vectors: ``[rows, dimensions]``. What Arrow holds stays there."""
    arrow = _arrow.vectors(values, name)
    array = numbers(values, name) if arrow is None else arrow
    if array.shape == (0,):
        raise InputError(f"{name}: there are none, so nothing says their dimensions")
    if len(array.shape) != 2:
        raise InputError(
            f"{name}: expected the shape [rows, dimensions], not {list(array.shape)}"
        )
    if array.shape[1] == 0:
        raise InputError(f"{name}: they have 0 dimensions; vectors have at least 1")
    return array


def float32(values: Any, name: str) -> np.ndarray[Any, Any] | ArrowVectors:
    """An array of float32 in C's order. What float32 would round of integers is refused."""
    import numpy as np

    arrow = values if isinstance(values, ArrowVectors) else _arrow.vectors(values, name)
    if arrow is not None:
        return arrow
    array = numbers(values, name)
    # What is beyond float32 becomes infinite, which is told with its row.
    with np.errstate(over="ignore"):
        made = np.ascontiguousarray(array, dtype=np.float32).reshape(array.shape)
    if array.dtype.kind in "iu" and array.dtype.itemsize > 2:
        wrong = np.argwhere(_rounded(array, made))
        if len(wrong):
            place = tuple(int(at) for at in wrong[0])
            value = array[place]
            raise InputError(
                f"{name}: {value} at {list(place)} is an integer that float32 would round"
            )
    return made


def _rounded(array: np.ndarray[Any, Any], made: np.ndarray[Any, Any]) -> Any:
    import numpy as np

    # float64 holds what float32 holds; of 64 bits, integers that it would round are none of float32.
    wide = made.astype(np.float64)
    limit = 2.0**63 if array.dtype.kind == "i" else 2.0**64
    fits = (wide >= -limit) & (wide < limit)
    return ~fits | (np.where(fits, wide, 0).astype(array.dtype) != array)
