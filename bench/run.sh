#!/bin/sh
# Installs the pinned peers into bench/venv and measures: bench/run.sh [options of run.py].
# bench/run.sh growth [options of growth.py], and mixes [options of mixes.py], run those instead.
set -eu
here=$(dirname "$0")

need() { # need COMMAND PACKAGE: is it here, or can we install it?
    sh -c "$1" >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing $2" >&2
        apt-get install -y --no-install-recommends $2 >/dev/null 2>&1 ||
            { apt-get update >/dev/null && apt-get install -y --no-install-recommends $2 >/dev/null; }
    else
        echo "error: \`make bench\` needs $2; install it, for example: sudo apt-get install $2" >&2
        exit 1
    fi
}

install() { # install WHAT…: into the environment, silent unless it fails
    "$here/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}

if ! cmp -s "$here/requirements.txt" "$here/venv/installed.txt"; then
    need "python3 -c 'import ensurepip, sysconfig, os; os.stat(sysconfig.get_path(\"include\") + \"/Python.h\")'" "python3-venv python3-dev"
    need "command -v g++" g++
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
growth | mixes) script=$1.py && shift ;;
*) script=run.py ;;
esac
exec "$here/venv/bin/python" "$here/$script" "$@"
