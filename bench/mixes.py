#!/usr/bin/env python3
"""Makes many rows out of a real set's: random mixes of near rows, with queries and their truth.

    bench/run.sh mixes FOLDER                                   # a million of 128 dimensions
    bench/run.sh mixes FOLDER --rows 10000000 --dimensions 384 --element f32

The set's rows are taken on their first principal directions, or as they are where all dimensions are
wanted. Each new row is a random convex mix of one of them and one of its ten nearest, of length one
again. No two rows are equal, and no query is a row. The same seed makes the same bytes, and the first
rows of many are the rows of fewer. FOLDER is a dataset that run.py takes: base.npy, queries.npy
(float32), truth.npy and metric.txt.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np

import datasets
import measurement

NEAR = 10  # a row is mixed with one of this many nearest rows
PIECE = 1 << 16  # rows drawn at once
BLOCK = 512  # rows whose nearest are searched for at once
GRID = 1 << 16  # values are multiples of 1/GRID: sums of products are exact in float64, in any order
ELEMENTS = {"f16": np.float16, "f32": np.float32}


def say(*words):
    """Reports progress."""
    print(*words, file=sys.stderr, flush=True)


def unit(rows):
    """Rows scaled to length one. Squares are added column by column, which gives the same result everywhere."""
    squares = np.zeros(len(rows))
    for column in rows.T:
        squares += column * column
    if not squares.all():
        raise SystemExit("error: a row of zeros has no direction")
    return rows / np.sqrt(squares)[:, np.newaxis]


def on_grid(values):
    """Values as whole numbers of 1/GRID."""
    return np.rint(values * GRID)


def on_directions(rows, dimensions):
    """The rows' coordinates on their first principal directions (about the origin, as cosine is), on the
    grid and of length one; of all dimensions the rows themselves."""
    if not 0 < dimensions <= rows.shape[1]:
        raise SystemExit(f"error: the set has {rows.shape[1]} dimensions, so {dimensions} cannot be had")
    rows = on_grid(unit(rows.astype(np.float64)))
    if dimensions < rows.shape[1]:
        directions = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :dimensions]
        greatest = np.abs(directions).argmax(axis=0)
        directions = directions * np.sign(directions[greatest, np.arange(dimensions)])
        rows = rows @ on_grid(directions)
    return on_grid(unit(rows))


def neighbours(rows):
    """int32 [rows, NEAR]: the nearest others, ties by the lower row."""
    near = np.empty((len(rows), NEAR), np.int32)
    single = (rows / GRID).astype(np.float32)
    for first in range(0, len(rows), BLOCK):
        block = rows[first : first + BLOCK]
        found = datasets.nearest(-single[first : first + BLOCK] @ single.T, 4 * NEAR)
        products = (rows[found] @ block[:, :, np.newaxis])[:, :, 0]  # exact, because they are whole numbers
        products[found == np.arange(first, first + len(block))[:, np.newaxis]] = -np.inf
        order = np.lexsort((found, -products), axis=1)[:, :NEAR]
        near[first : first + BLOCK] = np.take_along_axis(found, order, axis=1)
    return near


def marks(rows):
    """A uint64 for each row; equal rows have equal ones."""
    mark = np.zeros(len(rows), np.uint64)
    for column in rows.view(f"u{rows.itemsize}").T:
        mark = (mark ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mark ^= mark >> np.uint64(29)
    return mark


class Mixer:
    """Draws mixes, no two of which are equal."""

    def __init__(self, rows, seed, element):
        self.rows, self.near = rows, neighbours(rows)
        self.seed, self.element = seed, element
        self.seen = np.empty(0, np.uint64)  # the marks of drawn rows

    def mix(self, source, count):
        """Mixes in float64."""
        one = source.integers(len(self.rows), size=count)
        other = self.near[one, source.integers(NEAR, size=count)]
        weight = source.random((count, 1))
        return unit(weight * self.rows[one] + (1 - weight) * self.rows[other])

    def draw(self, number, count):
        """The mixes of a piece, in the element (+ 0 makes of -0 a 0) and before they were rounded to it. One that
        was there before is drawn again."""
        source = np.random.default_rng([self.seed, number])
        whole = self.mix(source, count)
        for _ in range(100):
            rounded = whole.astype(self.element) + self.element(0)
            mark = marks(rounded)
            again = np.isin(mark, self.seen)
            first = np.unique(mark, return_index=True)[1]
            again |= ~np.isin(np.arange(count), first)
            if not again.any():
                self.seen = np.union1d(self.seen, mark)
                return rounded, whole
            whole[again] = self.mix(source, again.sum())
        raise SystemExit(f"error: the set's rows are too few to make {len(self.seen) + count:,} that differ")


def equal_rows(base):
    """How many rows equal another one (or, very rarely, only share its mark)."""
    found = [marks(np.ascontiguousarray(base[at : at + PIECE])) for at in range(0, len(base), PIECE)]
    return len(base) - len(np.unique(np.concatenate(found)))


def write(folder, base, queries):
    """Writes the files that go with the rows in `base`, and renames these last."""
    rows = np.load(base, mmap_mode="r")
    say(f"finding the nearest {datasets.DEPTH} rows of {len(queries):,} queries")
    datasets.save(folder / "queries.npy", queries)
    datasets.save(folder / "truth.npy", datasets.exact(rows, queries, "cosine").astype(np.int32))
    measurement.write(folder / "metric.txt", "cosine\n")
    base.replace(folder / "base.npy")


def make(folder, source, rows, dimensions, seed, element="f16", queries=1000):
    """Creates the dataset; existing files are kept."""
    if (folder / "base.npy").exists():
        raise SystemExit(f"error: {folder / 'base.npy'} is there already; remove it to make it anew")
    if rows < 2 * datasets.DEPTH or queries < 1:
        raise SystemExit(f"error: a dataset has {2 * datasets.DEPTH} rows or more, and a query or more")
    folder.mkdir(parents=True, exist_ok=True)
    say(f"finding the {NEAR} nearest of each row of {source.name}")
    mixer = Mixer(on_directions(np.load(source.base), dimensions), seed, ELEMENTS[element])
    held_out = mixer.draw(0, queries)[1].astype(np.float32)
    say(f"drawing {rows:,} mixes")
    part = folder / "part-base.npy"
    base = np.lib.format.open_memmap(part, mode="w+", dtype=ELEMENTS[element], shape=(rows, dimensions))
    for number, at in enumerate(range(0, rows, PIECE), 1):
        base[at : at + PIECE] = mixer.draw(number, PIECE)[0][: rows - at]
    base.flush()
    equal = equal_rows(base)
    assert equal == 0, f"{equal} rows equal another"
    write(folder, part, held_out)


def first(folder, count, of):
    """Creates a dataset from another's first rows, which are as random as any, and its queries."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "part-base.npy"
    np.save(part, np.load(of / "base.npy", mmap_mode="r")[:count])
    write(folder, part, np.load(of / "queries.npy"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where it is written")
    parser.add_argument("--of", default="wordnet-minilm-384", help=f"the set: {datasets.NAMES}")
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many to make")
    parser.add_argument("--dimensions", type=int, default=128, help="the first principal directions")
    parser.add_argument("--element", choices=ELEMENTS, default="f16", help="how values are stored")
    parser.add_argument("--queries", type=int, default=1000, help="how many to make")
    parser.add_argument("--seed", type=int, default=1, help="of all random choices")
    args = parser.parse_args()
    try:
        source = datasets.get(args.of)
    except datasets.Absent as why:
        raise SystemExit(f"error: {why}") from why
    make(args.folder, source, args.rows, args.dimensions, args.seed, args.element, args.queries)
    with open(args.folder / "base.npy", "rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    print(json.dumps({"folder": str(args.folder), "rows": args.rows, "dimensions": args.dimensions,
                      "element": args.element, "seed": args.seed, "sha256": digest}))


if __name__ == "__main__":
    main()
