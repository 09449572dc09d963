#!/bin/sh
# The script of `make test`: runs every part, in two parallel lanes, because most parts use only one of two
# cores for long. Parts that install the extension into the same PostgreSQL share a lane. A part's output is
# printed when it ends. At the end there is a line for each part, and the last lines of those that failed.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

logs=$CARGO_TARGET_DIR/test
rm -rf "$logs"
mkdir -p "$logs"

# Two parts must not install at the same time, because dpkg and rustup lock.
sh scripts/install.sh compiler components cargo-deny node browsers chromedriver libclang python-venv
if command -v rustup >/dev/null; then
    rustup --quiet target add wasm32-unknown-unknown thumbv7em-none-eabihf aarch64-unknown-linux-musl
fi

lane() { # lane PART…: one after another; goes on after a failure
    for part in "$@"; do
        begun=$(date +%s)
        result=ok
        ${MAKE:-make} --no-print-directory "$part" >"$logs/$part.log" 2>&1 || result=FAILED
        printf '%-14s %s, %d s\n' "$part" $result $(($(date +%s) - begun)) >>"$logs/results"
        {
            echo "---- make $part"
            cat "$logs/$part.log"
            tail -n 1 "$logs/results"
        }
    done
}

# Background processes ignore Ctrl-C.
trap 'trap - TERM; kill 0' INT TERM
lane test-pg test-clients &
lane check unit nostd parity embedded test-npm test-www test-python
wait

for log in $(sed -n 's/ *FAILED.*//p' "$logs/results"); do
    echo "---- the end of make $log, which failed"
    tail -n 40 "$logs/$log.log"
done
cat "$logs/results"
! grep -q FAILED "$logs/results"
