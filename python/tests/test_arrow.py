"""Arrow's C data interface: columns, keys and vectors in, rows out, whoever made them and whoever takes them."""

from __future__ import annotations

import datetime as dt
import importlib
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import hither

arro3 = importlib.import_module("arro3.core")  # these have no types
duckdb = importlib.import_module("duckdb")
pandas = importlib.import_module("pandas")
pyarrow = importlib.import_module("pyarrow")

MOMENT = dt.datetime(2024, 5, 1, 12, 30, 0, 7, tzinfo=dt.timezone.utc)
ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


def bare(of: Any) -> Any:
    """Nothing but Arrow's own method, as a library that nobody knows yet has it."""
    name = "__arrow_c_stream__" if hasattr(of, "__arrow_c_stream__") else "__arrow_c_array__"

    def give(_: object, requested_schema: object = None) -> Any:
        return getattr(of, name)(requested_schema)

    return type("Bare", (), {name: give})()


def table() -> Any:
    return pyarrow.table(
        {
            "flag": [True, None, False],
            "small": pyarrow.array([1, -2, None], pyarrow.int8()),
            "real": pyarrow.array([0.5, None, 2.0], pyarrow.float32()),
            "text": pyarrow.array(["é", "", None], pyarrow.string_view()),
            "word": pyarrow.array(["a", "b", "a"]).dictionary_encode(),
            "raw": pyarrow.array([b"\0\1", b"", None]),
            "moment": pyarrow.array([MOMENT, None, MOMENT], pyarrow.timestamp("ms", "UTC")),
            "day": pyarrow.array([dt.date(2024, 5, 1), None, None]),
            "id": pyarrow.array([ID.bytes, None, ID.bytes], pyarrow.uuid()),
            "list": [[1, None], [], None],
            "group": [{"q": 1}, None, {"q": 2}],
            "none": pyarrow.nulls(3),
        }
    )


def wanted() -> list[dict[str, Any]]:
    moment = MOMENT.replace(microsecond=0)
    day = dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc)
    rows: list[tuple[Any, ...]] = [
        (True, 1, 0.5, "é", "a", b"\0\1", moment, day, ID, [1, None], {"q": 1}, None),
        (None, -2, None, "", "b", b"", None, None, None, [], None, None),
        (False, None, 2.0, None, "a", None, moment, None, ID, None, {"q": 2}, None),
    ]
    return [dict(zip(table().column_names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("make", [table, lambda: bare(table()), lambda: arro3.Table(table())])
def test_columns_of_every_type(rows: np.ndarray[Any, Any], make: Any) -> None:
    index = hither.build(rows[:3], columns=make())
    types = "bool int64 float64 text text bytes timestamp timestamp uuid json json text"
    assert list(index.columns.values()) == types.split()
    assert [index[row].columns for row in range(3)] == wanted()


def test_batches_and_slices(rows: np.ndarray[Any, Any]) -> None:
    numbers = pyarrow.table({"n": pyarrow.chunked_array([[9], [], list(range(50)), [8]])})[1:51]
    batch = pyarrow.record_batch({"n": list(range(50))})
    for columns in (numbers, batch, bare(batch), numbers.to_reader(), {"n": numbers["n"]}):
        index = hither.build(iter([{"vectors": rows, "columns": columns}]))
        assert [index[row]["n"] for row in range(50)] == list(range(50))
    index.insert(rows[0], columns={"n": 3})
    index.insert(rows[:2], columns=pyarrow.table({"n": [5, 6]}))
    assert [index[row]["n"] for row in (50, 51, 52)] == [3, 5, 6]


def test_types_that_are_asked_for(rows: np.ndarray[Any, Any]) -> None:
    columns = pyarrow.table(
        {
            "price": pyarrow.array([1, 2], pyarrow.decimal128(9, 2)),
            "code": pyarrow.array([2**64 - 1, 1], pyarrow.uint64()),
            "when": ["2024-05-01", "2024-05-02"],
            "score": [1, 2],
        }
    )
    types = {"price": "text", "code": "text", "when": "timestamp", "score": "float64"}
    index = hither.build(rows[:2], columns=columns, types=types)
    assert dict(index.columns) == types
    day = dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc)
    assert list(index[0].columns.values()) == ["1.00", str(2**64 - 1), day, 1.0]
    with pytest.raises(hither.InputError, match='"price" is decimal.*types={"price": "text"}'):
        hither.build(rows[:2], columns=columns.select(["price"]))
    index = hither.build(rows[:2], columns=columns.select(["price"]), types={"price": "float64"})
    assert index[1]["price"] == 2.0
    with pytest.raises(hither.InputError, match='column "code", row 0: .*beyond int64'):
        hither.build(rows[:2], columns=columns.select(["code"]))


def test_what_columns_do_not_hold(rows: np.ndarray[Any, Any]) -> None:
    nanoseconds = pyarrow.array([1, 2], pyarrow.timestamp("ns"))
    cases = [
        (pyarrow.table({"x": nanoseconds}), "row 0: it has nanoseconds"),
        (pyarrow.table({"x": pyarrow.array([1, 2], pyarrow.duration("s"))}), "which no column type holds"),
        (pyarrow.table({"x": [1]}), "there are 1 values for 2 rows"),
        (bare(pyarrow.array([1, 2])), "columns: "),
        ({"x": pyarrow.chunked_array([["a"], ["b"]])[:1]}, "there are 1 values for 2 rows"),
    ]
    for columns, text in cases:
        with pytest.raises(hither.InputError, match=text):
            hither.build(rows[:2], columns=columns)


def test_a_stream_that_fails(rows: np.ndarray[Any, Any]) -> None:
    def batches() -> Any:
        yield pyarrow.record_batch({"x": [1]})
        raise OSError("the disk is gone")

    reader = pyarrow.RecordBatchReader.from_batches(pyarrow.schema([("x", "int64")]), batches())
    with pytest.raises(hither.InputError, match="the disk is gone"):
        hither.build(rows[:2], columns=reader)


def test_keys(rows: np.ndarray[Any, Any]) -> None:
    ids = pyarrow.array([ID.bytes, uuid.UUID(int=7).bytes], pyarrow.uuid())
    for keys, key in (
        (arro3.Array(pyarrow.array([7, 8])), 8),
        (bare(pyarrow.array(["a", "b"])), "b"),
        (pyarrow.chunked_array([["a"], ["b"]]), "b"),
        (ids, uuid.UUID(int=7)),
        (polars.Series(["a", "b"]), "b"),
    ):
        assert hither.build(rows[:2], keys).search(rows[1], k=1).hits()[0].key == key


NUMBERS = ["float16", "float32", "float64", "int8", "uint8"]
POLARS: dict[str, Any] = {
    "float32": polars.Float32,
    "float64": polars.Float64,
    "int8": polars.Int8,
    "uint8": polars.UInt8,
}


@pytest.mark.parametrize("element", NUMBERS)
@pytest.mark.parametrize("length", [8, -1])
def test_vectors(rows: np.ndarray[Any, Any], element: str, length: int) -> None:
    numbers = np.abs(rows * 20).astype(element)
    kind = getattr(pyarrow, element)()
    lists = pyarrow.array(list(numbers), pyarrow.list_(kind, length))
    index = hither.build(numbers, metric="l2", element="f32")
    whole = index.to_bytes()
    chunks = pyarrow.chunked_array([lists[:20], lists[20:20], lists[20:]])
    for vectors in (lists, chunks, bare(lists), arro3.Array(lists)):
        assert hither.build(vectors, metric="l2", element="f32").to_bytes() == whole
    if element != "float16":
        series = polars.Series("x", numbers.tolist(), polars.List(POLARS[element]))
        assert hither.build(series, metric="l2", element="f32").to_bytes() == whole
    found = index.search(bare(lists[5:9]), k=1)
    assert found.keys.tolist() == index.search(numbers[5:9], k=1).keys.tolist()


def test_vectors_that_are_none(rows: np.ndarray[Any, Any]) -> None:
    def lists(values: list[Any], length: int = -1) -> Any:
        return pyarrow.array(values, pyarrow.list_(pyarrow.float32(), length))

    whole = pyarrow.array([[2**24 + 1, 1]], pyarrow.list_(pyarrow.int64(), 2))
    cases = [
        (lists([[1.0, 2.0], None]), "vectors, row 1: it is null"),
        (lists([[1.0, 2.0], [1.0, None]], 2), "vectors, row 1: it is null at 1"),
        (lists([[1.0, 2.0], [1.0]]), "vectors, row 1: it has 1 values where the first has 2"),
        (lists([[]]), "vectors, row 0: it is empty"),
        (lists([[]], 0), "they have 0 dimensions"),
        (lists([]), "they have 0 dimensions"),
        (whole, "row 0: .*16777217"),
    ]
    for vectors, text in cases:
        with pytest.raises(hither.InputError, match=text):
            hither.build(vectors)
    assert len(hither.build(lists([], 2))) == len(hither.build(np.empty((0, 2), "f4"))) == 0


def test_rows_out_and_in_again(rows: np.ndarray[Any, Any], tmp_path: Path) -> None:
    index = hither.build(rows[:3], ["a", "b", "c"], columns=table(), element="f32")
    index.insert(rows[3], "d")
    index.remove("b")
    given = index.to_arrow()
    assert len(given) == 3 and "key: LargeUtf8" in repr(given)
    made = pyarrow.table(given)
    assert made.column_names == ["key", *index.columns, "vector"]
    assert made.schema == pyarrow.schema(given)
    assert made["key"].to_pylist() == ["a", "c", "d"]
    assert made["vector"].type == pyarrow.list_(pyarrow.field("item", pyarrow.float32(), False), 8)
    plain = [row.columns for row in (index["a"], index["c"], index["d"])]
    columns = made.drop_columns(["key", "vector"])
    assert made["id"].to_pylist() == [row["id"] for row in plain]
    again = hither.build(made["vector"], made["key"], columns, element="f32")
    assert [again[key].columns for key in "acd"] == plain
    assert [again[key].vector.tolist() for key in "acd"] == [rows[at].tolist() for at in (0, 2, 3)]


def test_who_takes_rows(built: Path) -> None:
    index = hither.open(built)
    given = index.to_arrow()
    frame = polars.DataFrame(given)
    assert frame.shape == (len(index), 2 + len(index.columns))
    row = frame.row(by_predicate=polars.col("key") == 42, named=True)
    assert {name: row[name] for name in index.columns} == index[42].columns
    assert list(row["vector"]) == index[42].vector.tolist()
    assert frame["key"].to_numpy().tolist() == index.keys().tolist()
    taken = pandas.DataFrame.from_arrow(index.to_arrow(columns=["words"], vectors=False))
    assert list(taken.columns) == ["key", "words"]
    assert taken["words"].tolist() == frame["words"].to_list()
    count = duckdb.sql("SELECT count(*), count(DISTINCT pos), max(len(vector)) FROM given")
    assert count.fetchall()[0] == (len(index), frame["pos"].n_unique(), index.dimensions)
    verbs = polars.DataFrame(index.to_arrow(filter={"pos": "verb"}, columns=["pos"]))
    assert set(verbs["pos"]) == {"verb"}
    assert verbs["key"].to_list() == index.keys({"pos": "verb"}).tolist()


def test_rows_of_an_index_that_changes(rows: np.ndarray[Any, Any]) -> None:
    index = hither.build(rows)
    given = index.to_arrow()
    stream = pyarrow.RecordBatchReader.from_stream(given)
    index.remove(3)
    for read in (stream.read_all, lambda: polars.DataFrame(given)):
        with pytest.raises(Exception, match="the index has changed since to_arrow"):
            read()
    assert len(pyarrow.table(index.to_arrow())) == 49
    given = index.to_arrow()
    index.close()
    with pytest.raises(Exception, match="closed|changed"):
        pyarrow.table(given)
    assert len(hither.build(np.empty((0, 4), "f4")).to_arrow()) == 0
    with pytest.raises(hither.KeyNotFoundError, match="there is no column"):
        hither.build(rows).to_arrow(columns=["x"])
