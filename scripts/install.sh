#!/bin/sh
# Installs what a check needs and the machine lacks: scripts/install.sh NAME...
set -eu

cd "$(dirname "$0")/.."
. scripts/env.sh

for name in "$@"; do
    case $name in
    compiler) need cc gcc ;;
    chromium) need chromium chromium ;;
    chromedriver) need chromedriver chromium-driver ;;
    node) need node nodejs && need npm npm ;;
    components) cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
        rustup component add rustfmt clippy ;;
    cargo-deny) cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked --version '^0.20' ;;
    browsers) need chromium chromium && need firefox-esr firefox-esr ;;
    libclang) ldconfig -p | grep -q 'libclang[-.0-9]*\.so' || packages libclang-dev ;;
    valgrind) need valgrind valgrind ;;
    python-venv) python3 -c 'import venv, ensurepip' 2>/dev/null || packages python3-venv ;;
    *) fail "there is no $name" ;;
    esac
done
