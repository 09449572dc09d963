#!/bin/sh
# The script of `make test-clients`: tests clients of pgvector with indexes USING hither. Each
# fdw/tests/clients/with_*.py uses its own database and begins with the example in docs/ for its client.
# Runs on the given PostgreSQL version, or 18. CLIENTS="sqlalchemy django" runs only these.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh
mkdir -p "$CARGO_TARGET_DIR"
. scripts/postgres.sh
# LTO would take minutes and save no test time.
PROFILE=${PROFILE:-quick}
export PROFILE

tests=$repository/fdw/tests/clients
venv=$CARGO_TARGET_DIR/clients
postgres_install "${1:-18}"
# All versions are pinned, so nothing is resolved; what the clients only need for other stores is left out.
if ! cmp -s "$tests/requirements.txt" "$venv/installed"; then
    say "installing the clients" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    wheels() { "$venv/bin/python3" -m pip install -q --retries 10 --timeout 60 --only-binary :all: --no-deps "$@"; }
    # uv requests sixty packages at once, pip one after the other.
    {
        wheels uv==0.13.9 &&
            UV_HTTP_TIMEOUT=120 UV_HTTP_RETRIES=10 UV_COMPILE_BYTECODE_TIMEOUT=600 "$venv/bin/uv" pip install -q --no-config \
                --python "$venv/bin/python3" --only-binary :all: --no-deps --compile-bytecode -r "$tests/requirements.txt"
    } || wheels -r "$tests/requirements.txt"
    cp "$tests/requirements.txt" "$venv/installed"
fi
extension_install
folder=$(mktemp -d /tmp/hither-clients.XXXXXX)
chmod 755 "$folder"
server_start "$folder"
trap 'server_stop "$folder"; rm -rf "$folder"' EXIT
# Some clients insert rows one by one. The tests decide when statistics are gathered.
"$bin/psql" -qX -h 127.0.0.1 -p "$port" -U postgres -c "ALTER SYSTEM SET fsync = off" -c "ALTER SYSTEM SET autovacuum = off" \
    -c "SELECT pg_reload_conf()" >/dev/null
failed=0
for test in "$tests"/with_*.py; do
    name=$(basename "$test" .py)
    name=${name#with_}
    begun=$(date +%s)
    case " ${CLIENTS:-$name} " in *" $name "*) ;; *) continue ;; esac
    "$bin/createdb" -h 127.0.0.1 -p "$port" -U postgres "$name"
    if "$venv/bin/python3" -B "$test" "postgresql://postgres@127.0.0.1:$port/$name" >"$folder/output" 2>&1; then
        say "$name: ok ($(($(date +%s) - begun)) s)"
    else
        failed=$((failed + 1))
        tail -n 40 "$folder/output" | cut -c 1-500
        say "$name failed" >&2
    fi
done
"$venv/bin/python3" -B "$tests/page.py" || failed=$((failed + 1))
if grep -E -A 1 'terminated by signal|PANIC' "$folder/log"; then
    failed=$((failed + 1))
fi
[ "$failed" = 0 ]
