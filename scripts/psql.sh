#!/bin/sh
# The script of `make psql`: PostgreSQL 18 with pgvector and the extension, the sample as a foreign table,
# and psql. `scripts/psql.sh stop` stops the server. If standard input is not a terminal, psql runs it.
# HITHER names a command to use instead of a new one.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh
mkdir -p "$CARGO_TARGET_DIR"
. scripts/postgres.sh
state=${STATE:-$CARGO_TARGET_DIR/psql.server}

if [ "${1:-}" = stop ]; then
    [ -f "$state" ] || { echo "no server was started by make psql" >&2; exit 0; }
    read -r folder port bin <"$state"
    server_stop "$folder" || true
    rm -rf "$folder" "$state"
    exit 0
fi

# A server that crashed or was stopped otherwise is started again.
if [ -f "$state" ]; then
    read -r folder port bin <"$state"
    if ! as_user "$bin/pg_ctl" -D "$folder/data" status >/dev/null 2>&1; then
        rm -rf "$folder" "$state"
    fi
fi
if [ ! -f "$state" ]; then
    postgres_install 18
    extension_install
    if [ -z "${HITHER:-}" ]; then
        $CARGO build --release --package hither-cli --no-default-features
        HITHER=$CARGO_TARGET_DIR/release/hither
    fi
    folder=$(mktemp -d /tmp/hither-psql.XXXXXX)
    chmod 755 "$folder"
    "$HITHER" build sample/words.npy --attributes sample/words.tsv \
        --metric cosine -o "$folder/words.hither" --property model=all-MiniLM-L6-v2
    server_start "$folder"
    echo "$folder $port $bin" >"$state"
    "$bin/psql" -qX -h 127.0.0.1 -p "$port" -U postgres -v ON_ERROR_STOP=1 -v folder="$folder" <<'SQL'
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'folder');
CREATE FOREIGN TABLE words
    (id bigint, embedding vector(384), synset text, pos text, words text, definition text)
    SERVER files OPTIONS (location 'words.hither');
SQL
fi

read -r folder port bin <"$state"
cat <<'TEXT'

  The sample, 10,000 WordNet synsets, is the table words. For example:

  SELECT words, definition FROM words ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 8074) LIMIT 5;
  SELECT words, definition FROM words WHERE pos = 'verb' ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 0) LIMIT 5;
  EXPLAIN ANALYZE SELECT words FROM words WHERE length(words) < 5 ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 42) LIMIT 5;

  make stop ends the server.

TEXT
exec "$bin/psql" -X -h 127.0.0.1 -p "$port" -U postgres
