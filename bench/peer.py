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
import time
from importlib import metadata
from pathlib import Path

import numpy as np

import measurement
import datasets
import score
from engines import PEERS


def make(name, dataset):
    """An empty index of a peer."""
    return PEERS[name](dataset.metric, dataset.dimensions)


def build(name, dataset, output):
    """Builds and saves; the seconds are the time to build the structure."""
    part = output.with_name(output.name + ".part")
    for earlier in (part, output):  # never search files of another build
        measurement.remove(earlier)
    peer = make(name, dataset)
    rows = peer.prepare(dataset.load_base(), dataset.metric)
    began = time.perf_counter()
    peer.build(rows)
    seconds = time.perf_counter() - began
    peer.save(str(part))
    part.replace(output)
    return {"seconds": seconds, "bytes": measurement.size(output)}


def search(name, dataset, index, least):
    """Recall and queries per second at each effort, and the memory used."""
    peer = make(name, dataset)
    queries = peer.prepare(dataset.load_queries(), dataset.metric)
    truth, distances = np.load(dataset.truth), np.load(dataset.distances)
    before = measurement.resident()
    peer.open(str(index), "load")
    peer.search(queries, max(peer.grid))
    memory = measurement.resident() - before
    points = []
    for effort in peer.grid:
        passes, spent = 0, 0.0
        while spent < least or not passes:
            began = time.perf_counter()
            ids = peer.search(queries, effort)
            spent += time.perf_counter() - began
            passes += 1
        points.append({"effort": effort, "recall": score.recall(ids, truth, distances, measurement.K),
                       "qps": passes * len(queries) / spent})
    return {"results": points, "resident_bytes": memory}


def open_first(name, dataset, index, mode):
    """Time to open the file, warm in the page cache, and to answer the first query."""
    peer = make(name, dataset)
    queries = peer.prepare(dataset.load_queries(), dataset.metric)
    measurement.warm(index)
    before = measurement.resident()
    began = time.perf_counter()
    peer.open(str(index), mode)
    opened = time.perf_counter()
    peer.search(queries[:1], peer.first)
    answered = time.perf_counter()
    peer.search(queries, max(peer.grid))
    return {"open_us": (opened - began) * 1e6, "first_query_us": (answered - opened) * 1e6,
            "resident_bytes": measurement.resident() - before}


def versions():
    """Which of the measured packages are installed."""
    found = {}
    for package in sorted({peer.package for peer in PEERS.values()} | {"numpy"}):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            pass  # the caller reports that it is left out
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    steps = parser.add_subparsers(dest="step", required=True)
    for step in ("build", "search", "open"):
        of = steps.add_parser(step)
        of.add_argument("name", choices=PEERS)
        of.add_argument("dataset", help=datasets.NAMES)
        if step == "build":
            of.add_argument("--output", type=Path, required=True)
        else:
            of.add_argument("--index", type=Path, required=True)
        if step == "search":
            of.add_argument("--least", type=float, default=0.2, help="seconds at each effort, at least")
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
            result = search(args.name, dataset, args.index, args.least)
        else:
            result = open_first(args.name, dataset, args.index, args.mode)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
