#!/bin/sh
# Makes the index files that the tests read: files.sh FOLDER, with the command in $HITHER.
set -eu
mkdir -p "$1"
build() { "$HITHER" build "$@" >/dev/null 2>&1 || { echo "error: hither build $*" >&2; exit 1; }; }

# Real rows: unit length, so that all three operators may use it.
build sample/words.npy --attributes sample/words.tsv --metric cosine --kind hnsw \
    --property model=all-MiniLM-L6-v2 -o "$1/words.hither"

# Every type of column, with nulls; not of unit length.
python3 - "$1" <<'PY'
import json, sys
folder = sys.argv[1]
rows = []
for i in range(300):
    row = {
        "id": 1000 + i, "embedding": [(i * 37) % 101 / 10 - 5, (i * 53) % 97 / 10 - 5, i / 30],
        "n": i % 20 if i % 7 else None, "price": i * 1.25 if i % 11 else None,
        "ok": i % 3 == 0, "title": f"Title {i % 50:02}" if i % 13 else None,
        "at": f"2024-{i % 12 + 1:02}-{i % 28 + 1:02}T12:00:00Z", "doc": {"k": i % 4},
    }
    rows.append(row)
def write(name, rows):
    with open(f"{folder}/{name}.jsonl", "w") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
write("things", rows)
# Texts of other alphabets, as values, keys and names of columns; two bars that EUC_JP has as one.
def texts(name, keys):
    write(name, [{"id": key, "embedding": [1, 2, at], "größe": key * 2, "doc": {"ß": key}} for at, key in enumerate(keys)])
texts("latin", ["é", "ñandú", "z", "À"])
texts("kanji", ["日本", "語", "かな", "z"])
texts("bars", ["¦", "￤"])
# What Postgres's types do not have.
write("beyond", [
    {"id": 7, "embedding": [1, 2, 3], "t": "ends\0here", "at": "2024-01-01T00:00:00Z", "doc": {"a": 1}},
    {"id": 8, "embedding": [1, 2, 4], "t": "whole", "at": "-009999-01-01T00:00:00Z", "doc": {"a": "\0"}},
])
for part in range(3):
    write(f"part{part}", rows[part::3])
PY
for name in latin kanji bars beyond; do
    build "$1/$name.jsonl" --metric l2 --element f32 --kind flat -o "$1/$name.hither"
done
mkdir -p "$1/parts"
build "$1/things.jsonl" --metric l2 --element f32 --kind hnsw -o "$1/things.hither"
for part in 0 1 2; do
    build "$1/part$part.jsonl" --metric l2 --element f32 --kind hnsw \
        -o "$1/parts/part$part.hither"
done
# The same with lists for ranges, as files of servers have them; one of which a third was removed, and one
# whose keys are texts.
mkdir -p "$1/ranged"
build sample/words.npy --attributes sample/words.tsv --metric cosine --kind hnsw --ranges -o "$1/ranged/words.hither"
for name in things part0 part1 part2 latin; do
    build "$1/$name.jsonl" --metric l2 --element f32 --kind hnsw --ranges -o "$1/ranged/$name.hither"
done
cp "$1/ranged/things.hither" "$1/ranged/fewer.hither"
"$HITHER" remove --filter '{"ok": true}' "$1/ranged/fewer.hither" >/dev/null
# Few rows by every metric and structure; under cosine none is zero.
mkdir -p "$1/small"
for metric in l2 ip cosine l1; do
    printf '%s\n' '{"id":2,"embedding":[1,2,3]}' '{"id":3,"embedding":[1,1,1]}' \
        '{"id":4,"embedding":[1,2,4]}' >"$1/small.jsonl"
    [ $metric = cosine ] || echo '{"id":1,"embedding":[0,0,0]}' >>"$1/small.jsonl"
    for kind in hnsw ivf flat; do
        build "$1/small.jsonl" --metric $metric --kind $kind -o "$1/small/$metric-$kind.hither"
    done
done
# Rows that are alike but for the order of their values, so that their distances from a query of
# equal values differ by what sums round; ordinary rows; and rows so short and long that sums in
# single precision under- and overflow.
python3 - "$1" <<'PY'
import json, random, sys
folder = sys.argv[1]
random.seed(1)
def write(name, rows):
    with open(f"{folder}/{name}.jsonl", "w") as file:
        for i, row in enumerate(rows):
            file.write(json.dumps({"id": i, "embedding": row, "n": i % 10}) + "\n")
gauss = lambda: [random.gauss(0, 1) for _ in range(48)]
five = [gauss() for _ in range(5)]
write("alike", [random.sample(five[i % 5], 48) for i in range(4000)])
write("ordinary", [gauss() for i in range(2000)])
write("vast", [[x * 10.0 ** (i % 33 - 16) for x in gauss()] for i in range(500)])
PY
mkdir -p "$1/order"
for rows in alike ordinary; do
    for form in l2-f32 ip-f16 cosine-f32 cosine-f16 l1-f16; do
        build "$1/$rows.jsonl" --metric ${form%-*} --element ${form#*-} --kind hnsw \
            -o "$1/order/$rows-$form.hither"
    done
done
build "$1/vast.jsonl" --metric l2 --element f32 --kind hnsw -o "$1/order/vast-l2-f32.hither"
# Columns with names that the key and the vector want, and that Postgres clips alike; clusters that
# codes alone do not tell apart, so that the calibration falls short.
mkdir -p "$1/names"
python3 - "$1/names" <<'PY'
import json, sys
folder, long = sys.argv[1], "c" * 64
def write(name, rows):
    with open(f"{folder}/{name}.jsonl", "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
write("taken", [{"k": n, "v": [n, 1], "id": n + 1, "key": f"x{n}", "embedding": n + 2, "vector": n + 3,
                 "key_": n + 4, "ctid": n + 7, long + "1": n + 5, long + "2": n + 6} for n in range(5)])
write("unreached", [{"vector": [n % 30 * 1000.0, n // 30 * 1e-2]} for n in range(900)])
PY
build "$1/names/taken.jsonl" --metric l2 --vector-column v --key-column k -o "$1/names/taken.hither"
build "$1/names/unreached.jsonl" --metric l2 --element f32 --kind hnsw --codes sq8-only \
    -o "$1/names/unreached.hither"
# Damage: cut short, and no index at all.
head -c 3000 "$1/things.hither" >"$1/cut.hither"
echo "this is a text" >"$1/text.hither"
mkdir -p "$1/empty"
