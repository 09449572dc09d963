#!/usr/bin/env python3
"""Measures how QPS falls from some rows to ten times as many, and writes bench/results/growth.

    bench/run.sh growth            # 100,000 of a million rows, and the million: wordnet's, 128 dimensions
    bench/run.sh growth --quick    # 2,000 of 20,000, of the sample, to see that it works

The rows are made by mixes.py; the fewer are the first of the more, which are as random as any, with the
same queries. Rounds alternate between the two.
"""

import argparse
import datetime
import json

import datasets
import engines
import measurement
import mixes
import ours
import report
import run

FULL = {"of": "wordnet-minilm-384", "rows": 1_000_000, "rounds": 5, "least": 0.2}
QUICK = {"of": "sample", "rows": 20_000, "rounds": 1, "least": 0.02}
SHARE = 10  # the ratio of the larger to the smaller number of rows
RECALL, BOUND, STRETCH = 0.95, 0.45, 0.6  # the shares of QPS at that recall@10 that must and should remain


def pair(options):
    """The two datasets, the larger first; created if they are missing."""
    source = datasets.get(options.of)
    folders = [measurement.CACHE / f"mixes-{source.name}-{options.dimensions}-{options.seed}" / f"{rows}"
               for rows in (options.rows, options.rows // SHARE)]
    for folder, rows in zip(folders, (options.rows, options.rows // SHARE)):
        if not (folder / "base.npy").exists():
            run.say(f"making {rows:,} rows in {folder}")
            if rows == options.rows:
                mixes.make(folder, source, rows, options.dimensions, options.seed)
            else:
                mixes.first(folder, rows, folders[0])
    return [datasets.get(str(folder)) for folder in folders]


def table(summaries, sizes):
    """A line for each engine and number of rows, and the share of QPS that remains."""
    names = [name for name in summaries[0] if all(of.get(name, {}).get("curve") for of in summaries)]
    lines = ["|  | rows | build s | file MB | bytes a row | first recall | QPS @0.95 | QPS @0.99 |", "|---|" + "---:|" * 7]
    for name in names:
        for of, rows in zip(summaries, sizes):
            one = of[name]
            lines.append(f"| {name} | {rows:,} | {report.cell(one['build_s'], '{:.1f}')} | "
                         f"{report.cell(one['bytes'] / 1e6, '{:,.1f}')} | {report.cell(one['row_bytes'])} | "
                         f"{one['curve'][0]['recall']:.4f} | "
                         + " | ".join(report.cell(one["qps"][target]) for target in measurement.TARGETS) + " |")
    lines += ["", *report.VERDICTS]
    for name in names:
        left = report.ratio(*(of[name]["qps"][RECALL] for of in summaries))
        what = f"{name}: QPS at {RECALL} of {sizes[0]:,} rows against {sizes[1]:,}"
        lines.append(report.verdict(what, left, BOUND, STRETCH, "least"))
    return lines


def arguments():
    """The options, with the defaults of --quick or of a full run."""
    names = [*ours.VARIANTS, *engines.PEERS]
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="one short round of few rows of the sample")
    parser.add_argument("--of", default=argparse.SUPPRESS, help=f"the set that is mixed: {datasets.NAMES}")
    parser.add_argument("--rows", type=int, default=argparse.SUPPRESS, help="1000000, against a tenth of them")
    parser.add_argument("--rounds", type=int, default=argparse.SUPPRESS, help="of searching; 5")
    parser.add_argument("--dimensions", type=int, default=128, help="128")
    parser.add_argument("--seed", type=int, default=1, help="of the mixes; 1")
    parser.add_argument("--engines", default="hither-sq8+f16", help="of " + ",".join(names))
    parser.add_argument("--retries", type=int, default=3, help="measured again where another took the core; 3")
    parser.add_argument("--fresh", action="store_true", help="do not go on with a run that was cut short")
    given = parser.parse_args()
    options = argparse.Namespace(**{**(QUICK if given.quick else FULL), **vars(given)})
    options.engines = options.engines.split(",")
    for name in options.engines:
        if name not in names:
            parser.error(f"no engine {name}; there are {', '.join(names)}")
    return options


def main():
    options = arguments()
    folder = measurement.RESULTS / ("growth-quick" if options.quick else "growth")
    versions = measurement.run(measurement.python("peer.py", "versions"))
    measured = run.present(options.engines, versions)
    try:
        both = pair(options)
    except datasets.Absent as why:
        raise SystemExit(f"error: {why}") from why
    settings = {"m": measurement.M, "ef_construction": measurement.EF_CONSTRUCTION, "k": measurement.K,
                "rounds": options.rounds, "of": options.of, "dimensions": options.dimensions,
                "seed": options.seed, "datasets": [of.name for of in both], "rows": [of.rows for of in both],
                "engines": [engine.name for engine in measured], "hither": ours.identity(),
                "versions": versions, "machine": run.machine()}
    session = run.Session(folder, settings, options.fresh, options.retries)
    for engine in measured:
        for dataset in both:
            session.measure({"dataset": dataset.name, "engine": engine.name, "step": "build", "threads": 1, "round": 0},
                            lambda: engine.build(dataset, 1, False), again=not engine.index(dataset).exists())
    ready = [engine for engine in measured if all(engine.index(dataset).exists() for dataset in both)]
    for number in range(options.rounds):
        for engine in run.in_turn(ready, number):
            for dataset in run.in_turn(both, number):
                session.measure({"dataset": dataset.name, "engine": engine.name, "step": "search", "round": number},
                                lambda: engine.search(dataset, options.least))
    result = {"date": datetime.date.today().isoformat(), "settings": settings, "measurements": session.measured,
              "datasets": {of.name: {"metric": of.metric, "rows": of.rows, "dimensions": of.dimensions} for of in both}}
    measurement.write(folder / "results.json", json.dumps(result, indent=1) + "\n")
    summaries = [report.summary(result, of.name) for of in both]
    lines = ["# Growth", "", f"{result['date']}, {settings['machine']['cpu']}; mixes of {options.of}, "
             f"{options.dimensions} dimensions, seed {options.seed}. One thread; {options.rounds} rounds, medians. "
             "A curve that begins above a recall counts with its first setting.", "",
             *table(summaries, settings["rows"])]
    for of in both:
        lines += [*report.noise(result, of.name), *report.failures(result, of.name)]
    measurement.write(folder / "table.md", "\n".join(lines) + "\n")
    session.note("complete")
    print("\n".join(lines))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("\ncut short; the same command goes on from here") from None
