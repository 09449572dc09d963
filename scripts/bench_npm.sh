#!/bin/sh
# Packs the npm package, measures it against the others on npm, and against the command:
# scripts/bench_npm.sh [--quick] [--full] …; bench/npm/README.md tells the rest. HITHER_TARBALL names
# a packed package to use in place of a new one.
set -eu
cd "$(dirname "$0")/.."

CARGO=${CARGO:-cargo}
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
case $CARGO_TARGET_DIR in /*) ;; *) CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR ;; esac
export CARGO_TARGET_DIR

sh scripts/install.sh compiler node chromium
[ -n "${HITHER_TARBALL:-}" ] || HITHER_TARBALL=$(sh scripts/npm.sh)
HITHER_TARBALL=$(echo "$HITHER_TARBALL" | tail -n 1)
npm="npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts"
(cd bench/npm && $npm && $npm --no-save "$HITHER_TARBALL")
node bench/npm/run.mjs "$@"

$CARGO build --quiet --release --package hither-cli
hither=$CARGO_TARGET_DIR/release/hither
vectors=sample/words.npy queries=sample/queries.npy rounds=5
case " $* " in
*" --quick "*) rounds=1 ;;
*" --full "*)
    full=${HITHER_DATA:-../shared/data}/wordnet-minilm-384
    [ ! -e "$full/base.f16.npy" ] || vectors=$full/base.f16.npy queries=$full/queries.npy
    ;;
esac
file=$CARGO_TARGET_DIR/npm/bench.hither
"$hither" build "$vectors" --kind hnsw -o "$file"
echo
node bench/npm/native.mjs "$file" "$queries" "$hither" --rounds $rounds
