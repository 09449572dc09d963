#!/bin/sh
# Filtered searches at one ef_search: recall, the fewest rows that a query found, and the median time,
# compared with searching without the filter and dropping rows until k match (post-filtering).
#
#   HITHER       the command (default: the release build)
#   HITHER_DATA  the folder that holds wordnet-minilm-384 (default: ../shared/data, else the sample)
#   EF_SEARCH    default 100
set -eu
cd "$(dirname "$0")/.."

hither=${HITHER:-${CARGO_TARGET_DIR:-target}/release/hither}
full=${HITHER_DATA:-../shared/data}/wordnet-minilm-384
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if [ -d "$full" ]; then
    rows=$full/base.f16.npy queries=$full/queries.npy table=$full/base.tsv skip=0
else
    rows=sample/words.npy queries=sample/queries.npy table=sample/words.tsv skip=1
fi
# Two attributes that correlate with the vectors, a part of speech and the definition's first letter, and
# one that does not, a uniformly distributed number of three digits.
awk -F '\t' -v skip="$skip" 'BEGIN { print "pos\tinitial\tnumber" }
    NR > skip { split($1, name, ":"); print name[1] "\t" substr($NF, 1, 1) "\t" NR * 7919 % 1000 }' \
    "$table" >"$folder/attributes.tsv"
"$hither" build "$rows" --attributes "$folder/attributes.tsv" --kind hnsw -o "$folder/rows.hither"

# Any vector will do: which rows match does not depend on it.
vector=$(awk 'BEGIN { printf "[1"; for (i = 1; i < 384; i++) printf ",1"; print "]" }')

value() {
    sed "s/.*\"$1\":\([0-9.e-]*\).*/\1/"
}

printf '\n%-34s %7s %8s %7s %10s %10s\n' filter matches fewest recall 'p50 µs' 'post µs'
while read -r filter; do
    set -- bench "$folder/rows.hither" --queries "$queries" --json --filter "$filter" \
        --ef-search "${EF_SEARCH:-100}"
    measured=$("$hither" "$@")
    afterwards=$("$hither" "$@" --post-filter)
    matches=$("$hither" search "$folder/rows.hither" --vector "$vector" -k 10000000 --exact \
        --columns number --filter "$filter" | wc -l)
    printf '%-34s %7s %8s %7.4f %10.1f %10.1f\n' "$filter" "$matches" \
        "$(echo "$measured" | value fewest_rows)" "$(echo "$measured" | value recall)" \
        "$(echo "$measured" | value p50_us)" "$(echo "$afterwards" | value p50_us)"
done <<'FILTERS'
{"number": {"$lt": 1}}
{"number": {"$lt": 10}}
{"number": {"$lt": 100}}
{"number": {"$lt": 500}}
{"pos": "adv", "initial": "o"}
{"pos": "verb", "initial": "c"}
{"pos": "verb"}
{"pos": "noun"}
FILTERS
