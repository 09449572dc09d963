#!/bin/sh
# Installs the pinned peers into bench/venv and measures: bench/run.sh [options of run.py].
set -eu
cd "$(dirname "$0")"

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

if ! cmp -s requirements.txt venv/installed.txt; then
    need "python3 -c 'import ensurepip, sysconfig, os; os.stat(sysconfig.get_path(\"include\") + \"/Python.h\")'" "python3-venv python3-dev"
    need "command -v g++" g++
    [ -x venv/bin/pip ] || python3 -m venv venv
    echo "installing the peers into bench/venv" >&2
    venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
    cp requirements.txt venv/installed.txt
fi
exec venv/bin/python run.py "$@"
