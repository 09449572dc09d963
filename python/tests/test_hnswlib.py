"""hither.compat.hnswlib beside hnswlib itself: its documented examples with both, and what both find."""

# pyright: basic

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hither.compat import hnswlib as ours

theirs = importlib.import_module("hnswlib")  # it has no types
BOTH = pytest.mark.parametrize("hnswlib", [theirs, ours], ids=["theirs", "ours"])


def vectors(rows: int, dim: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random((rows, dim)).astype(np.float32)


@BOTH
def test_the_first_example(hnswlib: Any) -> None:
    dim, num_elements = 32, 2_000
    data = vectors(num_elements, dim)
    ids = np.arange(num_elements)
    p = hnswlib.Index(space="l2", dim=dim)
    p.init_index(max_elements=num_elements, ef_construction=200, M=16)
    p.add_items(data, ids)
    p.set_ef(50)
    labels, distances = p.knn_query(data, k=1)
    assert labels.shape == distances.shape == (num_elements, 1)
    assert labels.dtype == np.uint64 and distances.dtype == np.float32
    assert np.mean(labels.ravel() == ids) > 0.99 and abs(distances).max() < 1e-5
    p_copy = pickle.loads(pickle.dumps(p))
    assert (p_copy.space, p_copy.dim, p_copy.M, p_copy.ef_construction) == ("l2", dim, 16, 200)
    assert p_copy.element_count == p_copy.max_elements == num_elements and p_copy.ef == 50
    assert (p_copy.knn_query(data[:100], k=5)[0] == p.knn_query(data[:100], k=5)[0]).all()


@BOTH
def test_the_example_of_saving(hnswlib: Any, tmp_path: Path) -> None:
    dim, path = 16, str(tmp_path / "first_half.bin")
    data = vectors(2_000, dim)
    data1, data2 = data[:1_000], data[1_000:]
    p = hnswlib.Index(space="l2", dim=dim)
    p.init_index(max_elements=1_000, ef_construction=100, M=12)
    p.set_ef(40)
    p.set_num_threads(2)
    p.add_items(data1)
    labels, _ = p.knn_query(data1, k=1)
    assert np.mean(labels.reshape(-1) == np.arange(len(data1))) > 0.99
    p.save_index(path)
    del p
    p = hnswlib.Index(space="l2", dim=dim)
    p.load_index(path, max_elements=2_000)
    assert (p.M, p.ef_construction, p.max_elements, p.element_count) == (12, 100, 2_000, 1_000)
    p.add_items(data2)
    p.set_ef(40)
    labels, _ = p.knn_query(data, k=1)
    assert np.mean(labels.reshape(-1) == np.arange(len(data))) > 0.99
    assert sorted(p.get_ids_list()) == list(range(2_000))


@BOTH
def test_the_example_of_a_filter(hnswlib: Any) -> None:
    data = vectors(1_000, 16)
    p = hnswlib.Index(space="l2", dim=16)
    p.init_index(max_elements=1_000, ef_construction=100, M=16)
    p.set_ef(100)
    p.set_num_threads(1)
    p.add_items(data, np.arange(1_000))
    labels, distances = p.knn_query(data, k=1, num_threads=1, filter=lambda label: label % 2 == 0)
    assert (labels % 2 == 0).all()
    nearest = np.argmin(((data[:, None] - data[None, ::2]) ** 2).sum(2), axis=1) * 2
    assert np.mean(labels.ravel() == nearest) > 0.98
    assert (distances[::2] < 1e-6).all()


@BOTH
def test_the_example_of_replacing(hnswlib: Any) -> None:
    dim, num_elements = 16, 400
    max_num_elements = 2 * num_elements
    labels1, data1 = np.arange(num_elements), vectors(num_elements, dim)
    labels2, data2 = np.arange(num_elements, 2 * num_elements), vectors(num_elements, dim, 1)
    labels3, data3 = np.arange(2 * num_elements, 3 * num_elements), vectors(num_elements, dim, 2)
    index = hnswlib.Index(space="l2", dim=dim)
    index.init_index(
        max_elements=max_num_elements, ef_construction=200, M=16, allow_replace_deleted=True
    )
    index.set_ef(max_num_elements)
    index.set_num_threads(1)
    index.add_items(data1, labels1)
    index.add_items(data2, labels2)
    for label in labels2:
        index.mark_deleted(label)
    assert index.element_count == max_num_elements
    labels, _ = index.knn_query(data2, k=5)
    assert (labels < num_elements).all()
    with pytest.raises(RuntimeError):
        index.add_items(data3, labels3)
    index.add_items(data3, labels3, replace_deleted=True)
    assert index.element_count == max_num_elements
    labels, _ = index.knn_query(data3, k=1)
    assert np.mean(labels.ravel() == labels3) > 0.99
    assert sorted(index.get_ids_list()) == [*labels1, *labels3]


@BOTH
@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
def test_marks_and_items(hnswlib: Any, space: str) -> None:
    data = vectors(300, 8) - 0.5
    index = hnswlib.Index(space, 8)
    index.init_index(500)
    index.set_num_threads(1)
    index.set_ef(100)
    assert (index.M, index.ef_construction, index.max_elements, index.element_count) == (16, 200, 500, 0)
    index.add_items(data, np.arange(300) + 7)
    stored = data / np.linalg.norm(data, axis=1, keepdims=True) if space == "cosine" else data
    assert np.allclose(index.get_items([9, 8]), stored[[2, 1]], atol=1e-6)
    assert np.allclose(index.get_items([9], return_type="list"), stored[[2]], atol=1e-6)
    found = index.knn_query(data[5], k=3)[0][0]
    index.mark_deleted(found[0])
    assert index.knn_query(data[5], k=2)[0][0].tolist() == found[1:].tolist()
    assert index.element_count == index.get_current_count() == 300
    index.unmark_deleted(found[0])
    assert index.knn_query(data[5], k=3)[0][0].tolist() == found.tolist()
    index.add_items(-data[:1], [7])
    assert np.allclose(index.get_items([7]), -stored[:1], atol=1e-6)
    assert index.element_count == 300
    index.resize_index(301)
    index.add_items(data[:1], [999])
    assert index.max_elements == index.element_count == 301


@BOTH
def test_errors(hnswlib: Any, tmp_path: Path) -> None:
    data = vectors(10, 4)
    wrong: Any
    with pytest.raises(RuntimeError):
        hnswlib.Index("l3", 4)
    index = hnswlib.Index("l2", 4)
    index.init_index(10)
    for wrong in (
        lambda: index.init_index(10),
        lambda: index.add_items(vectors(2, 5)),
        lambda: index.add_items(data, [1, 2]),
        lambda: index.add_items(vectors(11, 4)),
        lambda: hnswlib.Index("l2", 4).load_index(str(tmp_path / "none")),
    ):
        with pytest.raises(RuntimeError):
            wrong()
    index = hnswlib.Index("l2", 4)
    index.init_index(10)
    index.add_items(data)
    for wrong in (
        lambda: index.knn_query(data, k=11),
        lambda: index.knn_query(data, k=5, filter=lambda label: label < 4),
        lambda: index.add_items(data[:1], [77]),
        lambda: index.mark_deleted(77),
        lambda: index.unmark_deleted(3),
        lambda: index.get_items([77]),
        lambda: index.resize_index(5),
    ):
        with pytest.raises(RuntimeError):
            wrong()
    for options in ({"ids": 3}, {"ids": [3], "return_type": "x"}):
        with pytest.raises(ValueError):
            index.get_items(**options)


@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
def test_both_find_the_same(space: str, words: np.ndarray[Any, Any]) -> None:
    data = words[:3_000].astype(np.float32)
    queries = words[3_000:3_200].astype(np.float32)
    answers: list[Any] = []
    for hnswlib in (theirs, ours):
        index = hnswlib.Index(space, data.shape[1])
        index.init_index(len(data))
        index.add_items(data[:1_000])
        index.add_items(data[1_000:])
        index.set_ef(200)
        answers.append(index.knn_query(queries, k=10))
        exact = hnswlib.BFIndex(space, data.shape[1])
        exact.init_index(len(data))
        exact.add_items(data)
        exact.delete_vector(17)
        answers.append(exact.knn_query(queries, k=10))
    (labels, distances), (truth, exact_distances), (labels_ours, distances_ours), found = answers
    # hnswlib's graph is another one each time, and may miss a row: then what follows is at other places.
    same = labels_ours == labels
    assert np.mean(same) > 0.99
    assert np.allclose(distances_ours[same], distances[same], atol=2e-5)
    assert np.mean(found[0] == truth) > 0.99
    assert np.allclose(found[1], exact_distances, atol=1e-4)


def test_many_small_batches_become_a_graph() -> None:
    data = vectors(5_500, 8)
    index = ours.Index("l2", 8)
    index.init_index(5_500)
    for start in range(0, 5_500, 500):
        index.add_items(data[start : start + 500])
    index.set_ef(100)
    labels, _ = index.knn_query(data, k=1)
    assert np.mean(labels.ravel() == np.arange(5_500)) > 0.99
    assert pickle.loads(pickle.dumps(index)).get_current_count() == 5_500
