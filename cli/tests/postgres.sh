# `hither build --postgres`, as a person runs it: postgres.sh FOLDER URL, with the command in $HITHER
# and psql in $PSQL. What it prints must be what lies beside it as postgres.out.
set -u
folder=$1 url=$2
mkdir -p "$folder" && sample=$PWD/sample && cd "$folder" || exit 1

build() { $HITHER build "$@" 2>messages >/dev/null || sed -n 's/^error: //p' messages; }
query() { text=$1; shift; build --postgres "$url" --query "$text" -o q.hither "$@"; }
try() { echo "> $*"; query "$@"; }

echo "The sample from a table of halfvec is the file that the .npy gives, byte for byte:"
build "$sample/words.npy" --attributes "$sample/words.tsv" --kind hnsw --m 8 -o npy.hither
$HITHER export npy.hither -o rows.jsonl >/dev/null 2>&1
$PSQL "$url" -qX -v ON_ERROR_STOP=1 <<'SQL'
CREATE EXTENSION vector;
CREATE TABLE raw (id bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START 0), row json);
\copy raw (row) FROM rows.jsonl WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')
CREATE TABLE words AS SELECT id, (row->>'vector')::halfvec(384) AS embedding,
    row->>'synset' AS synset, row->>'pos' AS pos, row->>'words' AS words, row->>'definition' AS definition FROM raw;
SQL
query 'SELECT embedding, synset, pos, words, definition FROM words ORDER BY id' --kind hnsw --m 8
cmp npy.hither q.hither && echo same
echo "and with keys the one that its own rows in JSON Lines give:"
query 'SELECT * FROM words ORDER BY id;' --kind hnsw --m 8
$HITHER export q.hither -o found.jsonl >/dev/null 2>&1
sort -t: -k2,2n found.jsonl >keyed.jsonl
build keyed.jsonl --kind hnsw --m 8 -o jsonl.hither
cmp jsonl.hither q.hither && echo same

echo "Every type:"
$PSQL "$url" -qX -v ON_ERROR_STOP=1 <<'SQL'
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN price AS numeric(10, 2);
CREATE TABLE things (id uuid, v vector(3), b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8,
    n numeric, p price, t text, vc varchar(9), c char(4), nm name, ch "char", m mood, tz timestamptz,
    ts timestamp, d date, u uuid, by bytea, j json, jb jsonb);
INSERT INTO things VALUES
    ('00000000-0000-0000-0000-000000000001', '[1, -2, 0.5]', true, -32768, 2147483647, 9223372036854775807,
     0.5, 1e-300, 12345.678, 99.90, 'Füße', '', 'ab', 'name', 'x', 'glad', '2024-02-29 12:30:00.000001+01',
     '1969-12-31 23:59:59', '0001-01-01', '12345678-1234-1234-1234-123456789abc', '\x00ff', '{"a" : 1}', '{"b":2,"a":[null]}'),
    ('00000000-0000-0000-0000-000000000002', '[65504, 6e-8, 0]', false, 0, 0, 0, '-0', 0, -0.0001, 0, 'tab	"', 'x',
     '', '', 'y', 'sad', 'infinity', '-infinity', 'infinity', '00000000-0000-0000-0000-000000000000', '', '[]', 'null');
INSERT INTO things (id, v) VALUES ('00000000-0000-0000-0000-000000000003', '[0, 0, 1]');
SQL
query 'SELECT * FROM things ORDER BY id' --metric l2
$HITHER export q.hither -o types.jsonl >/dev/null 2>&1 && cat types.jsonl
echo "Other numbers:"
query "SELECT i::text AS key, ARRAY[i, 1]::real[]::vector AS v, x FROM unnest('{NaN,Infinity,-Infinity,1e20,-0.00001234,123456789012345678901234567890}'::numeric[]) WITH ORDINALITY AS o(x, i)"
$HITHER export q.hither -o numbers.jsonl >/dev/null 2>&1 && cat numbers.jsonl

echo "Types that are asked for:"
typed() { # typed QUERY [OPTIONS]: keys and columns, and the rows
    rm -f q.hither typed.jsonl
    try "$@" --metric l2
    $HITHER info q.hither | sed -n -e '/^keys /p' -e '/^column /p'
    $HITHER export q.hither -o typed.jsonl >/dev/null 2>&1 && cat typed.jsonl
}
some='SELECT id, v, b, i8, n, u, tz, by, jb FROM things ORDER BY id'
typed "$some" --type id=text --type b=text --type i8=text --type n=float64 --type u=text --type tz=text --type by=text --type jb=text
typed "SELECT id::text, v, u::text, i8::text, tz::text, n::text, i4 FROM things ORDER BY things.id" \
    --type id=uuid --type u=uuid --type i8=int64 --type tz=timestamp --type n=float64 --type i4=float64
try 'SELECT id, v, n FROM things' --type n=text
try 'SELECT id, v, t FROM things ORDER BY id' --type t=int64
try 'SELECT id, v FROM things' --type id=float64
try 'SELECT t AS id, v FROM things WHERE i4 = 0' --type id=int64
try 'SELECT id, v FROM things' --type v=text
try 'SELECT id, v, t FROM things' --type title=text
try 'SELECT id, v, t FROM things' --type t=text --type t=json

echo "NULL and zero vectors:"
nulls="SELECT i AS id, CASE WHEN i % 3 > 0 THEN ARRAY[i % 3 - 1, i % 3 - 1]::vector END AS v FROM generate_series(0, 8) i"
try "$nulls"
query "$nulls" --on-invalid skip --metric l2
$HITHER export q.hither -o skipped.jsonl >/dev/null 2>&1 && cat skipped.jsonl
query "$nulls" --on-invalid skip
$HITHER info q.hither | head -1

echo "Errors:"
rm -f q.hither
try 'SELEC * FROM words'
try 'SELECT embeding FROM words'
try 'SELECT id, embedding FROM'
try 'SELECT id FROM words'
try 'SELECT id, v::sparsevec FROM things'
try 'SELECT v, v::halfvec AS h FROM things'
try 'SELECT v, v::halfvec AS h FROM things' --vector-column h
try 'SELECT * FROM words' --vector-column vectors
try 'SELECT * FROM words' --vector-column words
try 'SELECT * FROM words' --key-column embedding
try 'SELECT * FROM words WHERE id < 0'
try 'SELECT NULL::vector AS v'
try 'SELECT * FROM words WHERE id = $1'
try 'SELECT v, 1 AS a, 2 AS a FROM things'
try "SELECT v, '1 day'::interval AS i FROM things"
try 'SELECT v, ARRAY[1] AS l FROM things'
try "SELECT * FROM (VALUES (7, '[1,2]'::vector), (8, '[1]')) AS t (id, v)"
try 'SELECT NULLIF(id, 5) AS id, embedding FROM words ORDER BY words.id'
try 'SELECT embedding, 1 / (id - 50) AS x FROM words ORDER BY id'
try "SELECT v, '294276-12-31'::timestamp AS d FROM things"
try "SELECT 1 AS id, '[1e6]'::vector AS v"
try 'SELECT id, embedding FROM words UNION ALL SELECT id, embedding FROM words'
try 'DELETE FROM words RETURNING *'
echo "From an index of pgvector to one of hither:"
$PSQL "$url" -qX -v ON_ERROR_STOP=1 <<'SQL'
CREATE EXTENSION hither;
CREATE INDEX meaning ON words USING hnsw (embedding halfvec_cosine_ops) WITH (m = 8) WHERE id < 2000;
SQL
migrate() { # migrate INDEX [OPTIONS]: without what differs from run to run
    echo "> $*"
    $HITHER migrate-index --postgres "$url" --queries 20 --index "$@" 2>&1 |
        sed -e 's/ [0-9.]* s;/ T s;/' -e 's/recall 0.9[0-9]*\|recall 1.0000/recall over 0.9/' -e 's/median [0-9.]* ms *[0-9.]* [KM]B/median, size/' \
            -e 's/"seconds":[0-9.]*/"seconds":T/' -e 's/"recall":\(0.9[0-9]*\|1.0\)/"recall":R/g' -e 's/"median_ms":[0-9.][0-9.]*/"median_ms":T/g' -e 's/"bytes":[0-9][0-9]*/"bytes":B/g'
}
migrate meaning
migrate meaning --json
migrate words
migrate nothing -k 5
first=$url; url="$first?sslmode=require" && try 'SELECT 1'
url=$first
url="postgres://nobody@${url#*@}" && try 'SELECT 1'
url="${url%/*}/none" && url="postgres://postgres@${url#*@}" && try 'SELECT 1'
url='postgres://postgres@127.0.0.1:1/postgres' && try 'SELECT 1'
url='postgres://me:secret@127.0.0.1:1/postgres?sslmode=yes' && try 'SELECT 1'
url='mysql://localhost' && try 'SELECT 1'
echo "Files:" && ls -A
