#!/bin/sh
# The script of `make run`: builds the command, indexes the sample, and shows that it works.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }

title "Building the command (release, without Parquet to be quick)"
$CARGO build --release --package hither-cli --no-default-features
hither=$CARGO_TARGET_DIR/release/hither
index=$CARGO_TARGET_DIR/words.hither

title "hither build sample/words.npy: 10,000 WordNet synsets as embeddings, with words and definitions"
"$hither" build sample/words.npy --attributes sample/words.tsv --kind hnsw -o "$index" \
    --property model=all-MiniLM-L6-v2 --property "source=WordNet 3.0"

title "hither verify"
"$hither" verify "$index"

title "hither bench: recall@10 against exact search, on 200 queries that are not in the index"
"$hither" bench "$index" --queries sample/queries.npy -k 10 --ef-search 20,40,100,200

title "hither search: nearest to \"run, execute\" (carry out a process or program)"
"$hither" search "$index" --like 8074 -k 10 --columns words,definition

title "hither search: nearest to \"dwarf\" (a plant or animal that is atypically small)"
"$hither" search "$index" --like 0 -k 10 --columns words,definition

title "hither search --filter '{\"pos\": \"noun\"}': nouns nearest to the verb \"hunt, run, hunt down\""
"$hither" search "$index" --like 7476 -k 10 --columns words,definition --filter '{"pos": "noun"}'

title "It works. The index is $index; try: $hither --help"
