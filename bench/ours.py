#!/usr/bin/env python3
"""Measures hither through its command, once, and prints JSON.

    python ours.py build hither-sq8+f16 wordnet-minilm-384 --output FILE --threads 1
    python ours.py search hither-sq8+f16 wordnet-minilm-384 --index FILE

The command is $HITHER, or target/release/hither of this repository.
"""

import argparse
import hashlib
import json
import os
from pathlib import Path

import measurement
import datasets

VARIANTS = {"hither-sq8+f16": "sq8", "hither-f16": "none", "hither-sq8-only": "sq8-only"}
BINARY = Path(os.environ.get("HITHER", measurement.ROOT / "target" / "release" / "hither"))


def identity():
    """A hash of the command, so that nothing measured with another is taken for this one's; or None."""
    try:
        return hashlib.sha256(BINARY.read_bytes()).hexdigest()[:16]
    except OSError:
        return None


def build(name, dataset, output, threads):
    """Builds an index file; `seconds` is the structure, without reading the rows."""
    command = [BINARY, "build", dataset.base, "-o", output, "--metric", dataset.metric,
               "--element", "f16", "--kind", "hnsw", "--codes", VARIANTS[name], "--m", measurement.M,
               "--ef-construction", measurement.EF_CONSTRUCTION, "--threads", threads, "--json"]
    result = measurement.run(command, threads)
    return {**result, "bytes": os.path.getsize(output)}


def search(dataset, index, grid):
    """The curve, the time to open and to answer first, and the memory."""
    measurement.warm(index)
    command = [BINARY, "bench", index, "--queries", dataset.queries, "--truth", dataset.truth,
               "-k", measurement.K, "--ef-search", ",".join(map(str, grid)), "--threads", 1, "--json"]
    return measurement.run(command)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    steps = parser.add_subparsers(dest="step", required=True)
    for step in ("build", "search"):
        of = steps.add_parser(step)
        of.add_argument("name", choices=VARIANTS)
        of.add_argument("dataset", choices=datasets.MAKERS)
    steps.choices["build"].add_argument("--output", type=Path, required=True)
    steps.choices["build"].add_argument("--threads", type=int, default=1)
    steps.choices["search"].add_argument("--index", type=Path, required=True)
    args = parser.parse_args()
    dataset = datasets.get(args.dataset)
    try:
        if args.step == "build":
            result = build(args.name, dataset, args.output, args.threads)
        else:
            result = search(dataset, args.index, measurement.GRID)
    except measurement.Failed as why:
        raise SystemExit(f"error: {why}") from why
    print(json.dumps(result))


if __name__ == "__main__":
    main()
