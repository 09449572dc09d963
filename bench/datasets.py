#!/usr/bin/env python3
"""Makes a dataset ready: base rows, queries and the exact truth, cached in bench/data.

    python datasets.py wordnet-minilm-384 fashion-mnist-784 sample
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import measurement

DEPTH = 100  # how many true neighbours are kept a query
PACKAGE = "dataset-fashion-mnist"
IDX_FOLDER = Path("usr/share/datasets/fashion-mnist")


class Absent(Exception):
    """A dataset that cannot be had here, and why."""


@dataclass(frozen=True)
class Dataset:
    """Where the parts of a dataset lie."""

    name: str
    metric: str  # cosine or l2
    base: Path
    queries: Path
    rows: int
    dimensions: int

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
    """Saves an array whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name("part-" + path.name)
    np.save(part, array)
    part.replace(path)


def prepared(array, metric, kind):
    """Rows as the exact search wants them."""
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


def exact(base, queries, metric):
    """The nearest DEPTH rows: found in float32 with a margin, then ordered by float64."""
    rows = prepared(base, metric, np.float32)
    squares = (rows**2).sum(axis=1)
    near = []
    for at in range(0, len(queries), 100):
        products = prepared(queries[at : at + 100], metric, np.float32) @ rows.T
        scores = -products if metric == "cosine" else squares - 2 * products
        near.append(np.argpartition(scores, 2 * DEPTH, axis=1)[:, : 2 * DEPTH])
    near = np.concatenate(near)
    distances = measure(base, queries, near, metric)
    order = np.lexsort((near, distances), axis=1)[:, :DEPTH]
    return np.take_along_axis(near, order, axis=1)


def is_fresh(path, dataset):
    """Whether a file made from the dataset is there and not older than what it was made from."""
    sources = (dataset.base, dataset.queries)
    return path.exists() and path.stat().st_mtime >= max(source.stat().st_mtime for source in sources)


def with_truth(dataset, given=None):
    """Makes sure that the truth is there, from `given` or by exact search."""
    if not (is_fresh(dataset.truth, dataset) and is_fresh(dataset.distances, dataset)):
        base, queries = np.load(dataset.base, mmap_mode="r"), dataset.load_queries()
        ids = exact(np.asarray(base), queries, dataset.metric) if given is None else np.load(given)
        ids = ids[:, :DEPTH].astype(np.int32)
        save(dataset.truth, ids)
        save(dataset.distances, measure(base, queries, ids, dataset.metric))
    return dataset


def described(name, metric, base, queries):
    """A dataset, with its shape from the files."""
    rows, dimensions = np.load(base, mmap_mode="r").shape
    return Dataset(name, metric, base, queries, rows, dimensions)


def wordnet():
    """The full WordNet embeddings, from the shared data."""
    folder = measurement.SHARED / "wordnet-minilm-384"
    if not folder.is_dir():
        raise Absent("the full WordNet set is not here (HITHER_DATA names the folder that has it)")
    dataset = described("wordnet-minilm-384", "cosine", folder / "base.f16.npy", folder / "queries.npy")
    return with_truth(dataset, folder / "truth_cos.npy")


def sample():
    """The sample that the repository carries."""
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


MAKERS = {"wordnet-minilm-384": wordnet, "fashion-mnist-784": fashion, "sample": sample}


def get(name):
    """A dataset by its name, made if need be."""
    return MAKERS[name]()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MAKERS)}; default: all")
    args = parser.parse_args()
    for name in args.names or MAKERS:
        if name not in MAKERS:
            raise SystemExit(f"error: no dataset {name}; there are {', '.join(MAKERS)}")
        try:
            dataset = get(name)
        except Absent as why:
            raise SystemExit(f"error: {name}: {why}") from why
        print(json.dumps({"name": name, "metric": dataset.metric, "rows": dataset.rows,
                          "dimensions": dataset.dimensions}))


if __name__ == "__main__":
    main()
