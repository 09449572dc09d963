"""Nearest neighbours for scikit-learn's pipelines, 1.6 and later: a graph that ``Isomap``, ``TSNE``, ``DBSCAN``,
``SpectralClustering`` and the classes of ``sklearn.neighbors`` take with ``metric="precomputed"``.

    make_pipeline(KNeighborsTransformer(n_neighbors=15), Isomap(n_neighbors=15, metric="precomputed"))
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._build import build
from ._native import Index, open

__all__ = ["KNeighborsTransformer"]

_METRICS = {"euclidean": "l2", "l2": "l2", "cosine": "cosine", "manhattan": "l1", "cityblock": "l1", "l1": "l1"}


class KNeighborsTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Rows to the graph of their nearest neighbours, as ``sklearn.neighbors.KNeighborsTransformer`` makes it,
    found by an index in memory.

    Args:
        mode: ``"distance"``: the graph holds distances, and one neighbour more, as each row of the fitted ones is its
            own nearest; or ``"connectivity"``: ones.
        n_neighbors: Neighbours of a row.
        metric: ``"euclidean"``, ``"manhattan"`` or ``"cosine"``.
        ef_search: Candidates that a search keeps: more find more. Default: as ``recall`` takes.
        recall: Search as hard as this recall takes, by the index's calibration; 1 scans all rows.
        n_jobs: Threads; None and -1 for all.
        options: Further options of ``hither.build``, such as ``{"m": 32, "codes": "none"}``.
    """

    def __init__(
        self,
        *,
        mode: str = "distance",
        n_neighbors: int = 5,
        metric: str = "euclidean",
        ef_search: int | None = None,
        recall: float = 0.99,
        n_jobs: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.mode = mode
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.ef_search = ef_search
        self.recall = recall
        self.n_jobs = n_jobs
        self.options = options

    def fit(self, X: Any, y: Any = None) -> KNeighborsTransformer:  # noqa: N803
        """Index the rows of ``X``, ``[rows, features]``."""
        if self.mode not in ("distance", "connectivity"):
            raise ValueError(f'mode: {self.mode!r} is neither "distance" nor "connectivity"')
        if self.metric not in _METRICS:
            raise ValueError(f"metric: {self.metric!r} is none of {', '.join(_METRICS)}")
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        options = {"element": "f32", "threads": self._threads(), **(self.options or {})}
        self.index_ = build(X, metric=_METRICS[self.metric], **options)
        self.n_samples_fit_ = len(X)
        return self

    def transform(self, X: Any) -> csr_matrix:  # noqa: N803
        """The graph ``[rows, fitted rows]``: in each row the nearest, nearest first."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        k = self.n_neighbors + (self.mode == "distance")
        if k > self.n_samples_fit_:
            raise ValueError(
                f"Expected n_neighbors < n_samples_fit, but n_neighbors = {self.n_neighbors},"
                f" n_samples_fit = {self.n_samples_fit_}, n_samples = {len(X)}"
            )
        hard: dict[str, Any] = {"exact": True}
        if self.index_.kind != ["flat"] and self.recall < 1:
            hard = {"recall": self.recall}
            if self.ef_search is not None:
                hard = {"ef_search": max(self.ef_search, k)}
        keys, distances = self.index_.search(X, k, threads=self._threads(), **hard)
        values = distances.astype(X.dtype) if self.mode == "distance" else np.ones(keys.shape, X.dtype)
        rows = np.arange(0, keys.size + 1, k)
        shape = (len(X), self.n_samples_fit_)
        return csr_matrix((values.ravel(), keys.ravel(), rows), shape=shape)

    def _threads(self) -> int:
        return 0 if self.n_jobs is None or self.n_jobs < 0 else self.n_jobs

    @property
    def _n_features_out(self) -> int:
        return self.n_samples_fit_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if isinstance(state.get("index_"), Index):
            state["index_"] = state["index_"].to_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state.get("index_"), bytes):
            state = {**state, "index_": open(state["index_"])}
        super().__setstate__(state)
