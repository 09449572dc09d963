#!/bin/sh
# The script of `make bench-pg`: starts PostgreSQL 18 with pgvector and the extension on a free port, loads the
# same rows on both sides, and runs bench/pg.
#   bench/pg/run.sh [index] [--quick] [--rounds N] [--build-rounds N]
set -eu
cd "$(dirname "$0")/../.."
. scripts/env.sh
mkdir -p "$CARGO_TARGET_DIR"
. scripts/postgres.sh

rounds=5 build_rounds=1 quick= part=files
while [ $# -gt 0 ]; do
    case $1 in
    index) part=index ;;
    --quick) quick=yes rounds=3 ;;
    --rounds) rounds=$2 && shift ;;
    --build-rounds) build_rounds=$2 && shift ;;
    *) echo "usage: bench/pg/run.sh [index] [--quick] [--rounds N] [--build-rounds N]" >&2 && exit 2 ;;
    esac
    shift
done
data=${HITHER_DATA:-../shared/data}/wordnet-minilm-384
rows=$data/base.f16.npy queries=$data/queries.npy
if [ -n "$quick" ] || [ ! -f "$rows" ]; then
    [ -n "$quick" ] || echo "wordnet-minilm-384 is not there (HITHER_DATA): the sample stands in" >&2
    rows=sample/words.npy queries=sample/queries.npy
fi

postgres_install 18
extension_install
$CARGO build --release --package hither-cli --no-default-features --features postgres
$CARGO build --release --manifest-path bench/pg/Cargo.toml --target-dir "$CARGO_TARGET_DIR/bench-pg"

folder=$(mktemp -d /tmp/hither-bench.XXXXXX)
chmod 755 "$folder"
server_start "$folder"
trap 'server_stop "$folder"; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
# Enough memory that neither side reads from disk.
"$bin/psql" -qX -h 127.0.0.1 -p "$port" -U postgres <<'SQL'
ALTER SYSTEM SET shared_buffers = '1GB';
ALTER SYSTEM SET max_wal_size = '8GB';
ALTER SYSTEM SET jit = off;
SQL
as_user "$bin/pg_ctl" -D "$folder/data" -w restart -l "$folder/log" >/dev/null
mkdir -p "$folder/files"
"$CARGO_TARGET_DIR/bench-pg/release/hither-bench-pg" "$part" "host=$folder port=$port user=postgres" \
    "$CARGO_TARGET_DIR/release/hither" "$folder/files" "$rows" "$queries" \
    bench/pg/results "$rounds" "$build_rounds"
