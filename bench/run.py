#!/usr/bin/env python3
"""Measures hither against its peers, and writes bench/results.

    bench/run.sh                     # what `make bench` does: five rounds of everything
    bench/run.sh --quick             # one round on the sample, to see that it works
    bench/run.sh --build-rounds 1    # builds once (a round of building takes ten minutes)
    bench/run.sh --build-rounds 0    # peers' index files of an earlier run, with the times noted then

A round measures every engine once, and every other round runs in the opposite order. Each measurement
is a process of its own. Where another program took the core meanwhile, so that the process had it for
less than nine tenths of the time, it is measured again, a few times at most. What was measured is
noted at once in results/session.jsonl: a run that was cut short goes on where it stopped, if it is
started again with the same options.
"""

import argparse
import datetime
import filecmp
import json
import os
import platform
import resource
import sys
import time

import measurement
import datasets
import engines
import ours
import report

QUICK = {"datasets": "sample", "rounds": 1, "build_rounds": 1, "least": 0.02}
UNDISTURBED = 0.9  # the share of the wall time for which a single-threaded measurement must have had its core
FULL = {"datasets": "wordnet-minilm-384,fashion-mnist-784", "rounds": 5, "build_rounds": 5, "least": 0.2}


def say(*words):
    """Reports progress."""
    print(*words, file=sys.stderr, flush=True)


def children():
    """The processor time of the measurements so far, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def machine():
    """The machine that it runs on."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    with open("/proc/meminfo", encoding="ascii") as lines:
        memory = int(next(lines).split()[1]) * 1024
    return {"cpu": model or platform.machine(), "cores": len(os.sched_getaffinity(0)), "memory": memory,
            "system": platform.system(), "python": platform.python_version()}


class Session:
    """The measurements of one run, recorded one by one, so that an interrupted run can be resumed."""

    def __init__(self, folder, settings, fresh, retries):
        self.retries = retries
        self.path = folder / "session.jsonl"
        self.measured = []
        noted = [] if fresh else self.read()
        if noted and noted[0] == settings and noted[-1] != "complete":
            self.measured = [one for one in noted[1:] if "error" not in one]
            say(f"going on with a run that was cut short: {len(self.measured)} measurements are there")
        else:
            measurement.write(self.path, json.dumps(settings) + "\n")

    def read(self):
        """The lines of an earlier run; an incomplete last line is dropped and removed from the file."""
        noted, whole = [], []
        try:
            with open(self.path, encoding="utf-8") as lines:
                for line in lines:
                    noted.append(json.loads(line))
                    whole.append(line)
        except FileNotFoundError:
            return []
        except ValueError:
            measurement.write(self.path, "".join(whole))
        return noted

    def note(self, line):
        with open(self.path, "a", encoding="utf-8") as out:
            print(json.dumps(line), file=out)

    def measure(self, what, how, again=False):
        """The result of `what`, from an earlier run or by calling `how` now; None if it failed."""
        for one in self.measured:
            if not again and all(one.get(key) == value for key, value in what.items()):
                return one.get("result")
        say("  ", " ".join(str(value) for key, value in what.items() if key != "dataset"))
        attempts = [self.attempt(what, how)]
        while len(attempts) <= self.retries and what["step"] != "build" and attempts[-1]["share"] < UNDISTURBED:
            if "error" in attempts[-1]:
                break
            attempts.append(self.attempt(what, how))
        entry = max(attempts, key=lambda one: one["share"])
        entry["attempts"] = len(attempts)
        self.measured.append(entry)
        self.note(entry)
        return entry.get("result")


    def attempt(self, what, how):
        """One measurement, with figures that show whether other programs disturbed it."""
        load, at, began, used = os.getloadavg()[0], time.time(), time.perf_counter(), children()
        try:
            entry = {**what, "result": how()}
        except measurement.Failed as why:
            say(f"    failed: {why}")
            entry = {**what, "error": str(why)}
        took = time.perf_counter() - began
        share = min((children() - used) / took, 9.99)
        entry.update(at=round(at), took=round(took, 2), load=round(load, 2), share=round(share, 3))
        return entry


class Peer:
    """The measurements of a peer."""

    def __init__(self, name, versions):
        self.name = name
        self.modes = engines.PEERS[name].modes
        version = versions[engines.PEERS[name].package]
        self.file = f"{name}-{version}-m{measurement.M}-efc{measurement.EF_CONSTRUCTION}.index"

    def index(self, dataset):
        return dataset.indexes / self.file

    def noted(self, dataset):
        """The build that created the existing index file, if there is one."""
        note = self.index(dataset).with_suffix(".json")
        if datasets.is_fresh(self.index(dataset), dataset) and note.exists():
            return {**json.loads(note.read_text()), "earlier": True}
        return None

    def build(self, dataset, threads, reuse):
        if reuse and self.noted(dataset):
            return self.noted(dataset)
        index = self.index(dataset)
        index.parent.mkdir(parents=True, exist_ok=True)
        index.with_suffix(".json").unlink(missing_ok=True)
        result = measurement.run(measurement.python("peer.py", "build", self.name, dataset.source, "--output", index))
        measurement.write(index.with_suffix(".json"), json.dumps(result))
        return result

    def search(self, dataset, least):
        return measurement.run(measurement.python("peer.py", "search", self.name, dataset.source,
                                        "--index", self.index(dataset), "--least", least))

    def open(self, dataset, mode):
        return measurement.run(measurement.python("peer.py", "open", self.name, dataset.source,
                                        "--index", self.index(dataset), "--mode", mode))


class Ours:
    """The measurements of one kind of file of ours."""

    modes = ()  # `hither bench` opens the file as it searches it

    def __init__(self, name):
        self.name = name

    def index(self, dataset, threads=1):
        return dataset.indexes / f"{self.name}-{threads}.hither"

    def build(self, dataset, threads, reuse):
        index = self.index(dataset, threads)
        index.parent.mkdir(parents=True, exist_ok=True)
        index.unlink(missing_ok=True)  # never search files of another build
        result = ours.build(self.name, dataset, index, threads)
        if threads != 1:
            alone = self.index(dataset)
            if alone.exists():
                result["same_file"] = filecmp.cmp(alone, index, shallow=False)
            index.unlink()
        return result

    def search(self, dataset, least):
        return ours.search(self.name, dataset, self.index(dataset))


def in_turn(measured, number):
    """The engines in the order of a round: reversed in every second round."""
    return measured if number % 2 == 0 else measured[::-1]


def measure(session, dataset, measured, options):
    """All measurements on one dataset."""
    say(f"{dataset.name}: {dataset.rows} rows of {dataset.dimensions}, {dataset.metric}")
    cores = len(os.sched_getaffinity(0))
    for number in range(max(options.build_rounds, 1)):
        for engine in in_turn(measured, number):
            for threads in (1, 2) if isinstance(engine, Ours) and cores > 1 else (1,):
                session.measure({"dataset": dataset.name, "engine": engine.name, "step": "build",
                                 "threads": threads, "round": number},
                                lambda: engine.build(dataset, threads, options.build_rounds == 0),
                                again=threads == 1 and not engine.index(dataset).exists())
    ready = [engine for engine in measured if engine.index(dataset).exists()]
    for number in range(options.rounds):
        for engine in in_turn(ready, number):
            what = {"dataset": dataset.name, "engine": engine.name, "round": number}
            session.measure({**what, "step": "search"}, lambda: engine.search(dataset, options.least))
            for mode in engine.modes:
                session.measure({**what, "step": "open", "mode": mode}, lambda: engine.open(dataset, mode))


def available(names):
    """The available datasets; the sample replaces those that are missing from the shared data."""
    found = []
    for name in names:
        try:
            found.append(datasets.get(name))
        except datasets.Absent as why:
            say(f"{name}: {why}")
            if name == "wordnet-minilm-384" and "sample" not in names:
                say("measuring the sample of 10,000 rows instead: its figures say little about the full set")
                found.append(datasets.get("sample"))
    if not found:
        raise SystemExit("error: no dataset to measure on")
    return found


def arguments():
    """The options, with the defaults of --quick or of a full run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    names = [*ours.VARIANTS, *engines.PEERS]
    parser.add_argument("--quick", action="store_true", help="one short round on the sample")
    parser.add_argument("--datasets", default=argparse.SUPPRESS,
                        help=f"of {datasets.NAMES} with base.npy, queries.npy and metric.txt")
    parser.add_argument("--engines", default=",".join(names), help="which to measure")
    parser.add_argument("--rounds", type=int, default=argparse.SUPPRESS, help="of searching and opening; 5")
    parser.add_argument("--build-rounds", type=int, default=argparse.SUPPRESS,
                        help="of building; 5; 0 takes the peers' earlier builds")
    parser.add_argument("--least", type=float, default=argparse.SUPPRESS,
                        help="seconds a peer searches at each effort, at least; 0.2")
    parser.add_argument("--retries", type=int, default=3,
                        help="how often to measure again where another program took the core")
    parser.add_argument("--fresh", action="store_true", help="do not go on with a run that was cut short")
    given = parser.parse_args()
    options = argparse.Namespace(**{**(QUICK if given.quick else FULL), **vars(given)})
    options.datasets = options.datasets.split(",")
    options.engines = options.engines.split(",")
    for name in options.engines:
        if name not in names:
            parser.error(f"no engine {name}; there are {', '.join(names)}")
    for name in options.datasets:
        if name not in datasets.MAKERS and not os.path.isdir(name):
            parser.error(f"no dataset {name}; there are {datasets.NAMES} with base.npy, queries.npy, metric.txt")
    if options.rounds < 1 or options.build_rounds < 0:
        parser.error("--rounds must be 1 or more, --build-rounds 0 or more")
    return options


def present(names, versions):
    """The installed engines among these names; reports which are missing."""
    found, built = [], ours.identity() is not None
    for name in names:
        if name in ours.VARIANTS and built:
            found.append(Ours(name))
        elif name in engines.PEERS and engines.PEERS[name].package in versions:
            found.append(Peer(name, versions))
        elif name in engines.PEERS:
            say(f"{name} is left out: {engines.PEERS[name].package} is not installed")
    if not built and any(name in ours.VARIANTS for name in names):
        say("hither is not built, so only the peers are measured: build it with `cargo build --release`,")
        say("or name the command in HITHER")
    if not found:
        raise SystemExit("error: no engine to measure")
    return found


def main():
    options = arguments()
    folder = measurement.RESULTS / "quick" if options.quick else measurement.RESULTS
    versions = measurement.run(measurement.python("peer.py", "versions"))
    measured = present(options.engines, versions)
    found = available(options.datasets)
    settings = {"m": measurement.M, "ef_construction": measurement.EF_CONSTRUCTION, "k": measurement.K,
                "grid": measurement.GRID, "probes": measurement.PROBES, "first_ef": measurement.FIRST_EF,
                "first_probes": measurement.FIRST_PROBES, "rounds": options.rounds,
                "build_rounds": options.build_rounds, "least": options.least,
                "datasets": [dataset.name for dataset in found],
                "engines": [engine.name for engine in measured], "hither": ours.identity(),
                "absent": [name for name in options.engines if name not in {each.name for each in measured}],
                "versions": versions, "machine": machine()}
    settings = json.loads(json.dumps(settings))
    session = Session(folder, settings, options.fresh, options.retries)
    for dataset in found:
        measure(session, dataset, measured, options)
    result = {"date": datetime.date.today().isoformat(), "settings": settings,
              "datasets": {dataset.name: {"metric": dataset.metric, "rows": dataset.rows,
                                          "dimensions": dataset.dimensions} for dataset in found},
              "measurements": session.measured}
    measurement.write(folder / "results.json", json.dumps(result, indent=1) + "\n")
    session.note("complete")
    print(report.write(folder))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("\ncut short; the same command goes on from here") from None
