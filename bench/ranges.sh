#!/bin/sh
# What searching by ranges fetches: bytes, requests and round trips at each number of lists, for the full
# set in HITHER_DATA, else for the sample. Measures the command, and the npm package in Node, which must
# fetch the same. HITHER is the command.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

hither=${HITHER:?the command}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

tarball=$(sh scripts/npm.sh | tail -n 1)
mkdir "$work/node"
cp bench/ranges.mjs wasm/tests/measure-ranges.mjs wasm/tests/npy.mjs wasm/tests/range-server.mjs "$work/node"
(cd "$work/node" && npm install --silent --no-audit --no-fund --no-save "$tarball")

measure() { # measure ROWS.npy QUERIES.npy…: builds a file with and without lists for ranges, and measures
    "$hither" build "$1" --kind hnsw -o "$work/plain.hither" --quiet
    "$hither" build "$1" --kind hnsw --ranges -o "$work/ranges.hither" --quiet
    plain=$(wc -c <"$work/plain.hither")
    ranges=$(wc -c <"$work/ranges.hither")
    echo "the file: $plain bytes, with lists for ranges $ranges, $((1000 * (ranges - plain) / plain)) thousandths more"
    shift
    for queries in "$@"; do
        echo "$(basename "$queries"):"
        "$hither" bench "$work/ranges.hither" --queries "$queries" --ranges
        echo "the npm package, medians and 95th of a hundred:"
        node "$work/node/ranges.mjs" "$work/ranges.hither" "$queries" 8 16 24 28 32 48 64
    done
}

full=${HITHER_DATA:-../shared/data}/wordnet-minilm-384
if [ -f "$full/base.f16.npy" ]; then
    measure "$full/base.f16.npy" "$full/queries.npy" "$full/queries_ood.npy"
else
    echo "HITHER_DATA holds no wordnet-minilm-384: the sample, with its own rows as queries"
    measure sample/words.npy sample/words.npy
fi
