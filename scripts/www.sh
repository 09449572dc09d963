#!/bin/sh
# Builds the page as it would be published, from the command, the sample and the packed npm package; then
# serves it (www.sh serve [PORT]) or tests it in Chromium and Firefox (www.sh test). HITHER_TARBALL names a
# packed package to use instead of a new one.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

verb=${1:-serve}
out=$CARGO_TARGET_DIR/www
mkdir -p "$out"

sh scripts/install.sh compiler node
build_command
"$hither" build sample/words.npy --attributes sample/words.tsv --kind hnsw -o "$out/words.hither" \
    --property model=all-MiniLM-L6-v2 --property "source=WordNet 3.0"

[ -n "${HITHER_TARBALL:-}" ] || HITHER_TARBALL=$(sh scripts/npm.sh | tail -n 1)
(cd www && npm install --silent --no-audit --no-fund --ignore-scripts &&
    npm install --silent --no-audit --no-fund --no-save --ignore-scripts "$HITHER_TARBALL")
node www/assemble.js "$out/words.hither" "$out/site"

case $verb in
serve) exec node www/serve.js "$out/site" "${2:-8080}" ;;
test)
    sh scripts/install.sh browsers
    HITHER=$hither SITE=$out/site node --test --test-reporter=spec www/test/
    ;;
*) fail "there are serve and test, not $verb" ;;
esac
