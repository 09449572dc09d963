#!/usr/bin/env python3
"""Makes a dataset ready: base rows, queries and the exact truth, cached in bench/data.

    python datasets.py wordnet-minilm-384 fashion-mnist-784 sample FOLDER

A folder has base.npy and queries.npy, rows of f2 or f4, and metric.txt, which says cosine or l2. It may
have truth.npy, int32 [queries, 100] or wider: the nearest rows, nearest first; else they are found here.
"""

import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import measurement

DEPTH = 100  # how many true neighbours are kept per query
RUN = 64  # scores whose minimum is computed first
PIECE = 1 << 15  # base rows that are in memory at once
METRICS = ("cosine", "l2")
PACKAGE = "dataset-fashion-mnist"
IDX_FOLDER = Path("usr/share/datasets/fashion-mnist")


class Absent(Exception):
    """A dataset that is not available here, and why."""


@dataclass(frozen=True)
class Dataset:
    """The locations of a dataset's parts."""

    source: str  # the argument of `get`: a name or a folder
    metric: str  # cosine or l2
    base: Path
    queries: Path
    rows: int
    dimensions: int

    @property
    def name(self):
        """Its name, or the folder's with a unique suffix, so that two of the same name are not confused."""
        if self.source in MAKERS:
            return self.source
        return f"{Path(self.source).name}-{hashlib.sha256(self.source.encode()).hexdigest()[:6]}"

    @property
    def folder(self):
        return measurement.CACHE / self.name

    @property
    def truth(self):
        """int32 [queries, DEPTH]: the nearest rows, ties by the lower row."""
        return self.folder / "truth.npy"

    @property
    def distances(self):
        """float64 [queries, DEPTH]: the distances of `truth`."""
        return self.folder / "truth-distances.npy"

    @property
    def indexes(self):
        """The folder of the engines' index files."""
        return self.folder / "indexes"

    def load_base(self):
        """The rows as float32."""
        return np.ascontiguousarray(np.load(self.base), dtype=np.float32)

    def load_queries(self):
        """The queries as float32."""
        return np.ascontiguousarray(np.load(self.queries), dtype=np.float32)


def save(path, array):
    """Saves an array atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name("part-" + path.name)
    np.save(part, array)
    part.replace(path)


def prepared(array, metric, kind):
    """Rows in the form that the exact search needs."""
    array = array.astype(kind)
    if metric == "cosine":
        array /= np.linalg.norm(array, axis=1, keepdims=True)
    return array


def measure(base, queries, chosen, metric):
    """Exact distances in float64 of each query to its chosen rows."""
    result = np.empty(chosen.shape)
    for at, rows in enumerate(chosen):
        near, query = (prepared(part, metric, np.float64) for part in (base[rows], queries[at : at + 1]))
        if metric == "cosine":
            result[at] = 1 - near @ query[0]
        else:
            result[at] = ((near - query) ** 2).sum(axis=1)
    return result


def nearest(scores, count):
    """The places of the `count` least scores of each line, in any order; of all where there are fewer.

    They lie in the `count` runs whose own least scores are least, and among what is left beyond the runs:
    numpy partitions a line ten times as slowly as it finds the least of runs.
    """
    width = scores.shape[1]
    count, runs = min(count, width), width // RUN
    if runs <= count:
        return np.argpartition(scores, count - 1, axis=1)[:, :count]
    least = scores[:, : runs * RUN].reshape(len(scores), runs, RUN).min(axis=2)
    chosen = np.argpartition(least, count - 1, axis=1)[:, :count, np.newaxis] * RUN + np.arange(RUN)
    rest = np.broadcast_to(np.arange(runs * RUN, width), (len(scores), width - runs * RUN))
    places = np.hstack((chosen.reshape(len(scores), -1), rest))
    kept = np.argpartition(np.take_along_axis(scores, places, axis=1), count - 1, axis=1)[:, :count]
    return np.take_along_axis(places, kept, axis=1)


def exact(base, queries, metric):
    """The nearest DEPTH rows: found in float32 with a margin, a piece of the base at a time, then
    ordered by float64."""
    wanted = prepared(queries, metric, np.float32)
    near, scores = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for first in range(0, len(base), PIECE):
        rows = prepared(base[first : first + PIECE], metric, np.float32)
        products = wanted @ rows.T
        part = -products if metric == "cosine" else (rows**2).sum(axis=1) - 2 * products
        kept = nearest(part, 2 * DEPTH)
        near = np.hstack((near, first + kept))
        scores = np.hstack((scores, np.take_along_axis(part, kept, axis=1)))
        kept = nearest(scores, 2 * DEPTH)
        near, scores = (np.take_along_axis(each, kept, axis=1) for each in (near, scores))
    distances = measure(base, queries, near, metric)
    order = np.lexsort((near, distances), axis=1)[:, :DEPTH]
    return np.take_along_axis(near, order, axis=1)


def is_fresh(path, dataset):
    """Whether a file made from the dataset exists and is not older than its sources."""
    sources = (dataset.base, dataset.queries)
    return path.exists() and path.stat().st_mtime >= max(source.stat().st_mtime for source in sources)


def with_truth(dataset, given=None):
    """Makes sure that the truth exists, from `given` or by exact search."""
    if not (is_fresh(dataset.truth, dataset) and is_fresh(dataset.distances, dataset)):
        base, queries = np.load(dataset.base, mmap_mode="r"), dataset.load_queries()
        ids = exact(base, queries, dataset.metric) if given is None else np.load(given)
        ids = ids[:, :DEPTH].astype(np.int32)
        save(dataset.truth, ids)
        save(dataset.distances, measure(base, queries, ids, dataset.metric))
    return dataset


def described(source, metric, base, queries):
    """A dataset, with its shape from the files."""
    rows, dimensions = np.load(base, mmap_mode="r").shape
    return Dataset(source, metric, base, queries, rows, dimensions)


def wordnet():
    """The full WordNet embeddings, from the shared data."""
    folder = measurement.SHARED / "wordnet-minilm-384"
    if not folder.is_dir():
        raise Absent("the full WordNet set is not here (HITHER_DATA names the folder that has it)")
    dataset = described("wordnet-minilm-384", "cosine", folder / "base.f16.npy", folder / "queries.npy")
    return with_truth(dataset, folder / "truth_cos.npy")


def sample():
    """The sample in the repository."""
    folder = measurement.ROOT / "sample"
    return with_truth(described("sample", "cosine", folder / "words.npy", folder / "queries.npy"))


def read_idx(path):
    """Images of an idx file as float32 rows."""
    with gzip.open(path, "rb") as data:
        magic, count, height, width = np.frombuffer(data.read(16), dtype=">i4")
        if magic != 0x803:
            raise Absent(f"{path.name} is not an idx file of images")
        pixels = np.frombuffer(data.read(), dtype=np.uint8)
    return pixels.reshape(count, height * width).astype(np.float32)


def fetch_fashion(folder):
    """The folder of the idx files: the installed package's, or a download's."""
    installed = Path("/") / IDX_FOLDER
    if installed.is_dir():
        return installed
    unpacked = folder / "package"
    if (unpacked / IDX_FOLDER).is_dir():
        return unpacked / IDX_FOLDER
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Absent(f"Fashion-MNIST comes from Debian's package {PACKAGE}, and this is not Debian")
    folder.mkdir(parents=True, exist_ok=True)
    root = os.geteuid() == 0
    as_root = ["-o", "APT::Sandbox::User=root"] if root else []
    download = ["apt-get", "-qq", *as_root, "download", PACKAGE]
    quiet = dict(cwd=folder, capture_output=True)
    if subprocess.run(download, **quiet).returncode != 0:
        if root:
            subprocess.run(["apt-get", "-qq", "update"], **quiet)
        if subprocess.run(download, **quiet).returncode != 0:
            raise Absent(f"`apt-get download {PACKAGE}` failed; is there a network, and were the "
                         "package lists fetched?")
    package = next(folder.glob(f"{PACKAGE}_*.deb"))
    part = folder / "package.part"
    subprocess.run(["dpkg-deb", "-x", package, part], check=True)
    part.replace(unpacked)
    package.unlink()
    return unpacked / IDX_FOLDER


def fashion():
    """Fashion-MNIST as ann-benchmarks has it: 60,000 training images, 1,000 test images as queries."""
    folder = measurement.CACHE / "fashion-mnist-784"
    base, queries = folder / "base.npy", folder / "queries.npy"
    if not (base.exists() and queries.exists()):
        images = fetch_fashion(folder)
        save(queries, read_idx(images / "t10k-images-idx3-ubyte.gz")[:1000])
        save(base, read_idx(images / "train-images-idx3-ubyte.gz"))
    return with_truth(described("fashion-mnist-784", "l2", base, queries))


def given(folder):
    """A dataset from a user's files."""
    folder = Path(folder).resolve()
    base, queries, metric = (folder / name for name in ("base.npy", "queries.npy", "metric.txt"))
    for path in (base, queries, metric):
        if not path.is_file():
            raise Absent(f"{path} is missing: a folder has base.npy, queries.npy and metric.txt")
    word = metric.read_text(encoding="utf-8").strip()
    if word not in METRICS:
        raise Absent(f"{metric} says {word[:20]!r}; it may say {' or '.join(METRICS)}")
    shapes = []
    for path in (base, queries):
        try:
            array = np.load(path, mmap_mode="r")
        except ValueError as error:
            raise Absent(f"{path}: {error}") from error
        if array.ndim != 2 or array.dtype.kind != "f":
            raise Absent(f"{path} is {array.dtype} of shape {list(array.shape)}, and not rows of floats")
        shapes.append(array.shape)
    if shapes[0][1] != shapes[1][1]:
        raise Absent(f"{base} has {shapes[0][1]} dimensions and {queries} {shapes[1][1]}")
    if shapes[0][0] < 2 * DEPTH:
        raise Absent(f"{base} has {shapes[0][0]} rows; a dataset has {2 * DEPTH} or more")
    truth = folder / "truth.npy"
    if truth.is_file():
        ids = np.load(truth, mmap_mode="r")
        if ids.ndim != 2 or len(ids) != shapes[1][0] or ids.shape[1] < DEPTH or ids.dtype.kind not in "iu":
            raise Absent(f"{truth} is {ids.dtype} of shape {list(ids.shape)}, and not {DEPTH} rows or more a query")
        if not (0 <= ids.min() and ids.max() < shapes[0][0]):
            raise Absent(f"{truth} names rows that {base} does not have")
    return with_truth(described(str(folder), word, base, queries), truth if truth.is_file() else None)


MAKERS = {"wordnet-minilm-384": wordnet, "fashion-mnist-784": fashion, "sample": sample}
NAMES = f"{', '.join(MAKERS)}, or a folder"


def get(source):
    """A dataset by its name or its folder, created if it is missing."""
    if source in MAKERS:
        return MAKERS[source]()
    if not Path(source).is_dir():
        raise Absent(f"there is no dataset {source}; there are {NAMES}")
    return given(source)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {NAMES}; default: all names")
    args = parser.parse_args()
    for name in args.names or MAKERS:
        try:
            dataset = get(name)
        except Absent as why:
            raise SystemExit(f"error: {name}: {why}") from why
        print(json.dumps({"name": name, "metric": dataset.metric, "rows": dataset.rows,
                          "dimensions": dataset.dimensions}))


if __name__ == "__main__":
    main()
