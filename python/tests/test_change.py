"""Rows that are inserted, updated and removed, and saving."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import command

import hither


def test_changes_are_seen_and_saved(rows: np.ndarray[Any, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.hither"
    columns = {"year": list(range(40)), "note": ["x"] * 40}
    index = hither.build(rows[:40], columns=columns, metric="l2", path=path)
    assert index.insert(rows[40:42], columns={"year": [40, 41]}) == [40, 41]
    assert index.insert(rows[42]) == 42
    index.update(rows[43], 3, {"year": -3})
    index.update(rows[44:46], [4, 5])
    assert index.remove(6) == 1 and index.remove([7, 8, 6], missing_ok=True) == 2

    def check(index: hither.Index) -> None:
        assert len(index) == 40 and 6 not in index and 7 not in index
        assert index[3].columns == {"year": -3, "note": "x"}
        assert index[4].columns == {"year": 4, "note": "x"}
        assert index[40].columns == {"year": 40, "note": None}
        assert index.search(rows[43:46], k=1).keys.tolist() == [[3], [4], [5]]

    check(index)
    hits = index.search(rows[43], k=2)
    index.save()
    check(index)
    # The rows of an answer are found although they lie elsewhere now.
    assert hits.hits()[0].columns == {"year": -3, "note": "x"}
    check(hither.open(path))
    command("verify", path)
    index.save(tmp_path / "b.hither", compact=True)
    check(hither.open(tmp_path / "b.hither"))
    index.save(compact=True)
    check(index)
    assert path.read_bytes() == (tmp_path / "b.hither").read_bytes()
    assert index.insert(rows[49]) == 43


def test_bytes_and_keys(rows: np.ndarray[Any, Any]) -> None:
    index = hither.build(rows[:40], keys=list(range(100, 140)), columns={"even": [1, 0] * 20})
    index.remove(101)
    index.insert(rows[40], 7, {"even": 1})
    copy = hither.open(index.to_bytes())
    for one in (index, copy, hither.open(bytearray(index.to_bytes(compact=True)))):
        assert sorted(one.keys().tolist()) == sorted(one) == [7, 100, *range(102, 140)]
        assert sorted(one.keys({"even": 0})) == list(range(103, 140, 2))
        assert one.search(rows[40], k=1).keys.tolist() == [7] and one.path is None
    assert index.to_bytes(compact=True) == copy.to_bytes(compact=True)
    named = hither.build(rows[:2], keys=["x", "y"])
    assert named.keys().tolist() == list(named) == ["x", "y"]
    with pytest.raises(hither.KeyNotFoundError, match="no column"):
        index.keys({"odd": 1})
    with pytest.raises(hither.FileError, match="not an index|no index|hither"):
        hither.open(b"something else" * 9)


def test_changes_of_others_are_not_lost(rows: np.ndarray[Any, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.hither"
    first = hither.build(rows[:40], path=path)
    second = hither.open(path)
    first.insert(rows[40])
    second.insert(rows[41])
    first.save()
    with pytest.raises(hither.FileError, match="another program has changed it") as raised:
        second.save()
    assert raised.value.code == "file_changed"
    second.save(tmp_path / "b.hither")
    command("remove", path, "--keys", 5)
    first.insert(rows[42])
    with pytest.raises(hither.FileError):
        first.save()
    assert len(hither.open(path)) == 40 and 5 not in hither.open(path)


def test_an_insert_is_whole_or_not_at_all(rows: np.ndarray[Any, Any]) -> None:
    index = hither.build(rows[:10], keys=list("abcdefghij"))
    with pytest.raises(hither.InputError, match="row 2: key c is given twice"):
        index.insert(rows[10:13], keys=["x", "y", "c"])
    assert len(index) == 10 and "x" not in index
    rows[12, 0] = np.nan
    with pytest.raises(hither.InputError, match="row 2: value 0"):
        index.insert(rows[10:13], keys=["x", "y", "z"])
    assert len(index) == 10
    with pytest.raises(hither.KeyNotFoundError):
        index.remove(["a", "nobody"])
    assert "a" in index


def test_rows_of_an_answer_that_are_gone(rows: np.ndarray[Any, Any], tmp_path: Path) -> None:
    index = hither.build(rows, path=tmp_path / "a.hither")
    found = index.search(rows[3], k=1)
    index.remove(3)
    assert found.hits()[0].key == 3
    index.save()
    with pytest.raises(hither.KeyNotFoundError, match="was removed since the search"):
        found.hits()


def test_within_progress_the_index_is_busy(rows: np.ndarray[Any, Any], tmp_path: Path) -> None:
    index = hither.build(rows, path=tmp_path / "a.hither")
    index.insert(rows[0])
    lengths: list[int] = []

    def tell(*_: object) -> None:
        lengths.append(len(index))
        with pytest.raises(hither.InputError) as raised:
            index.insert(rows[1])
        assert raised.value.code == "busy"

    index.save(compact=True, progress=tell)
    assert set(lengths) == {51} and len(index) == 51


def test_an_index_is_pickled_by_its_path(rows: np.ndarray[Any, Any], tmp_path: Path) -> None:
    index = hither.build(rows, path=tmp_path / "a.hither")
    again = pickle.loads(pickle.dumps(index))
    assert (len(again), again.path) == (50, str(tmp_path / "a.hither"))
    index.remove(1)
    with pytest.raises(hither.InputError, match="save it before it is pickled"):
        pickle.dumps(index)
    index.save()
    assert len(pickle.loads(pickle.dumps(index))) == 49


def test_a_closed_index_says_so(rows: np.ndarray[Any, Any], tmp_path: Path) -> None:
    with hither.build(rows, path=tmp_path / "a.hither") as index:
        found = index.search(rows[0], k=1)
        assert repr(index).endswith("a.hither\": 50 rows of 8 dimensions, cosine, flat, codes none>")
    assert repr(index).endswith("closed>")
    for call in (lambda: len(index), lambda: index.search(rows[0]), lambda: index[0], found.hits):
        with pytest.raises(hither.InputError, match="the index is closed") as raised:
            call()
        assert raised.value.code == "freed"
    index.close()
    assert found.keys.tolist() == [0]
