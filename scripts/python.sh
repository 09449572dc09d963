#!/bin/sh
# Builds the wheel of hither for Python: scripts/python.sh [PROFILE], with cargo's profile `release`, or
# with that of the tests, `dev`, most of which `make unit` has already compiled. Prints its path.
#
# A `release` wheel is for distribution: Zig's linker makes it run with glibc 2.28 of 2018. An sdist is
# built, too.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

profile=${1:-release}
tools=$CARGO_TARGET_DIR/python/tools
wheels=$CARGO_TARGET_DIR/python/$profile

sh scripts/install.sh compiler python-venv
[ -e "$tools/bin/maturin" ] || {
    python3 -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check maturin==1.16.0
}
rm -rf "$wheels"
PATH=$tools/bin:$PATH
maturin sdist --manifest-path python/Cargo.toml --out "$wheels" >&2
case $profile in
dev) maturin build --quiet --profile dev --manifest-path python/Cargo.toml --compatibility linux --out "$wheels" >&2 ;;
*)
    [ -e "$tools/bin/cargo-zigbuild" ] ||
        "$tools/bin/python" -m pip install --quiet --disable-pip-version-check ziglang==0.17.1 cargo-zigbuild==0.24.1 auditwheel==6.8.2
    maturin build --quiet --profile "$profile" --manifest-path python/Cargo.toml --zig \
        --compatibility manylinux_2_28 --out "$wheels" >&2
    auditwheel show "$wheels"/*.whl | tr '\n' ' ' | grep -o 'manylinux[_0-9]*_[x86a-rch64_]*' | head -n 1 >&2
    ;;
esac
echo "$wheels"/*.whl
