"""What other libraries hold as Arrow, by the methods that Arrow names for that."""

from __future__ import annotations

from typing import Any

from ._native import ArrowColumn, ArrowVectors, arrow_column, arrow_table


def is_table(values: Any) -> bool:
    """Whether this is a table or a batch, or a stream of batches."""
    return not _is_own(values) and (
        hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__")
    )


def column(values: Any, name: str) -> ArrowColumn | None:
    """The values of one column, if this is one."""
    if _is_own(values):
        return None
    parts = [values]
    if not hasattr(values, "__arrow_c_array__"):
        if hasattr(values, "__arrow_c_stream__") and hasattr(values, "to_frame"):
            # A series, such as polars's, is a table of one column.
            return arrow_table(values.to_frame())[0]
        parts = list(getattr(values, "chunks", []))
        if not parts or not all(hasattr(part, "__arrow_c_array__") for part in parts):
            return None
    return arrow_column(name, parts)


def vectors(values: Any, name: str) -> ArrowVectors | None:
    """Lists of numbers as vectors, if these are some."""
    found = column(values, name)
    return None if found is None else found.vectors()


def _is_own(values: Any) -> bool:
    # NumPy has no part in Arrow. pandas has, but only beside pyarrow, which calls NaN null: what is there must
    # not depend on what is installed.
    return type(values).__module__.split(".")[0] in ("numpy", "pandas", "builtins")
