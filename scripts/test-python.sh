#!/bin/sh
# Makes the wheel, installs it into an empty environment, and tests it there: the types that it says it has, then
# what it does, against the command.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

wheel=$(sh scripts/python.sh dev)
build_command
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
python=$place/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check "$wheel" \
    pytest==9.2.0 mypy==2.4.1 pyright==1.1.414 numpy==2.4.6 polars==2.1.0 pyarrow==26.0.1

cp -r python/tests python/README.md python/pyproject.toml "$place"
cp python/README.md "$place/tests"
cd "$place"
say "types"
"$python" -m mypy --strict tests
"$python" -m mypy --strict -p hither
"$python" -m mypy.stubtest hither
"$python" -m pyright --pythonpath "$python" tests
HITHER=$hither SAMPLE=$repository/sample "$python" -m pytest --quiet tests
say "ok"
