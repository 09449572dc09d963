#!/bin/sh
# Builds the extension for a Postgres and installs it there: fdw/install.sh [PG_CONFIG]
# Writes where that Postgres keeps its extensions: run it as whoever may. With DESTDIR these folders are made beneath it, for
# an archive. With PROFILE=quick, of Cargo.toml, it takes half the time to build.
set -eu
cd "$(dirname "$0")"
config=${1:-pg_config}
version=$("$config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
target=${CARGO_TARGET_DIR:-$PWD/target}
profile=${PROFILE:-release}
# One folder for all versions: what knows nothing of Postgres is compiled once.
target=$target/fdw
PGRX_PG_CONFIG_PATH=$(command -v "$config") CARGO_TARGET_DIR=$target ${CARGO:-cargo} build \
    --profile "$profile" --no-default-features --features "pg$version"
libraries=${DESTDIR:-}$("$config" --pkglibdir)
extensions=${DESTDIR:-}$("$config" --sharedir)/extension
[ -z "${DESTDIR:-}" ] || mkdir -p "$libraries" "$extensions"
install -m 755 "$target/$profile/libhither.so" "$libraries/hither.so"
install -m 644 hither.control sql/hither--*.sql "$extensions/"
