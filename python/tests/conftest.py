"""Rows for the tests: the sample, random ones, and the command that is built beside the wheel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hither

SAMPLE = Path(os.environ["SAMPLE"])
COMMAND = os.environ["HITHER"]


def command(*arguments: object) -> str:
    """What the command prints."""
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def words() -> np.ndarray[Any, Any]:
    """The sample's vectors, float16."""
    found: np.ndarray[Any, Any] = np.load(SAMPLE / "words.npy")
    return found


@pytest.fixture(scope="session")
def queries() -> np.ndarray[Any, Any]:
    """The sample's queries, float32."""
    found: np.ndarray[Any, Any] = np.load(SAMPLE / "queries.npy")
    return found


@pytest.fixture(scope="session")
def texts() -> dict[str, list[str]]:
    """The sample's attributes."""
    lines = (SAMPLE / "words.tsv").read_text(encoding="utf-8").splitlines()
    names, *rows = [line.split("\t") for line in lines]
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


@pytest.fixture(scope="session")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    words: np.ndarray[Any, Any],
    texts: dict[str, list[str]],
) -> Path:
    """An index of the sample."""
    path = tmp_path_factory.mktemp("built") / "words.hither"
    hither.build(words, columns=texts, path=path)
    return path


@pytest.fixture
def rows() -> np.ndarray[Any, Any]:
    """Fifty random vectors of 8 dimensions, float32."""
    return np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
