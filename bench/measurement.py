"""The common part of the benchmark: settings, folders, and running a measurement."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CACHE = HERE / "data"
RESULTS = HERE / "results"
SHARED = Path(os.environ.get("HITHER_DATA", ROOT.parent / "shared" / "data"))

M = 16
EF_CONSTRUCTION = 128
K = 10
GRID = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
PROBES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
FIRST_EF, FIRST_PROBES = 40, 16  # of the first query after opening: hither's defaults
TARGETS = (0.95, 0.99)


class Failed(Exception):
    """A measurement that gave no result, with its output."""


def core():
    """The core that single-threaded measurements are pinned to: the last available one."""
    return max(os.sched_getaffinity(0))


def run(command, threads=1):
    """Runs a measurement, pinned to one core when it has one thread, and reads its JSON."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS="1",
                       PYTHONDONTWRITEBYTECODE="1")
    cores = {core()} if threads == 1 else os.sched_getaffinity(0)
    try:
        done = subprocess.run([str(part) for part in command], env=environment, text=True,
                              capture_output=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"exit {done.returncode}: {said[-1] if said else 'without a word'}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise Failed(f"its output is not JSON: {done.stdout.strip()[:200]!r}") from error


def python(script, *arguments):
    """The command that runs one of our scripts under the same Python."""
    return [sys.executable, HERE / script, *arguments]


def write(path, text):
    """Writes a file atomically: a reader, or a later run, never finds a partial one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def resident():
    """Bytes of this process that are in memory now, mapped pages of files among them."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def lists(rows):
    """The number of lists in an inverted file with that many rows: hither's default, also used for the peer."""
    return math.floor(math.sqrt(rows) + 0.5)


def files(path):
    """The file, or all files of the folder."""
    return [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]


def size(path):
    """Bytes of a file or of all files of a folder."""
    return sum(each.stat().st_size for each in files(path))


def remove(path):
    """Removes a file or a folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def warm(path):
    """Reads a file, or all files of a folder, once, so that they are in the page cache."""
    block = bytearray(1 << 20)
    for each in files(path):
        with open(each, "rb", buffering=0) as data:
            while data.readinto(block):
                pass
