#!/bin/sh
# Checks what a release would reject: that the four packages have the same version, that CHANGELOG has a
# section for it, and that the crates can be published, without compiling them again. Other packages are
# checked where they are built: the npm package by scripts/test-npm.sh, wheel and sdist by
# scripts/test-python.sh.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
same() { # same WHERE VERSION
    [ "$2" = "$version" ] || fail "$1 has the version $2, and Cargo.toml $version"
}
for name in $(sed -n 's/^\(hither[a-z-]*\) = { path = .*/\1/p' Cargo.toml); do
    same "Cargo.toml, $name" "$(sed -n "s/^$name = { path = .* version = \"\([^\"]*\)\".*/\1/p" Cargo.toml)"
done
same fdw/Cargo.toml "$(sed -n 's/^version = "\(.*\)"/\1/p' fdw/Cargo.toml)"
same fdw/hither.control "$(sed -n "s/^default_version = '\(.*\)'/\1/p" fdw/hither.control)"
same wasm/package.json "$(sed -n 's/^  "version": "\(.*\)",/\1/p' wasm/package.json)"
grep -q "^## $version" CHANGELOG.md || fail "CHANGELOG.md has no section \"## $version\""
ls fdw/sql/hither--"$version".sql fdw/sql/hither--*--"$version".sql 2>/dev/null | grep -q . ||
    fail "fdw/sql has no script that makes the extension's version $version"

# In the order of their dependencies.
crates="hither hither-remote hither-rows hither-cli"
# shellcheck disable=SC2046
told=$($CARGO publish --dry-run --no-verify --allow-dirty $(printf ' --package %s' $crates) 2>&1) || {
    echo "$told" >&2
    fail "the crates cannot be published"
}
for crate in $crates; do
    listed=$($CARGO package --list --allow-dirty --package "$crate")
    for file in LICENSE-APACHE LICENSE-MIT README.md; do
        echo "$listed" | grep -qx "$file" || fail "$crate: the package lacks $file"
    done
done
say "$version: ok"
