#!/bin/sh
# Packs the npm package, installs it in an empty project, and uses it as users do: in Node (import and
# require), Jest, Deno, Bun, workerd, Chromium, with Vite, webpack and esbuild, and as in its README.
# Measures its size.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

# The greatest gzipped download of module and JavaScript together: with everything, for searching only, and
# in addition for searching remote files by ranges.
MOST_BYTES=${MOST_BYTES:-211500}
MOST_BYTES_TO_SEARCH=${MOST_BYTES_TO_SEARCH:-130500}
MOST_BYTES_LAZY=${MOST_BYTES_LAZY:-127000}

sh scripts/install.sh compiler node chromium chromedriver
tarball=$(sh scripts/npm.sh)
tarball=$(echo "$tarball" | tail -n 1)
package=$CARGO_TARGET_DIR/npm/package
build_command
npm publish --dry-run --silent "$tarball" >/dev/null

echo "the module's own tests, in Node and in Chromium:"
CARGO_TARGET_DIR=$CARGO_TARGET_DIR/wasm-build $CARGO build --quiet --release --features test-runner \
    --manifest-path wasm/build/Cargo.toml
module_tests() {
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$CARGO_TARGET_DIR/wasm-build/release/hither-wasm-test-runner \
        $CARGO test --package hither-wasm --profile wasm --target wasm32-unknown-unknown --test module
}
module_tests
CHROMEDRIVER=chromedriver WASM_BINDGEN_USE_BROWSER=1 module_tests

# The tools are kept for the next run; the project is created anew each time.
tools=$CARGO_TARGET_DIR/npm/test-tools
mkdir -p "$tools"
if ! cmp -s wasm/tests/package.json "$tools/package.json"; then
    cp wasm/tests/package.json "$tools/package.json"
    npm install --silent --no-audit --no-fund --prefix "$tools"
fi
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
cp wasm/tests/package.json wasm/tests/*.mjs wasm/tests/*.cjs wasm/tests/*.ts "$project"
ln -s "$tools/node_modules" "$project/tools"
mkdir "$project/node_modules"
(cd "$project" && npm install --silent --no-audit --no-fund --no-save --omit=dev "$tarball")
for name in "$tools"/node_modules/* "$tools"/node_modules/.bin; do
    [ -e "$project/node_modules/$(basename "$name")" ] || ln -s "$name" "$project/node_modules/"
done
bin=$tools/node_modules/.bin
sample=$PWD/sample
"$hither" build sample/words.npy --attributes sample/words.tsv --property model=all-MiniLM-L6-v2 \
    -o "$project/words.hither" 2>/dev/null
cd "$project"

echo "weight, gzip -9:"
gz() { cat "$@" | gzip -9c | wc -c; }
# The files that an entry imports.
chunks() { grep -o 'chunk-[A-Z0-9]*\.js' "$package/$1" | sort -u | sed "s#^#$package/#"; }
module=$(gz "$package/hither_bg.wasm")
# shellcheck disable=SC2046
script=$(gz "$package/web.js" $(chunks web.js))
# shellcheck disable=SC2046
searching=$(gz "$package/hither_search.wasm" "$package/search.js" $(chunks search.js))
# Files of entries that web.js does not import.
besides() {
    own=
    for entry in "$@"; do
        for file in "$package/$entry" $(chunks "$entry"); do
            case " $(chunks web.js | tr '\n' ' ') $own " in *" $file "*) ;; *) own="$own $file" ;; esac
        done
    done
    # shellcheck disable=SC2086
    gz $own
}
lazy=$(gz "$package"/hither_lazy.wasm "$package"/lazy-*.js)
# shellcheck disable=SC2046
printf '  %-34s %7d\n' "the module" "$module" "JavaScript (open, search, build)" "$script" \
    "both, what a browser downloads" $((module + script)) \
    "the same with the module within" "$(gz "$package/inline.js" $(chunks inline.js) "$package/hither_base64.js")" \
    "hither/search, only searching" "$searching" \
    "hither/worker besides" "$(besides worker.js worker-thread.js)" \
    "lazy besides, module and JavaScript" "$lazy" \
    "hither/storage besides" "$(besides storage.js)"
echo "the module's code by part, and gzipped by itself:"
node "$repository/wasm/tests/weigh.mjs" "$CARGO_TARGET_DIR/npm/hither_bg.named.wasm"
[ $((module + script)) -le "$MOST_BYTES" ] && [ "$searching" -le "$MOST_BYTES_TO_SEARCH" ] && [ "$lazy" -le "$MOST_BYTES_LAZY" ] || {
    fail "more than $MOST_BYTES bytes, than $MOST_BYTES_TO_SEARCH to search, or than $MOST_BYTES_LAZY for lazy besides"
}

echo "instructions of the modules:"
wat=$CARGO_TARGET_DIR/npm/module.wat
for module in hither_bg hither_search; do
    "$CARGO_TARGET_DIR/npm/tools/node_modules/.bin/wasm-dis" -all "$package/$module.wasm" -o "$wat"
    simd=$(grep -cE '\((v128|[if](8x16|16x8|32x4|64x2))\.' "$wat" || true)
    relaxed=$(grep -c 'relaxed_' "$wat" || true)
    echo "  $module: simd128 $simd, relaxed $relaxed"
    [ "$simd" -gt 0 ] && [ "$relaxed" -eq 0 ]
done

echo "package:"
"$bin/publint" --strict "$tarball"
"$bin/attw" --no-emoji --format ascii "$tarball" >attw.txt || {
    cat attw.txt
    exit 1
}

echo "runtimes:"
echo 'import { smoke } from "./smoke.mjs"; smoke().then((said) => console.log("  " + process.argv[2] + " " + said));' >run.mjs
# The oldest supported Node, whose require cannot load ES modules.
"$bin/esbuild" run.mjs --bundle --platform=node --format=cjs --external:hither --log-level=error --outfile=required/main.cjs
for node in node "$tools/node_modules/node/bin/node"; do
    version=$("$node" --version)
    "$node" run.mjs "Node $version, import:"
    "$node" --no-warnings required/main.cjs "Node $version, require:"
    "$node" --no-warnings -e 'for (const name of ["inline", "storage", "worker"]) require("hither/" + name)'
done
"$bin/deno" run --quiet --allow-read --allow-env run.mjs "Deno:"
"$bin/bun" run.mjs "Bun:"

node threads.mjs "Node, a thread:"
"$tools/node_modules/node/bin/node" threads.mjs "the oldest Node, a thread:"
"$bin/deno" run --quiet --allow-read --allow-env threads.mjs "Deno, a thread:"
"$bin/bun" threads.mjs "Bun, a thread:"

# A server's bundle is in another place than the module, or renames it.
for format in esm cjs; do
    "$bin/esbuild" run.mjs --bundle --platform=node --format=$format --log-level=error --outdir=bundled/$format
done
echo '{ "type": "commonjs" }' >bundled/cjs/package.json
"$bin/webpack" --mode production --target node --entry ./run.mjs --output-path "$PWD/bundled" --output-filename webpack.cjs >webpack.txt || {
    cat webpack.txt
    exit 1
}
node bundled/esm/run.js "Node, bundled by esbuild:"
node bundled/cjs/run.js "Node, bundled by esbuild to require:"
node bundled/webpack.cjs "Node, bundled by webpack:"

# What Next.js does for its edge runtime: `?module` is a compiled module.
cat >edge-hooks.mjs <<'JS'
import { register } from "node:module";
const load = `
import { fileURLToPath } from "node:url";
const source = (path) => "import { readFileSync } from 'node:fs'; export default new WebAssembly.Module(readFileSync(" + JSON.stringify(path) + "));";
export const load = (url, context, next) => url.endsWith(".wasm?module")
  ? { format: "module", source: source(fileURLToPath(url)), shortCircuit: true } : next(url, context);`;
register(`data:text/javascript,${encodeURIComponent(load)}`);
JS
node --no-warnings --conditions=edge-light --import ./edge-hooks.mjs run.mjs "the edge's entry:"

# Jest with jsdom uses require like Node, with the export conditions of a page.
mkdir jest
mv jsdom.test.cjs jest/
echo '{ "rootDir": "jest", "testMatch": ["**/*.test.cjs"], "transform": {} }' >jest.config.json
"$bin/jest" --config jest.config.json --silent >jest.txt 2>&1 || {
    cat jest.txt
    exit 1
}
echo "  Jest in jsdom: $(sed -n 's/^Tests: *//p' jest.txt)"

# Server-side rendering imports a page's modules where there is no page.
node --conditions=browser --input-type=module -e '
await Promise.all(["hither", "hither/inline", "hither/storage", "hither/worker"].map((name) => import(name)));
console.log("  Node, as a bundler for browsers imports: ok");'

for resolution in "nodenext nodenext" "esnext bundler"; do
    # shellcheck disable=SC2086
    set -- $resolution
    "$bin/tsc" user.ts --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --target es2022 \
        --lib esnext,dom,dom.iterable --types node --module "$1" --moduleResolution "$2"
done
node user.js
for known in '"lib":["es2022","dom"],"types":[]' '"lib":["es2022","webworker"],"types":[]' '"lib":["es2022"],"types":["node"]'; do
    options="\"strict\":true,\"noEmit\":true,\"target\":\"es2022\",\"module\":\"nodenext\",$known"
    echo "{\"compilerOptions\":{$options},\"files\":[\"types.ts\"]}" >tsconfig.json
    "$bin/tsc" --project .
done
rm tsconfig.json

# workerd, and environments that need a bundler. A worker may use 128 MB.
cat >worker-entry.mjs <<'JS'
import { memory, open } from "hither";
import { smoke } from "./smoke.mjs";
import words from "./words.hither";
export default {
  async fetch() {
    try {
      const said = await smoke();
      const index = await open(words, { verify: "full" });
      if (index.search(42).length !== 10) throw new Error("no answer");
      const { reserved } = memory();
      if (reserved > index.info.bytes + 16e6) throw new Error(`${reserved} bytes for a file of ${words.byteLength}`);
      return new Response(`${said}, ${(reserved / 1e6).toFixed(1)} MB for a file of ${(words.byteLength / 1e6).toFixed(1)}`);
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
JS
mkdir -p workerd
"$bin/esbuild" worker-entry.mjs --bundle --format=esm --conditions=workerd --external:*.wasm --external:*.hither \
    --log-level=error --outfile=workerd/main.js
sed -i -e 's#"\./hither_\(bg\|lazy\)\.wasm"#"hither_\1.wasm"#' -e 's#"\./words\.hither"#"words.hither"#' workerd/main.js
cp "$package"/hither_bg.wasm "$package"/hither_lazy.wasm words.hither workerd/
port=$(node -e 'const server = require("node:net").createServer().listen(0, "127.0.0.1", () => {
  console.log(server.address().port);
  server.close();
});')
cat >workerd/config.capnp <<CAPNP
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [
      (name = "main.js", esModule = embed "main.js"),
      (name = "hither_bg.wasm", wasm = embed "hither_bg.wasm"),
      (name = "hither_lazy.wasm", wasm = embed "hither_lazy.wasm"),
      (name = "words.hither", data = embed "words.hither"),
    ],
    compatibilityDate = "2025-01-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:$port", http = (), service = "main")],
);
CAPNP
"$bin/workerd" serve workerd/config.capnp &
served=$!
printf '  workerd: '
node -e '
(async () => {
  for (let at = 0; ; at += 1) {
    try {
      const answer = await fetch(`http://127.0.0.1:${process.argv[1]}/`);
      console.log(await answer.text());
      process.exit(answer.ok ? 0 : 1);
    } catch (error) {
      if (at > 300) throw error;
      await new Promise((resume) => setTimeout(resume, 100));
    }
  }
})()' "$port" || { kill $served; exit 1; }
kill $served
wait $served 2>/dev/null || true

HITHER=$hither SAMPLE=$sample WORK=$project \
    node --expose-gc --test --test-reporter=spec ./*.test.mjs

echo "bundlers and browsers:"
mkdir -p esbuild/out webpack/out search/out vite
html() { echo "<!doctype html><meta charset=\"utf-8\"><script $1></script>"; }
for entry in page:index entries-page:entries; do
    for folder in esbuild webpack; do html "src=\"./${entry%:*}.js\"" >$folder/out/"${entry#*:}".html; done
    "$bin/esbuild" "${entry%:*}.mjs" --bundle --minify --log-level=error --outfile="esbuild/out/${entry%:*}.js"
done
html 'src="./search-page.js"' >search/out/index.html
for entry in page:webpack entries-page:webpack search-page:search; do
    "$bin/webpack" --mode production --entry "./${entry%:*}.mjs" --output-path "$PWD/${entry#*:}/out" --output-filename "${entry%:*}.js" >webpack.txt || {
        cat webpack.txt
        exit 1
    }
done
cp page.mjs entries-page.mjs storage-page.mjs realm-page.mjs module-page.mjs lazy-page.mjs smoke.mjs title.mjs vite/
for entry in page:index entries-page:entries storage-page:storage realm-page:realm module-page:module lazy-page:lazy; do
    html "type=\"module\" src=\"./${entry%:*}.mjs\"" >vite/"${entry#*:}".html
done
cat >vite/vite.config.mjs <<'JS'
const input = ["index", "entries", "storage", "realm", "module", "lazy"].map((name) => `${import.meta.dirname}/${name}.html`);
export default { build: { rollupOptions: { input } } };
JS
"$bin/vite" build vite --logLevel error --outDir out 2>vite.txt || {
    cat vite.txt
    exit 1
}
"$hither" build "$sample/queries.npy" --attributes "$sample/queries.tsv" --quiet -o other.hither
# Several tabs store data repeatedly. It is small, because a browser without a profile keeps stored data in
# memory until it is collected, and makes tabs wait when that is full.
node -e '
const [rows, dimensions] = [10000, 64];
const bytes = Buffer.alloc(rows * 4 * (1 + dimensions));
for (let row = 0, at = 0; row < rows; row += 1) {
  at = bytes.writeInt32LE(dimensions, at);
  for (let value = 0; value < dimensions; value += 1) at = bytes.writeFloatLE(Math.sin(row * dimensions + value), at);
}
require("node:fs").writeFileSync("race.fvecs", bytes);'
"$hither" build race.fvecs --metric l2 --kind flat --codes sq8-only --quiet -o vite/out/race.hither
for folder in esbuild/out webpack/out search/out vite/out vite; do cp words.hither other.hither $folder/; done
cp "$package/hither_bg.wasm" vite/out/whole.wasm
node browser.mjs "$PWD"
node readme.mjs "$repository/wasm/README.md" "$PWD"
echo "npm package: ok"
