"""Data frames and Arrow's tables."""

from __future__ import annotations

import datetime as dt
import importlib
from typing import Any

import numpy as np
import polars
import pytest

import hither

pyarrow = importlib.import_module("pyarrow")  # it has no types
MOMENT = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
COLUMNS: dict[str, list[Any]] = {
    "number": [1, None, 2**60],
    "text": ["x", "é", None],
    "moment": [MOMENT, None, MOMENT],
    "list": [[1, 2], [], None],
    "group": [{"q": 1}, {"q": 2}, None],
    "part": [0.5, None, -1.0],
    "yes": [True, None, False],
}


@pytest.mark.parametrize("make", [polars.DataFrame, pyarrow.table, dict])
def test_columns(rows: np.ndarray[Any, Any], make: Any) -> None:
    index = hither.build(rows[:3], columns=make(COLUMNS))
    assert list(index.columns.values()) == "int64 text timestamp json json float64 bool".split()
    for row in range(3):
        assert index[row].columns == {name: values[row] for name, values in COLUMNS.items()}


def test_keys(rows: np.ndarray[Any, Any]) -> None:
    for keys in (polars.Series([7, 8, 9]), pyarrow.array([7, 8, 9])):
        assert hither.build(rows[:3], keys).search(rows[1], k=1).keys.tolist() == [8]
    coded = pyarrow.array(["a", "b", "c"]).dictionary_encode()
    assert "b" in hither.build(rows[:3], coded)


def test_vectors(rows: np.ndarray[Any, Any]) -> None:
    flat = pyarrow.array(rows.ravel())
    lists = pyarrow.FixedSizeListArray.from_arrays(flat, 8)
    wanted = hither.build(rows).search(rows, k=3).keys.tolist()
    for vectors in (
        lists,
        lists[10:].slice(0, 40),
        pyarrow.chunked_array([lists[:20], lists[20:]]),
        pyarrow.array(rows.tolist()),
        polars.Series(rows.tolist(), dtype=polars.Array(polars.Float32, 8)),
        polars.Series(rows.tolist()),
        polars.DataFrame(rows),
        list(rows),
    ):
        index = hither.build(vectors)
        if len(index) == 50:
            assert index.search(rows, k=3).keys.tolist() == wanted
        else:
            assert index[0].vector.tolist() == rows[10].astype("f2").tolist()


def test_what_is_null_among_them(rows: np.ndarray[Any, Any]) -> None:
    holes = [row.tolist() for row in rows]
    holes[3][2] = None
    fixed = pyarrow.array(holes, pyarrow.list_(pyarrow.float32(), 8))
    for vectors in (pyarrow.array([*rows.tolist(), None]), fixed, pyarrow.array(holes)):
        with pytest.raises(hither.InputError):
            hither.build(vectors)
    with pytest.raises(hither.InputError, match="two have the same name"):
        hither.build(rows[:1], columns=pyarrow.Table.from_arrays([[1], [2]], ["a", "a"]))
