#!/bin/sh
# Checks that the extension compiles for every supported PostgreSQL, installed or not, with the bindings
# that pgrx includes for its documentation. Runs clippy once, for the newest. Only test-pg shows what the
# extension does there.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

target=$CARGO_TARGET_DIR/check-pg
mkdir -p "$target"
sh scripts/install.sh compiler

# The bindings' crate uses the included bindings if it believes that this is docs.rs; no other crate may
# believe that.
wrapper=$target/rustc
cat >"$wrapper" <<'SH'
#!/bin/sh
case " $* " in *" --crate-name pgrx_pg_sys "*) exec "$@" --cfg docsrs ;; esac
exec "$@"
SH
chmod +x "$wrapper"

for version in 14 15 16 17 18; do
    echo "PostgreSQL $version:"
    verb=check lints=
    [ "$version" != 18 ] || verb=clippy lints="-- -D warnings"
    # shellcheck disable=SC2086
    DOCS_RS=1 RUSTC_WRAPPER=$wrapper CARGO_TARGET_DIR=$target $CARGO $verb --quiet --locked \
        --manifest-path fdw/Cargo.toml --no-default-features --features "pg$version" $lints
done
