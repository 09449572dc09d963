#!/usr/bin/env python3
"""Cuts the sample in this folder from the full WordNet embeddings.

The choice depends on nothing but the synset ids and the seed: each part of speech gets its natural
share of the rows, and within one the synsets whose SHA-256 (of seed and id) is smallest are taken.
No random generator takes part, so every version of Python and numpy cuts the same files.

    python3 sample/cut.py [--data DIR] [--output DIR]
"""

import argparse
import hashlib
import os
from collections import Counter
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("HITHER_DATA", HERE.parent.parent / "shared" / "data"))
ROWS = 10_000
QUERIES = 200
SEED = "hither-sample-1"
COLUMNS = ("synset", "pos", "words", "definition")


def read_table(path):
    """The lines of a table as (synset, words, definition)."""
    with open(path, encoding="utf-8", newline="\n") as lines:
        table = [tuple(line.rstrip("\n").split("\t")) for line in lines]
    wrong = next((at for at, row in enumerate(table, 1) if len(row) != 3), None)
    if wrong:
        raise SystemExit(f"error: {path}:{wrong}: expected three fields separated by tabs")
    return table


def part_of_speech(row):
    """The prefix of the synset id: noun, verb, adj or adv."""
    return row[0].split(":", 1)[0]


def shares(counts, total):
    """Divides `total` in proportion to `counts`; the largest remainders get what is left."""
    everything = sum(counts.values())
    exact = {name: total * count / everything for name, count in counts.items()}
    whole = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (whole[name] - exact[name], name))
    for name in by_remainder[: total - sum(whole.values())]:
        whole[name] += 1
    return whole


def choose(table, total):
    """The chosen row numbers, in the order of the file."""
    rank = lambda at: hashlib.sha256(f"{SEED}\0{table[at][0]}".encode()).digest()
    chosen = []
    for name, share in shares(Counter(map(part_of_speech, table)), total).items():
        rows = [at for at, row in enumerate(table) if part_of_speech(row) == name]
        chosen += sorted(rows, key=rank)[:share]
    return sorted(chosen)


def write_table(path, table, rows):
    """The chosen lines under a header, with the part of speech as a column of its own."""
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        print(*COLUMNS, sep="\t", file=out)
        for at in rows:
            synset, words, definition = table[at]
            print(synset, part_of_speech(table[at]), words, definition, sep="\t", file=out)


def cut(data, names, output, total, element):
    """Cuts one pair of files: vectors and the table beside them."""
    vectors_name, table_name = names
    vectors = np.load(data / vectors_name, mmap_mode="r")
    table = read_table(data / table_name)
    if len(vectors) != len(table):
        raise SystemExit(f"error: {len(vectors)} vectors but {len(table)} lines in {table_name}")
    rows = choose(table, total)
    np.save(output.with_suffix(".npy"), np.ascontiguousarray(vectors[rows], dtype=element))
    write_table(output.with_suffix(".tsv"), table, rows)
    parts = Counter(part_of_speech(table[at]) for at in rows)
    print(f"{output.name}: {len(rows)} of {len(table)} rows:", dict(parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=DATA / "wordnet-minilm-384",
                        help="folder of the full set (default: wordnet-minilm-384 in $HITHER_DATA)")
    parser.add_argument("--output", type=Path, default=HERE, help="where to write (default: here)")
    args = parser.parse_args()
    if not args.data.is_dir():
        raise SystemExit(f"error: {args.data} is not a folder; name the full set with --data")
    cut(args.data, ("base.f16.npy", "base.tsv"), args.output / "words", ROWS, "<f2")
    cut(args.data, ("queries.npy", "queries.tsv"), args.output / "queries", QUERIES, "<f4")


if __name__ == "__main__":
    main()
