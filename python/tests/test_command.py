"""The wheel and the command are one: the same files, the same answers, the command within."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SAMPLE, command

import hither


def test_the_file_is_the_commands_byte_for_byte(built: Path, tmp_path: Path) -> None:
    beside = tmp_path / "command.hither"
    command("build", SAMPLE / "words.npy", "--attributes", SAMPLE / "words.tsv", "-o", beside)
    assert built.read_bytes() == beside.read_bytes()


def test_so_it_is_with_every_option(words: np.ndarray[Any, Any], tmp_path: Path) -> None:
    keys = np.arange(5000) * 7 - 3
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"year": 1990 + at % 30, "score": at / 3}) + "\n" for at in range(5000))
    )
    np.save(tmp_path / "keys.npy", keys)
    np.save(tmp_path / "vectors.npy", words[:5000].astype(np.float64))
    command(
        *("build", tmp_path / "vectors.npy", "--keys", tmp_path / "keys.npy"),
        *("--attributes", tmp_path / "rows.jsonl", "--metric", "l2", "--element", "f32"),
        *("--kind", "hnsw", "--kind", "ivf", "--codes", "sq8", "--m", 8, "--lists", 20, "--ranges"),
        *("--ef-construction", 50, "--seed", 9, "--property", "model=x", "--memory", "30M"),
        *("-o", tmp_path / "command.hither"),
    )
    index = hither.build(
        words[:5000].astype(np.float64),
        keys,
        {"year": 1990 + np.arange(5000) % 30, "score": np.arange(5000) / 3},
        path=tmp_path / "own.hither",
        metric="l2",
        element="f32",
        kind=["hnsw", "ivf"],
        codes="sq8",
        m=8,
        ef_construction=50,
        lists=20,
        ranges=True,
        seed=9,
        threads=1,
        properties={"model": "x"},
        memory="30M",
    )
    assert (tmp_path / "own.hither").read_bytes() == (tmp_path / "command.hither").read_bytes()
    assert (index.kind, index.element, index.metric) == (["hnsw", "ivf"], "f32", "l2")
    assert index.properties == {"model": "x"}


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, []),
        ({"k": 3, "recall": 0.99}, ["-k", 3, "--recall", 0.99]),
        ({"ef_search": 100}, ["--ef-search", 100]),
        ({"exact": True, "metric": "l2"}, ["--exact", "--metric", "l2"]),
        ({"filter": {"pos": "verb"}}, ["--filter", '{"pos": "verb"}']),
        ({"radius": 0.5, "k": 4}, ["--radius", 0.5, "-k", 4]),
        ({"radius": 0.5}, ["--radius", 0.5]),
    ],
)
def test_answers_are_the_commands(
    built: Path, queries: np.ndarray[Any, Any], options: dict[str, Any], arguments: list[object]
) -> None:
    printed = command(
        *("search", built, "--queries", SAMPLE / "queries.npy", "--json", "--columns", "words"),
        *arguments,
    )
    index = hither.open(built)
    for threads in (1, 3):
        found = index.search(queries, **options, threads=threads)
        lists = found.hits()
        for line, hits in zip(printed.splitlines(), lists, strict=True):
            wanted = [(row["key"], row["words"]) for row in json.loads(line)["results"]]
            assert [(hit.key, hit["words"]) for hit in hits] == wanted
            distances = [row["distance"] for row in json.loads(line)["results"]]
            assert np.array_equal(np.array(distances, "f4"), [hit.distance for hit in hits])
        keys, distances_found = found
        for row, hits in enumerate(lists):
            assert [int(key) for key in keys[row] if key >= 0] == [hit.key for hit in hits]
            assert np.isinf(distances_found[row]).sum() == keys.shape[1] - len(hits)


def test_a_row_like_another(built: Path) -> None:
    printed = command("search", built, "--like", 42, "-k", 5, "--json", "--columns", "")
    wanted = [row["key"] for row in json.loads(printed)["results"]]
    assert hither.open(built).search(like=42, k=5).keys.tolist() == wanted


@pytest.mark.parametrize("start", ["module", "script"])
def test_the_command_is_within(built: Path, start: str) -> None:
    script = Path(sysconfig.get_path("scripts")) / "hither"
    begin = [str(script)] if start == "script" else [sys.executable, "-m", "hither"]

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*begin, *map(str, arguments)], capture_output=True, text=True)

    searched = run("search", built, "--like", 42, "--json")
    assert searched.returncode == 0
    assert searched.stdout == command("search", built, "--like", 42, "--json")
    helped = run("--help")
    assert helped.returncode == 0 and "Usage: hither <COMMAND>" in helped.stdout
    assert run("--version").stdout == f"hither {hither.__version__}\n"
    wrong = run("serch")
    assert wrong.returncode == 2 and "unrecognized subcommand" in wrong.stderr
    missing = run("info", "nothing.hither")
    assert missing.returncode == 1 and missing.stderr.startswith("error: nothing.hither")
