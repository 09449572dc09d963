#!/usr/bin/env python3
"""Measures what a search of several files costs against one file of the same rows: make bench-parts.

    bench/parts.py                           # wordnet-minilm-384 in HITHER_DATA, in 1, 4, 16, 32 and 64 files
    bench/parts.py --against OTHER/hither    # another version's command searches the same files, in turns
    bench/parts.py --quick                   # the sample, in 1 and 4 files, to see that it works

Each file has an equal share of the rows in the set's order. Recall is against the exact answer. Ranks and vectors are
counts, the same on every machine; times are medians over rounds, in which files and commands take turns.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
EFFORTS = [1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320]
TARGETS = (0.95, 0.99)


def rows_of(path):
    """Header without its shape, rows, columns and the bytes of the rows of a matrix in NumPy's format."""
    data = path.read_bytes()
    if data[:6] != b"\x93NUMPY" or data[6] != 1:
        raise SystemExit(f"{path}: no .npy of version 1")
    start = 10 + int.from_bytes(data[8:10], "little")
    header = data[10:start].decode()
    shape = header[header.index("(") + 1:header.index(")")]
    rows, columns = (int(one) for one in shape.split(","))
    return header[:header.index("(")], rows, columns, data[start:]


def split(base, count, folder):
    """The shares of the rows, one .npy each."""
    header, rows, columns, data = rows_of(base)
    stride = len(data) // rows
    paths = []
    for part in range(count):
        first, last = rows * part // count, rows * (part + 1) // count
        text = f"{header}({last - first}, {columns}), }}"
        text += " " * (-(len(text) + 11) % 64) + "\n"
        path = folder / f"{part:03}.npy"
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
                         + data[first * stride:last * stride])
        paths.append(path)
    return paths


def files(base, count, hither, cache):
    """An index file of each share, built if they are not here."""
    folder = cache / str(count)
    folder.mkdir(parents=True, exist_ok=True)
    built = [folder / f"{part:03}.hither" for part in range(count)]
    if not all(path.exists() for path in built):
        for rows, path in zip(split(base, count, folder), built):
            subprocess.run([hither, "build", rows, "--kind", "hnsw", "-o", path, "--quiet", "--force"], check=True)
            rows.unlink()
    return built


def measure(command, paths, options):
    """What `hither bench` says of each effort."""
    run = [command, "bench", *paths, "--queries", options.queries, "--json", "-k", str(options.k),
           "--ef-search", ",".join(map(str, EFFORTS))]
    if options.truth:
        run += ["--truth", options.truth]
    out = subprocess.run(run, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(out)["results"]


def at(results, recall, name):
    """A measure at a recall, interpolated between efforts; that of the least effort where it finds more."""
    before = None
    for result in results:
        if result["recall"] >= recall:
            if before is None:
                return result[name]
            part = (recall - before["recall"]) / (result["recall"] - before["recall"])
            return before[name] + part * (result[name] - before[name])
        before = result
    return float("nan")


def medians(rounds):
    """The medians of several rounds' times; all else is the same in each."""
    merged = []
    for same in zip(*rounds):
        merged.append({**same[0], "p50_us": statistics.median(one["p50_us"] for one in same)})
    return merged


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="one round over the sample, in 1 and 4 files")
    parser.add_argument("--parts", default="", help="1,4,16,32,64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", default="", help="another version's command")
    parser.add_argument("-k", type=int, default=10)
    options = parser.parse_args()
    hither = os.environ["HITHER"]
    data = pathlib.Path(os.environ.get("HITHER_DATA") or HERE / "../../shared/data") / "wordnet-minilm-384"
    if options.quick or not data.exists():
        base, options.queries, options.truth = HERE / "../sample/words.npy", HERE / "../sample/queries.npy", None
        name = "sample"
    else:
        base, options.queries, options.truth = data / "base.f16.npy", data / "queries.npy", data / "truth_cos.npy"
        name = data.name
    counts = [int(one) for one in (options.parts or ("1,4" if options.quick else "1,4,16,32,64")).split(",")]
    cache = HERE / "data" / f"parts-{name}"
    parts = {count: files(base, count, hither, cache) for count in counts}
    commands = {"": hither, **({"other ": options.against} if options.against else {})}
    rounds = {(which, count): [] for which in commands for count in counts}
    for _ in range(1 if options.quick else options.rounds):
        for which, count in rounds:
            rounds[which, count].append(measure(commands[which], parts[count], options))
    measured = {key: medians(of) for key, of in rounds.items()}
    columns = [f"{what} @{recall}" for recall in TARGETS for what in ("ranks", "vectors", "µs", "× one file")]
    print("| files | recall, ef_search 16 | 40 | " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * (len(columns) + 2))
    for (which, count), results in measured.items():
        recalls = {result["ef_search"]: result["recall"] for result in results}
        cells = [f"{recalls[16]:.4f}", f"{recalls[40]:.4f}"]
        for recall in TARGETS:
            values = [at(results, recall, name) for name in ("ranks", "vectors", "p50_us")]
            one = at(measured[which, counts[0]], recall, "p50_us")
            cells += [f"{values[0]:,.0f}", f"{values[1]:,.0f}", f"{values[2]:,.1f}", f"{values[2] / one:.2f}"]
        print(f"| {which}{count} | " + " | ".join(cells) + " |")


main()
