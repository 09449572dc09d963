#!/usr/bin/env python3
"""Measures one peer on one dataset, once, in a process of its own, and prints JSON.

    python peer.py build hnswlib-f32 wordnet-minilm-384 --output FILE
    python peer.py search hnswlib-f32 wordnet-minilm-384 --index FILE
    python peer.py open faiss-fp16 wordnet-minilm-384 --index FILE --mode mmap
    python peer.py versions

Every peer gets its best single-threaded way: all queries in one call with one thread. Time to build
is the time of the structure alone, without reading rows and writing the file. Resident memory is
VmRSS after opening the index and answering every query, less VmRSS before opening it.
"""

import argparse
import json
import os
import time
from importlib import metadata
from pathlib import Path

import numpy as np

import measurement
import datasets
import score


def unit(rows):
    """Rows of length one."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Hnswlib:
    """hnswlib: the reference implementation of HNSW, with float32 rows."""

    modes = ("load",)
    package = "hnswlib"

    def __init__(self, metric, dimensions):
        import hnswlib

        self.index = hnswlib.Index({"cosine": "cosine", "l2": "l2"}[metric], dimensions)

    def prepare(self, rows):
        return rows

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


class Usearch:
    """usearch with float16 rows."""

    modes = ("load", "view")
    package = "usearch"

    def __init__(self, metric, dimensions):
        from usearch.index import Index

        self.index = Index(ndim=dimensions, metric={"cosine": "cos", "l2": "l2sq"}[metric], dtype="f16",
                           connectivity=measurement.M, expansion_add=measurement.EF_CONSTRUCTION)

    def prepare(self, rows):
        return rows

    def build(self, rows):
        self.index.add(np.arange(len(rows), dtype=np.uint64), rows, threads=1)

    def save(self, path):
        self.index.save(path)

    def open(self, path, mode):
        (self.index.view if mode == "view" else self.index.load)(path)

    def search(self, queries, ef):
        self.index.expansion_search = ef
        return np.asarray(self.index.search(queries, measurement.K, threads=1).keys).reshape(len(queries), -1)


class Faiss:
    """faiss's HNSW over scalar-quantised rows; cosine is the inner product of unit rows."""

    modes = ("load", "mmap", "mmap-ifc")
    package = "faiss-cpu"
    storage = ""

    def __init__(self, metric, dimensions):
        import faiss

        faiss.omp_set_num_threads(1)
        self.faiss = faiss
        self.cosine = metric == "cosine"
        kind = faiss.METRIC_INNER_PRODUCT if self.cosine else faiss.METRIC_L2
        self.index = faiss.index_factory(dimensions, f"HNSW{measurement.M}_{self.storage}", kind)
        assert self.index.hnsw.nb_neighbors(0) == 2 * measurement.M, "not the same m"

    def prepare(self, rows):
        return unit(rows) if self.cosine else rows

    def build(self, rows):
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


PEERS = {"hnswlib-f32": Hnswlib, "usearch-f16": Usearch, "faiss-fp16": FaissFp16, "faiss-sq8": FaissSq8}


def make(name, dataset):
    """An empty index of a peer."""
    return PEERS[name](dataset.metric, dataset.dimensions)


def build(name, dataset, output):
    """Builds and saves; seconds are those of the structure."""
    peer = make(name, dataset)
    rows = np.ascontiguousarray(peer.prepare(dataset.load_base()), dtype=np.float32)
    began = time.perf_counter()
    peer.build(rows)
    seconds = time.perf_counter() - began
    part = f"{output}.part"
    peer.save(part)
    os.replace(part, output)
    return {"seconds": seconds, "bytes": os.path.getsize(output)}


def search(name, dataset, index, grid, least):
    """Recall and queries per second at each ef, and the memory that it took."""
    peer = make(name, dataset)
    queries = np.ascontiguousarray(peer.prepare(dataset.load_queries()), dtype=np.float32)
    truth, distances = np.load(dataset.truth), np.load(dataset.distances)
    before = measurement.resident()
    peer.open(str(index), "load")
    peer.search(queries, max(grid))
    memory = measurement.resident() - before
    points = []
    for ef in grid:
        passes, spent = 0, 0.0
        while spent < least or not passes:
            began = time.perf_counter()
            ids = peer.search(queries, ef)
            spent += time.perf_counter() - began
            passes += 1
        points.append({"ef_search": ef, "recall": score.recall(ids, truth, distances, measurement.K),
                       "qps": passes * len(queries) / spent})
    return {"results": points, "resident_bytes": memory}


def open_first(name, dataset, index, mode):
    """Time to open the file, warm in the page cache, and to answer the first query."""
    peer = make(name, dataset)
    queries = np.ascontiguousarray(peer.prepare(dataset.load_queries()), dtype=np.float32)
    measurement.warm(index)
    before = measurement.resident()
    began = time.perf_counter()
    peer.open(str(index), mode)
    opened = time.perf_counter()
    peer.search(queries[:1], measurement.FIRST_EF)
    answered = time.perf_counter()
    peer.search(queries, max(measurement.GRID))
    return {"open_us": (opened - began) * 1e6, "first_query_us": (answered - opened) * 1e6,
            "resident_bytes": measurement.resident() - before}


def versions():
    """What is measured."""
    return {package: metadata.version(package) for package in ("hnswlib", "usearch", "faiss-cpu", "numpy")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    steps = parser.add_subparsers(dest="step", required=True)
    for step in ("build", "search", "open"):
        of = steps.add_parser(step)
        of.add_argument("name", choices=PEERS)
        of.add_argument("dataset", choices=datasets.MAKERS)
        if step == "build":
            of.add_argument("--output", type=Path, required=True)
        else:
            of.add_argument("--index", type=Path, required=True)
        if step == "search":
            of.add_argument("--ef-search", default=",".join(map(str, measurement.GRID)), help="comma-separated")
            of.add_argument("--least", type=float, default=0.2, help="seconds at each ef, at least")
        if step == "open":
            of.add_argument("--mode", choices=("load", "view", "mmap", "mmap-ifc"), default="load")
    steps.add_parser("versions")
    args = parser.parse_args()
    if args.step == "versions":
        result = versions()
    else:
        dataset = datasets.get(args.dataset)
        if args.step == "build":
            result = build(args.name, dataset, args.output)
        elif args.step == "search":
            grid = [int(ef) for ef in args.ef_search.split(",")]
            result = search(args.name, dataset, args.index, grid, args.least)
        else:
            result = open_first(args.name, dataset, args.index, args.mode)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
