"""The peers' own calls, one class a peer: build, save, open and search with one thread.

A class has `package`, its package on PyPI; `modes`, the ways in which it opens a file; `grid`, the
settings of effort that are measured; `first`, that of the first query after opening. An index may be a
file or a folder.
"""

import os

import numpy as np

import measurement


class Engine:
    """The common part of the peers."""

    modes = ("load",)
    grid, first = measurement.GRID, measurement.FIRST_EF
    unit = False  # whether cosine needs rows of length one

    def prepare(self, rows, metric):
        """Rows or queries as passed to the peer: float32."""
        if self.unit and metric == "cosine":
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return np.ascontiguousarray(rows, dtype=np.float32)


class Hnswlib(Engine):
    """hnswlib: the reference implementation of HNSW, with float32 rows."""

    package = "hnswlib"

    def __init__(self, metric, dimensions):
        import hnswlib

        self.index = hnswlib.Index({"cosine": "cosine", "l2": "l2"}[metric], dimensions)

    def build(self, rows):
        self.index.init_index(len(rows), M=measurement.M, ef_construction=measurement.EF_CONSTRUCTION)
        self.index.set_num_threads(1)
        self.index.add_items(rows, num_threads=1)

    def save(self, path):
        self.index.save_index(path)

    def open(self, path, mode):
        self.index.load_index(path)
        self.index.set_num_threads(1)

    def search(self, queries, ef):
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k=measurement.K, num_threads=1)[0]


class Usearch(Engine):
    """usearch with float16 rows."""

    modes = ("load", "view")
    package = "usearch"

    def __init__(self, metric, dimensions):
        from usearch.index import Index

        self.index = Index(ndim=dimensions, metric={"cosine": "cos", "l2": "l2sq"}[metric], dtype="f16",
                           connectivity=measurement.M, expansion_add=measurement.EF_CONSTRUCTION)

    def build(self, rows):
        self.index.add(np.arange(len(rows), dtype=np.uint64), rows, threads=1)

    def save(self, path):
        self.index.save(path)

    def open(self, path, mode):
        (self.index.view if mode == "view" else self.index.load)(path)

    def search(self, queries, ef):
        self.index.expansion_search = ef
        return np.asarray(self.index.search(queries, measurement.K, threads=1).keys).reshape(len(queries), -1)


class Faiss(Engine):
    """faiss's HNSW over scalar-quantised rows; cosine is the inner product of unit rows."""

    modes = ("load", "mmap", "mmap-ifc")
    package = "faiss-cpu"
    unit = True
    storage = ""

    def __init__(self, metric, dimensions):
        import faiss

        faiss.omp_set_num_threads(1)
        self.faiss = faiss
        self.metric = faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2

    def build(self, rows):
        self.index = self.faiss.index_factory(rows.shape[1], f"HNSW{measurement.M}_{self.storage}", self.metric)
        assert self.index.hnsw.nb_neighbors(0) == 2 * measurement.M, "not the same m"
        self.index.hnsw.efConstruction = measurement.EF_CONSTRUCTION
        self.index.train(rows)
        self.index.add(rows)

    def save(self, path):
        self.faiss.write_index(self.index, path)

    def open(self, path, mode):
        flags = {"load": 0, "mmap": self.faiss.IO_FLAG_MMAP, "mmap-ifc": self.faiss.IO_FLAG_MMAP_IFC}
        self.index = self.faiss.read_index(path, flags[mode])

    def search(self, queries, ef):
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, measurement.K)[1]


class FaissFp16(Faiss):
    """faiss HNSW with float16 rows."""

    storage = "SQfp16"


class FaissSq8(Faiss):
    """faiss HNSW with 8-bit codes and nothing else."""

    storage = "SQ8"


class FaissIvf(Faiss):
    """faiss's inverted file of 8-bit codes, in as many lists as ours, reranked by float16 rows."""

    modes = ("load", "mmap")
    grid, first = measurement.PROBES, measurement.FIRST_PROBES
    refined = 2  # reranked rows for each wanted one: more add no recall, on either set

    def build(self, rows):
        kind = f"IVF{measurement.lists(len(rows))},SQ8,Refine(SQfp16)"
        self.index = self.faiss.index_factory(rows.shape[1], kind, self.metric)
        self.index.train(rows)
        self.index.add(rows)

    def search(self, queries, probes):
        self.index.k_factor = self.refined
        self.faiss.extract_index_ivf(self.index).nprobe = probes
        return self.index.search(queries, measurement.K)[1]


class SymphonyQg(Engine):
    """SymphonyQG: a graph whose nodes hold their neighbours' 1-bit codes, with float32 rows."""

    package = "rabitqlib"
    unit = True

    def __init__(self, metric, dimensions):
        from rabitqlib import SymqgIndex

        self.index = SymqgIndex(dimensions, 2 * measurement.M, "l2")

    def build(self, rows):
        self.index.build(rows, measurement.EF_CONSTRUCTION, num_threads=1)

    def save(self, path):
        self.index.save(path)

    def open(self, path, mode):
        self.index = type(self.index).load(path)

    def search(self, queries, ef):
        return self.index.search(queries, measurement.K, ef, num_threads=1)[0]


class Svs(Engine):
    """SVS: a Vamana graph with float16 rows, in a folder of three."""

    package = "scalable-vs"
    unit = True

    def __init__(self, metric, dimensions):
        import svs

        self.svs = svs

    def build(self, rows):
        settings = self.svs.VamanaBuildParameters(graph_max_degree=2 * measurement.M,
                                                  window_size=measurement.EF_CONSTRUCTION)
        self.index = self.svs.Vamana.build(settings, rows.astype(np.float16), self.svs.DistanceType.L2,
                                           num_threads=1)

    def save(self, path):
        os.mkdir(path)
        self.index.save(*(os.path.join(path, part) for part in ("config", "graph", "data")))

    def open(self, path, mode):
        config, graph, data = (os.path.join(path, part) for part in ("config", "graph", "data"))
        self.index = self.svs.Vamana(config, self.svs.GraphLoader(graph),
                                     self.svs.VectorDataLoader(data, self.svs.DataType.float16),
                                     self.svs.DistanceType.L2, num_threads=1)

    def search(self, queries, ef):
        self.index.search_window_size = ef
        return self.index.search(queries, measurement.K)[0]


PEERS = {"symphonyqg-f32": SymphonyQg, "svs-f16": Svs, "hnswlib-f32": Hnswlib, "usearch-f16": Usearch,
         "faiss-fp16": FaissFp16, "faiss-sq8": FaissSq8, "faiss-ivf-sq8+f16": FaissIvf}
