#!/bin/sh
# Builds the wheel, installs it with only its requirements, and also beside the libraries that it has
# adapters for. Tests its type annotations, then its behaviour, against the command and these libraries.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

wheel=$(sh scripts/python.sh dev)
build_command
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# hnswlib is compiled when it is installed.
python3 -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null ||
    packages python3-dev
need g++ g++
venv=$CARGO_TARGET_DIR/python/tests
if ! cmp -s python/tests/requirements.txt "$venv/installed"; then
    say "installing the libraries" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-compile \
        -r python/tests/requirements.txt
    cp python/tests/requirements.txt "$venv/installed"
fi
python=$venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheel"

"$python" -m twine --no-color check --strict "$(dirname "$wheel")"/*
# The sdist compiles. It lacks some members of the workspace, so that its
# Cargo.lock has packages too many: offline, none gets another version.
say "sdist"
sdist=$CARGO_TARGET_DIR/python/sdist # Of one name, so that cargo finds what it has compiled before.
rm -rf "$sdist"
mkdir -p "$sdist"
tar xzf "$(dirname "$wheel")"/*.tar.gz -C "$sdist" --strip-components 1
$CARGO check --quiet --offline --manifest-path "$sdist/python/Cargo.toml"
say "alone"
python3 -m venv "$place/alone"
"$place/alone/bin/pip" install --quiet --disable-pip-version-check "$wheel"
"$place/alone/bin/python" -c 'import hither; assert hither.build([[1.0], [2.0]], metric="l2").search([2.1], 1).keys == [1]'
"$place/alone/bin/hither" --version

cp -r python/tests python/README.md python/pyproject.toml "$place"
cp python/README.md "$place/tests"
cd "$place"
# In parallel with the tests, which mostly wait.
(
    "$python" -m mypy --strict tests
    "$python" -m mypy --strict -p hither
    "$python" -m mypy.stubtest hither._native
    "$python" -m pyright --pythonpath "$python" tests
) >"$place/types" 2>&1 &
types=$!
HITHER=$hither SAMPLE=$repository/sample ANN_BENCHMARKS=$repository/python/ann-benchmarks/hither \
    "$python" -m pytest --quiet tests
wait "$types" || {
    cat "$place/types"
    fail "types"
}
say "ok"
