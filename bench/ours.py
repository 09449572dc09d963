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

VARIANTS = {"hither-sq8+f16": ("hnsw", "sq8"), "hither-sq4+f16": ("hnsw", "sq4"), "hither-f16": ("hnsw", "none"),
            "hither-sq8-only": ("hnsw", "sq8-only"), "hither-ivf-sq8+f16": ("ivf", "sq8")}
BINARY = Path(os.environ.get("HITHER", measurement.ROOT / "target" / "release" / "hither"))


def identity():
    """A hash of the command, so that results of another one are not taken for this one's; or None."""
    try:
        return hashlib.sha256(BINARY.read_bytes()).hexdigest()[:16]
    except OSError:
        return None


def build(name, dataset, output, threads):
    """Builds an index file; `seconds` is the time to build the structure, without reading the rows."""
    kind, codes = VARIANTS[name]
    shape = {"hnsw": ["--m", measurement.M, "--ef-construction", measurement.EF_CONSTRUCTION],
             "ivf": ["--lists", measurement.lists(dataset.rows)]}[kind]
    command = [BINARY, "build", dataset.base, "-o", output, "--metric", dataset.metric, "--element", "f16",
               "--kind", kind, "--codes", codes, *shape, "--threads", threads, "--json"]
    result = measurement.run(command, threads)
    return {**result, "bytes": measurement.size(output)}


def search(name, dataset, index):
    """The curve, the times to open and to give the first answer, and the memory."""
    measurement.warm(index)
    option, grid = {"hnsw": ("ef-search", measurement.GRID), "ivf": ("probes", measurement.PROBES)}[VARIANTS[name][0]]
    command = [BINARY, "bench", index, "--queries", dataset.queries, "--truth", dataset.truth,
               "-k", measurement.K, f"--{option}", ",".join(map(str, grid)), "--threads", 1, "--json"]
    result = measurement.run(command)
    for point in result["results"]:
        point["effort"] = point.pop(option.replace("-", "_"))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    steps = parser.add_subparsers(dest="step", required=True)
    for step in ("build", "search"):
        of = steps.add_parser(step)
        of.add_argument("name", choices=VARIANTS)
        of.add_argument("dataset", help=datasets.NAMES)
    steps.choices["build"].add_argument("--output", type=Path, required=True)
    steps.choices["build"].add_argument("--threads", type=int, default=1)
    steps.choices["search"].add_argument("--index", type=Path, required=True)
    args = parser.parse_args()
    dataset = datasets.get(args.dataset)
    try:
        if args.step == "build":
            result = build(args.name, dataset, args.output, args.threads)
        else:
            result = search(args.name, dataset, args.index)
    except measurement.Failed as why:
        raise SystemExit(f"error: {why}") from why
    print(json.dumps(result))


if __name__ == "__main__":
    main()
