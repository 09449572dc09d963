#!/bin/sh
# Installs the pinned peers in bench/venv and runs the benchmark: bench/run.sh [options of run.py].
# bench/run.sh growth [options of growth.py], mixes [options of mixes.py] and hard [options of hard.py] run
# these scripts instead.
set -eu
here=$(dirname "$0")
repository=$(cd "$here/.." && pwd)
. "$repository/scripts/env.sh"

install() { # install WHAT…: into the environment, silent unless it fails
    "$here/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}

if ! cmp -s "$here/requirements.txt" "$here/venv/installed.txt"; then
    python3 -c 'import ensurepip, sysconfig, os; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null ||
        packages python3-venv python3-dev
    need g++ g++
    [ -x "$here/venv/bin/pip" ] || python3 -m venv "$here/venv"
    echo "installing the peers into bench/venv" >&2
    if install -r "$here/requirements.txt" 2>/dev/null; then
        cp "$here/requirements.txt" "$here/venv/installed.txt"
    else # not every peer has a wheel for every machine: those that can be had are measured, the others said
        sed 's/ *#.*//; /^$/d' "$here/requirements.txt" | while read -r package; do
            install "$package" || echo "$package cannot be installed here, and is left out" >&2
        done
    fi
fi

case " $* " in
*" --quick "*) (cd "$here" && venv/bin/python -m unittest -q) ;;
esac
case ${1:-} in
growth | mixes | hard) script=$1.py && shift ;;
*) script=run.py ;;
esac
exec "$here/venv/bin/python" "$here/$script" "$@"
