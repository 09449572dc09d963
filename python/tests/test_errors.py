"""What makes no sense is refused, with a code for programs and a text for people."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hither

RNG = np.random.default_rng(1)
ROWS = RNG.normal(size=(50, 8)).astype(np.float32)


def with_value(row: int, value: float) -> np.ndarray[Any, Any]:
    changed = ROWS.copy()
    changed[row, 3] = value
    return changed


def json_of(value: Any) -> Any:
    """What the checkers of types do not look into."""
    return value


def open_index() -> hither.Index:
    return hither.build(ROWS, columns={"year": list(range(50))})


# What is called, and a part of what is said.
WRONG: list[tuple[str, Callable[[], object], str]] = [
    # Shapes.
    ("invalid_parameter", lambda: hither.build(ROWS[0]), "expected the shape [rows, dimensions], not [8]"),
    ("invalid_parameter", lambda: hither.build(ROWS[None]), "not [1, 50, 8]"),
    ("invalid_parameter", lambda: hither.build(ROWS[:, :0]), "they have 0 dimensions"),
    ("invalid_parameter", lambda: hither.build([]), "there are none, so nothing says their dimensions"),
    ("invalid_parameter", lambda: hither.build(iter([])), "there is no batch"),
    ("invalid_parameter", lambda: hither.build([[1, 2], [1]]), "all rows must have the same length"),
    ("too_many", lambda: hither.build(np.ones((1, 66_000))), "at most 65535"),
    ("dimension_mismatch", lambda: hither.build(iter([ROWS, ROWS[:, :3]])), "expected 8 dimensions, not 3"),
    ("dimension_mismatch", lambda: open_index().search(ROWS[0, :3]), "expected 8 dimensions, not 3"),
    ("invalid_parameter", lambda: open_index().search(ROWS[None]), "the shape [1, 50, 8]"),
    # Types.
    ("invalid_parameter", lambda: hither.build(np.array([[1, None]])), "they are objects"),
    ("invalid_parameter", lambda: hither.build(ROWS > 0), "they are truth values"),
    ("invalid_parameter", lambda: hither.build(ROWS * 1j), "they are complex numbers"),
    ("invalid_parameter", lambda: hither.build([["a"]]), "they are <U1; give float16"),
    ("invalid_parameter", lambda: hither.build("abc"), "str is no array of numbers"),
    ("invalid_parameter", lambda: hither.build(None), "NoneType is no array of numbers"),
    ("invalid_parameter", lambda: hither.build([[2**24 + 1]]), "16777217 at [0, 0] is an integer that float32 would round"),
    ("invalid_parameter", lambda: hither.build([[2**64 - 1]]), "18446744073709551615 at [0, 0]"),
    # Values.
    ("non_finite", lambda: hither.build(with_value(17, np.nan)), "row 17: value 3 of the vector is NaN"),
    ("non_finite", lambda: hither.build(np.full((2, 2), 1e300)), "row 0: value 0"),
    ("non_finite", lambda: open_index().search(with_value(17, np.inf)), "query 17: value 3"),
    ("zero_vector", lambda: hither.build(np.zeros((2, 2))), 'on_invalid="skip" leaves such rows out'),
    ("half_overflow", lambda: hither.build(ROWS * 1e6, metric="l2"), 'element="f32"'),
    # Keys and columns.
    ("invalid_parameter", lambda: hither.build(ROWS, [1, 2]), "keys: there are 2 for 50 rows"),
    ("duplicate_key", lambda: hither.build(ROWS, [1] * 50), "key 1 is given twice"),
    ("invalid_parameter", lambda: hither.build(ROWS, [1] * 49 + ["a"]), "they are int and str"),
    ("invalid_parameter", lambda: hither.build(ROWS, [None] * 50), "they are NoneType"),
    ("invalid_parameter", lambda: hither.build(ROWS, "a" * 50), "expected a list or an array, not str"),
    ("invalid_parameter", lambda: hither.build(ROWS, np.ones((50, 1), int)), "not the shape [50, 1]"),
    ("key_type", lambda: hither.build(ROWS, [2**63, *range(49)]), "keys, row 0: the key 9223372036854775808 is beyond int64"),
    ("key_type", lambda: open_index().get("a"), "are row number, not text"),
    ("key_type", lambda: open_index().get(True), "not bool"),
    ("invalid_parameter", lambda: hither.build(ROWS, columns={"a": [1]}), "there are 1 values for 50 rows"),
    ("invalid_parameter", lambda: hither.build(ROWS, columns={1: [1] * 50}), "the name 1 is no text"),
    ("invalid_parameter", lambda: hither.build(ROWS, columns=[1]), "expected a dict or a data frame, not list"),
    ("column_type", lambda: hither.build(ROWS, columns={"a": [1] * 49 + ["x"]}), "its values are int64 and text"),
    ("column_type", lambda: hither.build(ROWS, columns={"a": [object()] * 50}), "no column type holds object"),
    ("column_type", lambda: hither.build(ROWS, columns={"a": [2**63] * 50}), "as text it keeps its digits"),
    ("column_type", lambda: hither.build(ROWS, columns={"a": [0.5, 2**53 + 1] * 25}), "float64 would round"),
    ("invalid_parameter", lambda: hither.build(ROWS, types={"a": "text"}), "there is no column 'a'"),
    ("invalid_parameter", lambda: hither.build(ROWS, columns={"a": [1] * 50}, types={"a": "x"}), "there is no type 'x'"),
    ("invalid_parameter", lambda: hither.build(iter([ROWS, {"vectors": ROWS, "columns": {"a": [1] * 50}}])), "this batch has a"),
    ("key_type", lambda: hither.build(iter([{"vectors": ROWS, "keys": range(50)}, ROWS])), "row 50"),
    ("invalid_parameter", lambda: hither.build(iter([{"vector": ROWS}])), "not 'vector'"),
    # Options.
    ("invalid_parameter", lambda: hither.build(ROWS, metric="x"), "there are: l2, cosine, ip, l1"),
    ("invalid_parameter", lambda: hither.build(ROWS, kind="x"), 'kind: there is no "x"'),
    ("invalid_parameter", lambda: hither.build(ROWS, kind="hnsw", m=-1), "m: -1 is negative"),
    ("invalid_parameter", lambda: hither.build(ROWS, kind="hnsw", m=1), "m: 1 is not within 2 and 100"),
    ("invalid_parameter", lambda: hither.build(ROWS, m=2**70), "m: 9223372036854775807 is too many"),
    ("invalid_parameter", lambda: hither.build(ROWS, memory="4X"), "write 4G, 1.5G or 500M"),
    ("invalid_parameter", lambda: hither.build(ROWS, memory=5), "hold no segment"),
    ("invalid_parameter", lambda: hither.build(ROWS, on_invalid="x"), 'neither "error" nor "skip"'),
    ("invalid_parameter", lambda: hither.build(ROWS, progress=5), "not int"),
    ("invalid_parameter", lambda: open_index().search(ROWS[0], k=0), "k: 0 is not within"),
    ("invalid_parameter", lambda: open_index().search(ROWS[0], k=-1), "k: -1 is negative"),
    ("invalid_parameter", lambda: open_index().search(ROWS[0], recall=2), "recall: it must be above 0"),
    ("invalid_parameter", lambda: open_index().search(ROWS[0], exact=True, recall=0.5), "exact: it scans all rows"),
    ("invalid_parameter", lambda: open_index().search(), "queries: give them"),
    ("unsupported", lambda: open_index().search(ROWS[0], metric="l2"), "it cannot answer by l2"),
    # Filters.
    ("invalid_filter", lambda: open_index().search(ROWS[0], filter={"year": {"$x": 1}}), '"$x"'),
    ("invalid_filter", lambda: open_index().search(ROWS[0], filter="{"), "it is no JSON"),
    ("invalid_filter", lambda: open_index().search(ROWS[0], filter={"year": object()}), "object is no value"),
    ("invalid_filter", lambda: open_index().search(ROWS[0], filter=json_of({1: 2})), "1 is no name"),
    ("column_type", lambda: open_index().search(ROWS[0], filter={"year": "x"}), "year"),
    # States.
    ("invalid_parameter", lambda: open_index().save(), "the index has no file of its own"),
    ("unsupported", lambda: pickle.dumps(open_index()), "an index in memory cannot be pickled"),
    ("duplicate_key", lambda: open_index().insert(ROWS[0], 0), "key 0"),
    ("column_type", lambda: open_index().insert(ROWS[0], columns={"year": "x"}), "is int64 and does not go with text"),
]

LACKING: list[tuple[str, Callable[[], object], str]] = [
    ("key_not_found", lambda: open_index().search(like=99), "no row has the key 99"),
    ("key_not_found", lambda: open_index()[99], "no row has the key 99"),
    ("key_not_found", lambda: open_index().remove([0, 99]), "missing_ok=True"),
    ("key_not_found", lambda: open_index().update(ROWS[0], 99), "no row has the key 99"),
    ("unknown_column", lambda: open_index().search(ROWS[0]).hits()[0]["x"], "there are: year"),
    ("unknown_column", lambda: open_index().search(ROWS[0], filter={"x": 1}), "there are: year"),
    ("unknown_column", lambda: open_index().insert(ROWS[0], columns={"x": 1}), "there are: year"),
]


@pytest.mark.parametrize(("code", "call", "text"), WRONG)
def test_input(code: str, call: Callable[[], object], text: str) -> None:
    with pytest.raises(hither.InputError) as raised:
        call()
    assert raised.value.code == code and text in str(raised.value)
    assert isinstance(raised.value, ValueError) and isinstance(raised.value, hither.Error)


@pytest.mark.parametrize(("code", "call", "text"), LACKING)
def test_keys_and_names(code: str, call: Callable[[], object], text: str) -> None:
    with pytest.raises(hither.KeyNotFoundError) as raised:
        call()
    assert raised.value.code == code and text in str(raised.value)
    assert isinstance(raised.value, KeyError) and isinstance(raised.value, hither.Error)


def test_what_is_no_key_is_no_rows() -> None:
    index = open_index()
    assert 0 in index and np.int64(0) in index
    for key in (-1, 99, 2**63, "0", True, None, 0.0, uuid.uuid4(), [0], object()):
        assert key not in index
    assert "nothing" not in hither.build(ROWS, [uuid.UUID(int=at) for at in range(len(ROWS))])


def test_files(built: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file") as missing:
        hither.open(tmp_path / "none.hither")
    assert isinstance(missing.value, hither.FileError) and missing.value.code == "io"
    whole = built.read_bytes()
    notes = tmp_path / "notes.txt"
    notes.write_text("not an index")
    (tmp_path / "cut.hither").write_bytes(whole[:-100])
    (tmp_path / "damaged.hither").write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
    cases: list[tuple[str, Callable[[], object]]] = [
        ("not_an_index", lambda: hither.open(notes)),
        ("truncated", lambda: hither.open(tmp_path / "cut.hither")),
        ("corrupt", lambda: hither.open(tmp_path / "damaged.hither").verify()),
        ("io", lambda: hither.open(tmp_path)),
        ("io", lambda: hither.build(ROWS, path=tmp_path / "none" / "a.hither")),
        ("file_exists", lambda: hither.build(ROWS, path=notes)),
        ("file_exists", lambda: hither.open(built).save(notes)),
        ("network", lambda: hither.open("http://127.0.0.1:9/a.hither")),
    ]
    for code, call in cases:
        with pytest.raises(hither.FileError) as raised:
            call()
        assert raised.value.code == code, str(raised.value)
        assert isinstance(raised.value, OSError)
    assert notes.read_text() == "not an index"
    hither.build(ROWS, path=notes, force=True)
    assert len(hither.open(notes)) == 50


def test_more_rows_than_there_is_memory_for() -> None:
    with pytest.raises(MemoryError) as raised:
        hither.build(np.broadcast_to(ROWS[:1], (2**40, 8)))
    assert isinstance(raised.value, hither.OutOfMemoryError)
    assert raised.value.code == "out_of_memory"


def test_errors_cross_to_other_processes() -> None:
    with pytest.raises(hither.Error) as raised:
        open_index()[99]
    again = pickle.loads(pickle.dumps(raised.value))
    assert type(again) is hither.KeyNotFoundError
    assert (str(again), again.code) == ("no row has the key 99", "key_not_found")


def test_what_progress_raises_ends_a_build(tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        hither.build(ROWS, path=tmp_path / "a.hither", progress=stop)
    assert list(tmp_path.iterdir()) == []
