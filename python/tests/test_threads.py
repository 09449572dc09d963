"""Threads, processes and Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hither


def test_threads_share_an_index(built: Path, queries: np.ndarray[Any, Any]) -> None:
    index = hither.open(built)
    wanted = index.search(queries, k=5, threads=1).keys

    def look(turn: int) -> bool:
        if turn % 5 == 0:
            key = index.insert(queries[0] * (turn + 2))
            assert index[key].key == key and index.remove(key) == 1
        return bool((index.search(queries, k=5, exact=False).keys == wanted).mean() > 0.9)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(look, range(20)))
    assert (index.search(queries, k=5).keys == wanted).all()


def test_others_run_while_it_builds(words: np.ndarray[Any, Any]) -> None:
    turns = 0
    done = threading.Event()

    def count() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0.001)

    other = threading.Thread(target=count)
    other.start()
    hither.build(words[:3000], threads=1)
    done.set()
    other.join()
    assert turns > 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forked_processes_search_and_build(built: Path, queries: np.ndarray[Any, Any]) -> None:
    index = hither.open(built)
    wanted = index.search(queries, k=3).keys.tolist()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(index_search, [(index, queries), (index, queries)]) == [wanted, wanted]


def index_search(given: tuple[hither.Index, np.ndarray[Any, Any]]) -> Any:
    index, queries = given
    hither.build(queries[:50], kind="hnsw")
    return index.search(queries, k=3).keys.tolist()


BUSY = {
    "build": "hither.build(np.random.rand(300_000, 16).astype('f4'), path='x.hither', progress=tell)",
    "search": """
index = hither.build(np.random.rand(20_000, 32).astype('f4'), kind='flat')
tell('searching', 0, 0)
index.search(np.random.rand(200_000, 32).astype('f4'), threads=2)""",
    "command": """
import runpy
np.save('x.npy', np.random.rand(300_000, 16).astype('f4'))
sys.argv[1:] = ['build', 'x.npy', '-o', 'x.hither', '--quiet']
tell('linking', 0, 0)
runpy.run_module('hither', run_name='__main__')""",
}


def interrupted(program: str, folder: Path, delay: float) -> tuple[int, str]:
    """Ends a program so many seconds after its first line; its status, and what it says of it."""
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None and running.stdout.readline()
    time.sleep(delay)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=300)
    return running.returncode, errors


@pytest.mark.parametrize("work", BUSY)
def test_an_interrupt_ends_it(work: str, tmp_path: Path) -> None:
    program = f"""
import signal, sys, numpy as np, hither
# What runs the tests in the background may have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
def tell(stage, done, total):
    if stage in ('linking', 'searching'):
        print(stage, flush=True)
{BUSY[work]}
"""
    status, errors = interrupted(program, tmp_path, 0.5)
    # On a busy machine the command may not have begun by then, and the end is Python's.
    for delay in (4, 16):
        if work == "command" and status != 130:
            status, errors = interrupted(program, tmp_path, delay)
    if work == "command":
        assert status == 130 and "interrupted; nothing was written" in errors
    else:
        assert "KeyboardInterrupt" in errors
    assert not list(tmp_path.glob("*.hither*"))
