"""hither for ann-benchmarks: this folder goes to ann_benchmarks/algorithms/hither of its repository."""

import hither
import numpy as np

from ..base.module import BaseANN

METRICS = {"angular": "cosine", "euclidean": "l2"}


class Hither(BaseANN):
    """An index in memory, searched by one thread, or by all in batches.

    ``method_param`` are options of ``hither.build``, such as ``{"m": 16, "codes": "sq4"}``; a query argument is
    ``ef_search`` of a graph, and ``probes`` of lists (``{"kind": "ivf"}``).
    """

    def __init__(self, metric, method_param):
        if metric not in METRICS:
            raise NotImplementedError(f"hither does not measure by {metric}")
        self.metric = METRICS[metric]
        self.method_param = dict(method_param)
        self.effort = "probes" if self.method_param.get("kind") == "ivf" else "ef_search"
        self.name = f"hither ({self.method_param})"

    def fit(self, X):
        options = {"kind": "hnsw", **self.method_param}
        self.index = hither.build(np.asarray(X), metric=self.metric, on_invalid="skip", **options)

    def set_query_arguments(self, effort):
        self.how = {self.effort: int(effort)}
        self.name = f"hither ({self.method_param}, {self.effort}: {effort})"

    def query(self, q, n):
        return self.index.search(q, n, **self.how).keys

    def batch_query(self, X, n):
        self.res = self.index.search(X, n, threads=0, **self.how).keys

    def get_additional(self):
        return {"bytes": self.index.nbytes}

    def done(self):
        self.index.close()
