#!/bin/sh
# Packs the npm package, measures it against other packages on npm and against the command:
# scripts/bench-npm.sh [--quick] [--full] …; see bench/npm/README.md. HITHER_TARBALL names a packed
# package to use instead of a new one. With --against COMMIT as the first option: measures only against
# the package of that commit, which needs a checkout and a build of its own.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

if [ "${1:-}" = --against ]; then
    commit=$(git rev-parse --verify "$2^{commit}")
    shift 2
    work=$CARGO_TARGET_DIR/npm-against
    unpack() {
        rm -rf "$work/$2"
        mkdir -p "$work/$2"
        tar -xzf "$1" -C "$work/$2" --strip-components 1
    }
    tarball=$(sh scripts/npm.sh)
    unpack "$(echo "$tarball" | tail -n 1)" package
    rm -rf "$work/source"
    mkdir -p "$work/source"
    git archive "$commit" | tar -x -C "$work/source"
    tarball=$(cd "$work/source" && CARGO_TARGET_DIR=$work/target sh scripts/npm.sh)
    unpack "$(echo "$tarball" | tail -n 1)" earlier
    exec node bench/npm/against.mjs "$work/earlier" "$work/package" "$@"
fi
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
