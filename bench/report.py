#!/usr/bin/env python3
"""Turns results.json into table.md and the curves; runs at the end of run.py, or alone.

    python report.py [FOLDER]
"""

import argparse
import json
from pathlib import Path
from statistics import median

import measurement
import plot
import score

BASES = ("symphonyqg-f32", "svs-f16", "hnswlib-f32", "faiss-fp16")
NOTES = """\
Medians of the rounds. *Build* is the structure at one thread, without reading rows and writing the
file. *Open* is opening the file, warm in the page cache, and answering the first query at ef
{first_ef} or {first_probes} probes, by the way (in brackets) that is the fastest. *Resident* is what
opening and searching added to the process, loaded / mapped. *QPS* is one thread on one core, at
recall@10 of 0.95 and 0.99, by interpolating log QPS over recall between settings of ef or probes;
peers answer all queries in one call. A curve that begins above a recall counts with its first setting.
MB are 10⁶ bytes. The last four columns are ratios of QPS at 0.95 and 0.99 to SymphonyQG's, SVS's,
hnswlib's and faiss fp16's."""
VERDICTS = ("| target | measured | bound | stretch | |", "|---|---:|---:|---:|---|")


def middle(values):
    """The median of the measured values, or None."""
    values = [value for value in values if value is not None]
    return median(values) if values else None


def least(values):
    """The least of the measured values, or None."""
    return min((value for value in values if value is not None), default=None)


def ratio(one, other):
    """A quotient of values that may be missing."""
    return one / other if one and other else None


def by_rounds(curves, target):
    """QPS at a recall in each round, so that the spread can be seen."""
    return [score.qps_at(curve, target) for curve in curves]


def summary(result, dataset):
    """The figures of each engine on a dataset."""
    engines = {}
    for name in result["settings"]["engines"]:
        of = [one for one in result["measurements"]
              if one["dataset"] == dataset and one["engine"] == name and "result" in one]
        if not of:
            continue
        step = lambda kind: [one for one in of if one["step"] == kind]
        seconds = lambda threads: middle(one["result"]["seconds"] for one in step("build") if one["threads"] == threads)
        searches = [one["result"] for one in step("search")]
        curves = [search["results"] for search in searches]
        opened = {}
        for one in step("open"):
            opened.setdefault(one["mode"], []).append(one["result"])
        ours = [search for search in searches if "open_us" in search]
        if ours:
            opened["mmap"] = ours
        times = {mode: middle((each["open_us"] + each["first_query_us"]) / 1000 for each in rounds)
                 for mode, rounds in opened.items()}
        mapped = [mode for mode in opened if mode != "load"]
        quickest = min(times, key=times.get, default=None)
        curve = score.merged(curves)
        size = middle(one["result"]["bytes"] for one in step("build"))
        engines[name] = {
            "build_s": seconds(1), "build_2_s": seconds(2),
            "earlier": any(one["result"].get("earlier") for one in step("build")),
            "same_file": [one["result"]["same_file"] for one in step("build") if "same_file" in one["result"]],
            "bytes": size, "row_bytes": ratio(size, result["datasets"][dataset]["rows"]),
            "open_ms": times, "open_mode": quickest, "first_ms": times.get(quickest),
            "loaded": None if ours else middle(search["resident_bytes"] for search in searches),
            "mapped": least(middle(each.get("resident_bytes") for each in opened[mode]) for mode in mapped),
            "curve": curve,
            "qps": {target: score.qps_at(curve, target) for target in measurement.TARGETS},
            "spread": {target: by_rounds(curves, target) for target in measurement.TARGETS},
        }
    return engines


def cell(value, form="{:,.0f}"):
    """A value of a table, or a dash."""
    return "–" if value is None else form.format(value)


def pair(values, form):
    """Two values in one cell."""
    return " / ".join(cell(value, form) for value in values)


def table(engines):
    """The Markdown table of a dataset."""
    head = ["", "build s", "2 threads", "file MB", "bytes a row", "open + first ms", "resident MB", "QPS @0.95",
            "QPS @0.99", "×SymphonyQG", "×SVS", "×hnswlib", "×faiss fp16"]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for name, of in engines.items():
        mega = lambda size: None if size is None else size / 1e6
        ratios = [[ratio(of["qps"][target], engines.get(base, {}).get("qps", {}).get(target))
                   for target in measurement.TARGETS] for base in BASES]
        label = f"**{name}**" if name.startswith("hither") else name
        lines.append("| " + " | ".join([
            label,
            cell(of["build_s"], "{:.1f}") + ("*" if of["earlier"] else ""),
            cell(ratio(of["build_s"], of["build_2_s"]), "{:.2f}× faster"),
            cell(mega(of["bytes"]), "{:.1f}"),
            cell(of["row_bytes"]),
            cell(of["first_ms"], "{:.2f}") + (f" ({of['open_mode']})" if of["open_mode"] else ""),
            pair((mega(of["loaded"]), mega(of["mapped"])), "{:.0f}"),
            *(cell(of["qps"][target]) for target in measurement.TARGETS),
            *(pair(each, "{:.2f}") for each in ratios),
        ]) + " |")
    if any(of["earlier"] for of in engines.values()):
        lines += ["", "\\* built and timed in an earlier run"]
    return lines


def targets(engines, dimensions):
    """Every target as (what, value, bound, stretch or None, whether at least or at most)."""
    get = lambda name, *path: dig(engines.get(name), path)
    against = lambda one, other, *path: ratio(get(one, *path), get(other, *path))
    codes, plain, alone, lists = "hither-sq4+f16", "hither-f16", "hither-sq8-only", "hither-ivf-sq8+f16"
    for one, label, other, peer, *bounds in (
        (codes, "sq4 + f16", "symphonyqg-f32", "SymphonyQG", (1.5, 2.0), (1.7, 2.2)),
        (codes, "sq4 + f16", "svs-f16", "SVS f16", (1.6, 2.2), (1.6, 2.2)),
        (codes, "sq4 + f16", "hnswlib-f32", "hnswlib", (3.5, 5.0), (4.0, 5.0)),
        (plain, "f16", "faiss-fp16", "faiss fp16", (1.5, 2.0), (1.8, 2.0)),
        (lists, "IVF", "faiss-ivf-sq8+f16", "faiss IVF with sq8 and refine", (1.5, 3.0)),
    ):
        for target, (bound, stretch) in zip(measurement.TARGETS, bounds):
            what = f"{label}: QPS at {target} against {peer}"
            yield what, against(one, other, "qps", target), bound, stretch, "least"
    yield "sq4 + f16: file against SymphonyQG", against(codes, "symphonyqg-f32", "bytes"), 0.36, None, "most"
    yield "sq4 + f16: build against hnswlib, one thread", against(codes, "hnswlib-f32", "build_s"), 0.65, 0.5, "most"
    yield "f16: build against hnswlib, one thread", against(plain, "hnswlib-f32", "build_s"), 0.8, None, "most"
    if dimensions == 384:
        yield "sq4 + f16: bytes a row", get(codes, "row_bytes"), 1250, 1060, "most"
    for name, label in ((codes, "sq4 + f16"), (plain, "f16")):
        yield (f"{label}: build at two threads against one, times faster",
               ratio(get(name, "build_s"), get(name, "build_2_s")), 1.8, None, "least")
    yield "f16: file against faiss fp16", against(plain, "faiss-fp16", "bytes"), 0.95, None, "most"
    yield "sq8-only: file against faiss fp16", against(alone, "faiss-fp16", "bytes"), 0.55, None, "most"
    mapped = least(time for mode, time in (get("faiss-fp16", "open_ms") or {}).items() if mode != "load")
    for name, label in ((codes, "sq4 + f16"), (plain, "f16"), (alone, "sq8-only")):
        first = get(name, "first_ms")
        yield (f"{label}: open and first answer against hnswlib",
               ratio(first, get("hnswlib-f32", "first_ms")), 0.05, None, "most")
        yield f"{label}: open and first answer against faiss fp16, mapped", ratio(first, mapped), 1.0, None, "most"


def dig(value, path):
    """A value inside nested dictionaries, or None."""
    for key in path:
        value = None if value is None else value.get(key)
    return value


def reaches(value, bound, side):
    """Whether a value is on the good side of a bound."""
    return value >= bound if side == "least" else value <= bound


def verdict(what, value, bound, stretch, side):
    """The line of a target: whether its bound, and its stretch, is reached."""
    if value is None:
        word = "not measured"
    elif not reaches(value, bound, side):
        word = "**fail**"
    else:
        word = "pass, and the stretch" if stretch and reaches(value, stretch, side) else "pass"
    sign = "≥" if side == "least" else "≤"
    return f"| {what} | {cell(value, '{:,.4g}')} | {sign} {bound:,g} | {cell(stretch, sign + ' {:,g}')} | {word} |"


def verdicts(engines, dimensions):
    """The pass or fail line of each target."""
    lines = [*VERDICTS, *(verdict(*target) for target in targets(engines, dimensions))]
    for name, of in engines.items():
        if of["same_file"]:
            word = "pass" if all(of["same_file"]) else "**fail**"
            lines.append(f"| {name}: the same file from one thread and from two | | | | {word} |")
    return lines


def noise(result, dataset):
    """A note on measurements that other programs disturbed, if any."""
    alone = [one for one in result["measurements"]
             if one["dataset"] == dataset and one.get("threads", 1) == 1 and "result" in one]
    shares = [one["share"] for one in alone if not one["result"].get("earlier")]
    disturbed = [share for share in shares if share < 0.9]
    if not disturbed:
        return []
    return ["", f"**The machine was busy**: in {len(disturbed)} of {len(shares)} measurements other programs had "
            f"the core for more than a tenth of the time (at worst {1 - min(disturbed):.0%}). Measure again when "
            "nothing else runs before believing a ratio."]


def failures(result, dataset):
    """The measurements that gave no result."""
    failed = [one for one in result["measurements"] if one["dataset"] == dataset and "error" in one]
    return [f"- {one['engine']}, {one['step']}, round {one['round']}: {one['error']}" for one in failed]


def spread(engines):
    """The spread of the rounds: the widest range of QPS relative to its median."""
    widest = 0.0
    for of in engines.values():
        for values in of["spread"].values():
            values = [value for value in values if value]
            if len(values) > 1:
                widest = max(widest, (max(values) - min(values)) / median(values))
    return f"Rounds lay at most {widest:.0%} apart in QPS." if widest else "One round: nothing is known of the noise."


def write(folder):
    """Writes the table and the curves beside results.json; returns the table."""
    result = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    settings = result["settings"]
    computer, versions = settings["machine"], settings["versions"]
    lines = ["# hither against its peers", "",
             f"{result['date']}, {computer['cpu']}, {computer['cores']} cores, {computer['system']}; "
             + ", ".join(f"{name} {version}" for name, version in versions.items())
             + f". m {settings['m']}, ef_construction {settings['ef_construction']}, k {settings['k']}; "
             + f"rounds: {settings['rounds']} of searching, {settings['build_rounds']} of building.", "",
             NOTES.format(**settings)]
    if settings.get("absent"):
        lines += ["", "Not here, so not measured: " + ", ".join(settings["absent"]) + "."]
    for name, of in result["datasets"].items():
        engines = summary(result, name)
        about = f"{of['rows']:,} × {of['dimensions']}, {of['metric']}"
        measurement.write(folder / f"curves-{name}.svg",
                     plot.draw(name, f"{about}; m {settings['m']}, ef_construction {settings['ef_construction']}",
                               {engine: one["curve"] for engine, one in engines.items()}))
        failed = failures(result, name)
        lines += ["", f"## {name}", "", f"{about}. {spread(engines)}", *noise(result, name), "", *table(engines), "",
                  f"![recall–QPS curves](curves-{name}.svg)", "", *verdicts(engines, of["dimensions"])]
        lines += ["", "Gave no result:", "", *failed] if failed else []
    text = "\n".join(lines) + "\n"
    measurement.write(folder / "table.md", text)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=measurement.RESULTS)
    args = parser.parse_args()
    if not (args.folder / "results.json").exists():
        raise SystemExit(f"error: there is no results.json in {args.folder}; run bench/run.sh first")
    print(write(args.folder))


if __name__ == "__main__":
    main()
