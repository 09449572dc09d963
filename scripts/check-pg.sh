#!/bin/sh
# Checks the extension's code for every PostgreSQL that it supports, whether or not one is here:
# against the bindings that pgrx carries for its documentation. Lints once, for the newest. What it does
# there, only test-pg tells.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

target=$CARGO_TARGET_DIR/check-pg
mkdir -p "$target"
sh scripts/install.sh compiler

# The crate with the bindings takes those that it carries if it is told that this is docs.rs, and no
# other crate may believe it.
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
