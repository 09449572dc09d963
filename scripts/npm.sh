#!/bin/sh
# Builds the npm package: the module, the JavaScript and the types, packed as for publishing. Prints the
# path of the tarball.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

TARGET=wasm32-unknown-unknown
out=$CARGO_TARGET_DIR/npm

sh scripts/install.sh compiler node
if command -v rustup >/dev/null; then
    rustup --quiet target add $TARGET
fi
mkdir -p "$out/tools"
[ -e "$out/tools/node_modules/binaryen" ] && [ -e "$out/tools/node_modules/esbuild" ] ||
    npm install --silent --no-audit --no-fund --prefix "$out/tools" "binaryen@132" "esbuild@0.28"

made=$CARGO_TARGET_DIR/wasm-build/release
CARGO_TARGET_DIR=$CARGO_TARGET_DIR/wasm-build \
    $CARGO build --quiet --release --manifest-path wasm/build/Cargo.toml

rm -rf "$out/package" "$out/js"
mkdir -p "$out/package"
cp -r wasm/js "$out/js"
# The passes that give the best compression: functions are not merged into their only callers, control flow
# is laid out anew, and repeated computations are not kept in a local. The addresses below 1,024 are the end
# of the stack, to which no pointer leads. The module with names is for measuring sizes.
optimise() {
    "$out/tools/node_modules/.bin/wasm-opt" --enable-simd --enable-bulk-memory \
        --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
        --enable-reference-types --enable-multivalue --enable-bulk-memory-opt "$@"
}
# The code that searches remote files by ranges is a separate module, which only its users download.
module=$CARGO_TARGET_DIR/$TARGET/wasm/hither_wasm.wasm
$CARGO build --quiet --package hither-wasm --profile wasm --target $TARGET --no-default-features --features lazy
"$made/hither-wasm-build" "$module" "$out/js" lazy
$CARGO build --quiet --package hither-wasm --profile wasm --target $TARGET
"$made/hither-wasm-build" "$module" "$out/js"
for name in hither_search hither_lazy hither_bg; do
    # A module that this script has already optimised is kept.
    stamp=$(cat scripts/npm.sh "$out/js/$name.wasm" | sha256sum)
    if [ "$(cat "$out/$name.stamp" 2>/dev/null)" != "$stamp" ]; then
        optimise --flatten --rereloop --low-memory-unused -Oz -Oz --skip-pass=local-cse \
            --one-caller-inline-max-function-size=0 --always-inline-max-function-size=5 \
            -g --strip-producers --strip-target-features "$out/js/$name.wasm" -o "$out/$name.named.wasm"
        optimise --strip-debug "$out/$name.named.wasm" -o "$out/$name.wasm"
        echo "$stamp" >"$out/$name.stamp"
    fi
    cp "$out/$name.wasm" "$out/package/"
done
cp wasm/js/entries/*.d.ts wasm/package.json LICENSE-MIT LICENSE-APACHE "$out/package"
cp wasm/README.md "$out/package/README.md"
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' wasm/package.json)
# Names are kept, for stack traces and for the names of errors; a bundler's minifier may shorten them.
# script ENTRY… [esbuild's options]
script() {
    (cd "$out/js/entries" && "$out/tools/node_modules/.bin/esbuild" "$@" --bundle --minify-whitespace --minify-syntax \
        --keep-names --target=es2022 --define:VERSION="\"$version\"" --external:./hither_base64.js --external:./hither_lazy_base64.js \
        --log-level=error)
}
script worker-thread-inline.js --format=iife --outfile=worker-thread-inline.txt
# Code that entries share is in separate files: a page without a bundler then loads four at once, instead of
# ten one after another.
script node.js web.js workerd.js edge.js inline.js search.js search-node.js search-workerd.js search-edge.js \
    search-inline.js storage.js storage-inline.js worker.js worker-inline.js worker-node.js worker-thread.js \
    worker-thread-node.js --splitting --format=esm --external:node:* --external:./hither_*.wasm \
    --external:./hither_*.wasm?module --sourcemap --outdir="$out/package"
# For Jest and for Node's require before 20.19, which cannot load ES modules: one file, so that all share
# one module. jsdom has no text encoder or decoder.
script require.js --platform=node --format=cjs --define:import.meta.url=here \
    --banner:js='const here = require("node:url").pathToFileURL(__filename).href;
const { TextDecoder, TextEncoder } = require("node:util");' \
    --sourcemap --outfile="$out/package/require.cjs"
for entry in index search storage worker; do
    echo "module.exports = require(\"./require.cjs\").$entry;" >"$out/package/$entry.cjs"
done
for types in index search inline storage worker wasm; do
    sed 's#"./index.js"#"./index.cjs"#' "wasm/js/entries/$types.d.ts" >"$out/package/$types.d.cts"
done
for name in bg lazy; do gzip -9nc "$out/package/hither_$name.wasm" >"$out/js/hither_$name.wasm.gz"; done
script ../base64.js --format=esm --loader:.gz=base64 --outfile="$out/package/hither_base64.js"
script ../base64-lazy.js --format=esm --loader:.gz=base64 --outfile="$out/package/hither_lazy_base64.js"
(cd "$out" && npm pack --silent ./package)
echo "$out/hither-$version.tgz"
