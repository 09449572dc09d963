#!/bin/sh
# The extension's tests: psql runs each fdw/tests/*.sql in a new database, and must print the .out beside it;
# the same holds for cli/tests/postgres.sh. Runs on the given PostgreSQL versions, or 18 and 16; a path is that of
# another installation's pg_config. UPDATE=1 writes the .out files. VALGRIND=1 runs the servers under valgrind,
# without fdw/tests/sessions.py, index_*.py, cluster.py and pages.py, whose times and memory would be those of
# valgrind. ROUNDS is how often a server is killed, by default 25; LOAD, for how many seconds fifty connections
# read and write an index, by default 60; versions after the first get a quarter of it.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh
mkdir -p "$CARGO_TARGET_DIR"
. scripts/postgres.sh
. fdw/tests/servers.sh
# LTO would take minutes and save no test time.
PROFILE=${PROFILE:-quick}
export PROFILE
[ $# -gt 0 ] || set -- 18 16

build_command
folder=$(mktemp -d /tmp/hither-test.XXXXXX)
chmod 755 "$folder"
# A copy where the server's user can read it.
cp "$hither" "$folder/hither"
hither=$folder/hither
passed=0 failed=0
LOAD=${LOAD:-60} first_load=${LOAD:-60}
: >"$folder/failures"
wrong() { # wrong TEXT [LINES]: goes on, and fails in the end, where both are told again
    failed=$((failed + 1))
    echo "PostgreSQL $version: $1" | tee -a "$folder/failures" >&2
    printf '%s' "${2:+$2
}" >>"$folder/failures"
}
same() { # same EXPECTED NAME: what the test NAME printed is what lies there
    [ -z "${UPDATE:-}" ] || cp "$run/$2.out" "$1"
    if diff -u "$1" "$run/$2.out" >"$run/difference"; then passed=$((passed + 1)); else
        cat "$run/difference"
        wrong "$2 differs from what is expected" "$(head -n 40 "$run/difference")"
    fi
}
succeeds() { # succeeds TEST ARGUMENT…: a test in Python
    { "$home/venv/bin/python3" -Bu "$@" 2>&1 && : >"$run/succeeded"; } | tee "$run/output"
    if [ -e "$run/succeeded" ]; then passed=$((passed + 1)); else
        wrong "$1 failed" "$(tail -n 40 "$run/output")"
    fi
    rm -f "$run/succeeded"
}
[ -z "${VALGRIND:-}" ] || sh scripts/install.sh valgrind

for which in "$@"; do
    postgres_install "$which"
    "$home/venv/bin/python3" -m pip install -q --retries 10 --timeout 60 --no-deps psycopg==3.2.9 psycopg-binary==3.2.9 typing_extensions
    extension_install
    run=$folder/$version
    server_start "$run"
    trap 'server_stop "$run"; rm -rf "$folder"' EXIT
    # The tests decide when VACUUM and ANALYZE run; the servers of index_*.py have autovacuum on.
    "$bin/psql" -qX -h 127.0.0.1 -p "$port" -U postgres -c "ALTER SYSTEM SET autovacuum = off" -c "SELECT pg_reload_conf()" >/dev/null
    HITHER=$hither sh fdw/tests/files.sh "$run/files"
    servers_start "$run/web" "$run/files"
    trap 'servers_stop; server_stop "$run"; rm -rf "$folder"' EXIT
    # The size of the words' file changes with every change to graph building.
    words=$(wc -c <"$run/files/words.hither")
    for test in fdw/tests/*.sql; do
        name=$(basename "$test" .sql)
        "$bin/createdb" -h 127.0.0.1 -p "$port" -U postgres "$name"
        # Paths differ between runs, and versions word plans differently.
        "$bin/psql" -aqX -h 127.0.0.1 -p "$port" -U postgres -d "$name" -v VERBOSITY=verbose \
            -v files="$run/files" -v folder="$run" -v webfolder="$run/web" \
            -v psql="$bin/psql -X -h 127.0.0.1 -p $port -U postgres" \
            -v web="http://127.0.0.1:$web_port" -v s3="http://127.0.0.1:$s3_port" \
            -v bin="$bin" -v port="$port" -v hither="$hither" <"$test" 2>&1 |
            sed -e "s|$run|FOLDER|g" -e "s/\b$words\b/WORDS/g" -e "s/\(127.0.0.1\|localhost\):$web_port/WEB/g" -e "s|127.0.0.1:$s3_port|S3|g" \
                -e '/^LOCATION: /d' -e 's/^\( *InitPlan [0-9]*\) (returns .*)/\1/' \
                -e 's/^ *QUERY PLAN *$/QUERY PLAN/' -e 's/^-\{10,\}$/----------/' \
                -e 's/(InitPlan [0-9]*)\.col[0-9]*/$/g' -e '/^ *\(Sort Key\|Filter\|Order By\): /s/\$[0-9]*/$/g' \
                -e 's/(actual rows=\([0-9]*\)\.00 /(actual rows=\1 /' >"$run/$name.out"
        same "fdw/tests/$name.out" "$name"
    done
    "$bin/createdb" -h 127.0.0.1 -p "$port" -U postgres way_out
    HITHER=$hither PSQL=$bin/psql sh cli/tests/postgres.sh "$run/out" \
        "postgres://postgres@127.0.0.1:$port/way_out" 2>&1 | sed "s/:$port\b/:PORT/g" >"$run/postgres.out"
    same cli/tests/postgres.out postgres
    "$bin/createdb" -h 127.0.0.1 -p "$port" -U postgres bad_servers
    succeeds fdw/tests/bad_servers.py "$port" "$run/files"
    killed=0
    if [ -z "${VALGRIND:-}" ]; then
        "$bin/createdb" -h 127.0.0.1 -p "$port" -U postgres sessions
        succeeds fdw/tests/sessions.py "$port" "$run/files" ${QUERIES:-}
        killed=1
        # The target of pg_upgrade, if the version tested before is newer.
        NEWER=
        [ "${before:-0}" -le "$version" ] || NEWER=$before_bin
        export NEWER LOAD
        # Citus sends the same on every version, and the examples in docs/ are the same, too.
        once=
        if [ -z "${before:-}" ]; then contrib_install && once="cluster pages"; fi
        for test in index_isolation index_recall index_moves index_loads index_faults $once; do
            succeeds "fdw/tests/$test.py" "$bin" "$run/servers" ${ROUNDS:+"$ROUNDS" 50 60}
            rm -rf "$run/servers"
        done
    fi
    # sessions.py killed one backend; no other may have died.
    if [ "$(grep -cE 'terminated by signal|PANIC' "$run/log")" != $killed ]; then
        wrong "a backend died" "$(grep -E -A 1 'terminated by signal|PANIC' "$run/log" | head -n 40)"
    fi
    # A server of make psql that died must start again.
    if [ "$which" = 18 ] && [ -z "${VALGRIND:-}" ]; then
        psql() { echo 'SELECT count(*) FROM words' | HITHER=$hither STATE=$run/psql sh scripts/psql.sh "$@" 2>&1; }
        psql >"$run/psql.out"
        read -r died _ <"$run/psql"
        as_user "$bin/pg_ctl" -D "$died/data" -m immediate -w stop >/dev/null
        psql >>"$run/psql.out" || true
        psql stop
        if [ "$(grep -c 10000 "$run/psql.out")" = 2 ]; then passed=$((passed + 1)); else
            wrong "make psql does not start again: $(cat "$run/psql.out")"
        fi
    fi
    before=$version before_bin=$bin
    LOAD=$((first_load / 4))
    servers_stop
    server_stop "$run"
    trap 'rm -rf "$folder"' EXIT
    if [ -n "${VALGRIND:-}" ]; then
        # Postgres itself writes uninitialised bytes; errors with the extension in the call stack are ours.
        cat "$run"/valgrind.* | awk '
            /^==[0-9]+== $/ { if (ours) printf "%s", error; error = ""; ours = 0; next }
            { error = error $0 "\n" }
            /hither\.so/ { ours = 1 }
            END { if (ours) printf "%s", error }' >"$run/errors"
        cat "$run/errors"
        if [ -s "$run/errors" ]; then wrong "valgrind found errors" "$(head -n 40 "$run/errors")"; else passed=$((passed + 1)); fi
    fi
done
# Prints the failures again, at the end of a long log.
cat "$folder/failures"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
