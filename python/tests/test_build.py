"""What is built of: arrays of every kind, keys, columns, batches."""

from __future__ import annotations

import array
import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hither


class OnlyDlpack:
    """What a tensor of another library is: memory that is told of by DLPack alone."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.values = values

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.values.__dlpack_device__()


def stored(index: hither.Index) -> list[list[float]]:
    return [index[row].vector.tolist() for row in range(len(index))]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u1", "i2", "u4", "i8", ">f4", ">i2"])
def test_every_type_and_layout_of_numbers(dtype: str) -> None:
    whole = np.arange(60).reshape(6, 10).astype(dtype)
    wanted = whole.astype("f4").tolist()
    for values in (
        whole,
        np.asfortranarray(whole),
        np.repeat(np.repeat(whole, 2, 0), 3, 1)[::2, ::3],
        whole[::-1][::-1],
        memoryview(whole.data) if dtype[0] != ">" else whole,
        OnlyDlpack(whole) if dtype[0] != ">" else whole,
        whole.tolist(),
    ):
        assert stored(hither.build(values, metric="l2")) == wanted


def test_buffers_and_numbers_that_a_queries_array_may_have(rows: np.ndarray[Any, Any]) -> None:
    index = hither.build(rows)
    wanted = index.search(rows[3], k=2).keys.tolist()
    for query in (
        rows[3].tolist(),
        array.array("f", rows[3]),
        rows.astype("f8")[3],
        np.asfortranarray(rows)[3],
        OnlyDlpack(rows[3]),
    ):
        assert index.search(query, k=2).keys.tolist() == wanted


def test_values_of_every_type_come_back(rows: np.ndarray[Any, Any]) -> None:
    moment = dt.datetime(2024, 5, 1, 12, 30, 0, 250, tzinfo=dt.timezone.utc)
    paris = moment.astimezone(dt.timezone(dt.timedelta(hours=2)))
    given: dict[str, list[Any]] = {
        "bool": [True, False, None],
        "int": [1, -(2**63), None],
        "float": [0.5, float("inf"), 3],
        "text": ["naïve 🦀", "", None],
        "moment": [paris, dt.date(2024, 5, 1), None],
        "uuid": [uuid.UUID(int=5), None, uuid.UUID(int=2**128 - 1)],
        "bytes": [b"\x00\xff", b"", None],
        "json": [{"a": [1, None, "é"]}, [1.5], None],
        "null": [None, None, None],
    }
    index = hither.build(rows[:3], columns=given)
    kinds = "bool int64 float64 text timestamp uuid bytes json text".split()
    assert list(index.columns.values()) == kinds
    given["moment"] = [moment, dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc), None]
    for row in range(3):
        assert index[row].columns == {name: values[row] for name, values in given.items()}


def test_columns_of_arrays(rows: np.ndarray[Any, Any]) -> None:
    columns = {
        "b": np.array([True, False]),
        "u": np.array([1, 255], "u1"),
        "f": np.array([0.5, np.nan], "f4"),
        "t": np.array(["a", "ééé"]),
        "s": np.array([b"ab", b"c"]),
        "m": np.array(["2024-01-01T00:00:00.5", "NaT"], "M8[ns]"),
        "o": np.array([3, None], object),
    }
    index = hither.build(rows[:2], columns=columns)
    kinds = "bool int64 float64 text text timestamp int64".split()
    assert list(index.columns.values()) == kinds
    assert index[0]["m"] == dt.datetime(2024, 1, 1, 0, 0, 0, 500_000, dt.timezone.utc)
    second = index[1].columns
    assert np.isnan(second.pop("f"))
    assert second == {"b": False, "u": 255, "t": "ééé", "s": "c", "m": None, "o": None}


def test_keys_of_every_type(rows: np.ndarray[Any, Any]) -> None:
    for keys, key_type in (
        ([5, -3, 2**63 - 1], "int64"),
        (np.array([7, 8, 9], "u2"), "int64"),
        (("b", "a", "é"), "text"),
        (np.array(["b", "a", "é"]), "text"),
        ([uuid.UUID(int=at) for at in range(3)], "uuid"),
    ):
        index = hither.build(rows[:3], keys, metric="l2")
        assert index.key_type == key_type
        for at, key in enumerate(keys):
            assert index.search(rows[at], k=1).keys[0] == key
            assert key in index and index[key].key == key
    texts = ["0189d3e4-7c6b-7000-8000-0123456789ab"]
    assert hither.build(rows[:1], texts, types={"key": "uuid"})[uuid.UUID(texts[0])]
    assert hither.build(rows[:1], [12], types={"key": "text"}).search(rows[0]).keys.tolist() == ["12"]


def test_types_that_are_asked_for(rows: np.ndarray[Any, Any]) -> None:
    columns: dict[str, Any] = {"id": [2**80], "at": ["2024-05-01"], "half": [1], "doc": ["a"]}
    types = {"id": "text", "at": "timestamp", "half": "float64", "doc": "json"}
    index = hither.build(rows[:1], columns=columns, types=types)
    moment = dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc)
    assert index[0].columns == {"id": str(2**80), "at": moment, "half": 1.0, "doc": "a"}


def test_batches_make_the_same_file(
    words: np.ndarray[Any, Any], texts: dict[str, list[str]], built: Path, tmp_path: Path
) -> None:
    def batches() -> Iterator[dict[str, Any]]:
        for start in range(0, len(words), 3000):
            columns = {name: values[start : start + 3000] for name, values in texts.items()}
            yield {"vectors": words[start : start + 3000], "columns": columns}

    hither.build(batches(), path=tmp_path / "batches.hither")
    assert (tmp_path / "batches.hither").read_bytes() == built.read_bytes()
    few = hither.build(iter([words[:500], words[500:1000].astype("f4")]))
    assert (len(few), few.kind) == (1000, ["flat"])


def test_rows_are_left_out_where_that_is_asked_for(rows: np.ndarray[Any, Any]) -> None:
    rows[3, 2] = np.nan
    rows[5] = 0
    index = hither.build(rows, on_invalid="skip")
    assert len(index) == 48
    # Others keep their numbers.
    assert 3 not in index and 5 not in index and 49 in index


def test_progress_is_told(words: np.ndarray[Any, Any]) -> None:
    told: list[tuple[str, int, int]] = []

    def tell(stage: str, done: int, total: int) -> None:
        told.append((stage, done, total))

    hither.build(words[:4000], progress=tell)
    assert told[-1] == ("writing", 1, 1)
    assert {stage for stage, _, _ in told} >= {"reading", "linking", "writing"}
    assert all(0 <= done <= total for _, done, total in told)

    class Bar:
        """As much of tqdm's as is used."""

        n = 0
        total: int | None = None
        desc = ""
        stages: list[str] = []

        def update(self, step: int) -> None:
            self.n += step
            assert self.total is not None and self.n <= self.total

        def reset(self, total: int | None) -> None:
            self.n, self.total = 0, total

        def set_description(self, stage: str, refresh: bool) -> None:
            self.desc = f"{stage}: "
            self.stages.append(stage)

    hither.build(words[:4000], progress=Bar())
    assert Bar.stages[0] == "reading" and Bar.stages[-1] == "writing"


def test_an_index_without_rows_takes_them() -> None:
    index = hither.build(np.empty((0, 3), "f4"), columns={"t": []}, metric="l2")
    assert len(index) == 0 and index.search([1, 2, 3]).keys.shape == (0,)
    assert index.search([[1, 2, 3]], k=2).keys.tolist() == [[-1, -1]]
    assert index.insert([1, 2, 3], columns={"t": "x"}) == 0
    assert index.search([1, 2, 3]).hits()[0]["t"] == "x"
