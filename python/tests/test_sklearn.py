"""hither.sklearn within scikit-learn: its own checks of an estimator, and pipelines that take the graph."""

# pyright: basic

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE, Isomap
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neighbors import KNeighborsTransformer as Exact
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from hither.sklearn import KNeighborsTransformer

DIGITS, NUMBERS = load_digits(return_X_y=True)


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [KNeighborsTransformer(), KNeighborsTransformer(mode="connectivity")]
)
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_the_graph_is_that_of_scikit_learn(mode: str, metric: str) -> None:
    exact = Exact(mode=mode, n_neighbors=8, metric=metric).fit(DIGITS[:1_000])
    ours = KNeighborsTransformer(mode=mode, n_neighbors=8, metric=metric).fit(DIGITS[:1_000])
    for rows in (DIGITS[:1_000], DIGITS[1_000:]):
        wanted, found = exact.transform(rows), ours.transform(rows)
        assert found.shape == wanted.shape and found.nnz == wanted.nnz
        difference = abs(found - wanted)
        # Rows that are equally far may change places.
        assert (difference > 1e-3).nnz < 0.03 * wanted.nnz
        if mode == "distance":
            assert np.allclose(found.data, np.sort(wanted.data.reshape(len(rows), -1)).ravel(), atol=1e-3)
    assert list(ours.get_feature_names_out()[:1]) == ["kneighborstransformer0"]


def test_a_graph_index_finds_nearly_all(words: np.ndarray[Any, Any]) -> None:
    rows = words[:2_500, :64].astype(np.float32)
    wanted = Exact(n_neighbors=10, mode="connectivity").fit_transform(rows)
    ours = KNeighborsTransformer(n_neighbors=10, mode="connectivity")
    assert ours.fit_transform(rows).multiply(wanted).sum() > 0.97 * wanted.sum()
    assert ours.index_.kind == ["hnsw"]
    again = pickle.loads(pickle.dumps(ours))
    assert (again.transform(rows[:10]) != ours.transform(rows[:10])).nnz == 0
    harder = KNeighborsTransformer(n_neighbors=10, mode="connectivity", recall=1, n_jobs=2).fit(rows)
    assert harder.transform(rows).multiply(wanted).sum() > 0.9999 * wanted.sum()
    with pytest.raises(ValueError, match="Expected n_neighbors"):
        KNeighborsTransformer(n_neighbors=10).fit(rows[:10]).transform(rows)
    for wrong in (KNeighborsTransformer(mode="x"), KNeighborsTransformer(metric="x")):
        with pytest.raises(ValueError, match="is n"):
            wrong.fit(rows[:10])


def test_pipelines() -> None:
    with threadpool_limits(1):  # their threads wait for each other where others run, too
        pipelines()


def pipelines() -> None:
    rows, numbers = DIGITS[:600], NUMBERS[:600]
    for transformer in (Exact, KNeighborsTransformer):
        classifier = make_pipeline(
            transformer(n_neighbors=10), KNeighborsClassifier(n_neighbors=5, metric="precomputed")
        )
        classifier.fit(rows, numbers)
        assert classifier.score(DIGITS[600:900], NUMBERS[600:900]) > 0.9
        isomap = make_pipeline(
            transformer(n_neighbors=10), Isomap(n_neighbors=10, metric="precomputed")
        )
        assert isomap.fit_transform(rows[:200]).shape == (200, 2)
        assert isomap.transform(DIGITS[600:603]).shape == (3, 2)
        tsne = make_pipeline(
            transformer(n_neighbors=31),
            TSNE(metric="precomputed", perplexity=10, init="random", max_iter=250),
        )
        assert np.isfinite(tsne.fit_transform(rows[:100])).all()
