#!/bin/sh
# Installs what a check needs and the machine lacks: scripts/install.sh NAME...
set -eu

apt() { # apt COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing $2" >&2
        apt-get install -y --no-install-recommends "$2" >/dev/null 2>&1 || {
            apt-get update >/dev/null
            apt-get install -y --no-install-recommends "$2" >/dev/null
        }
    else
        echo "error: this needs $1; install it, for example: sudo apt-get install $2" >&2
        exit 1
    fi
}

for name in "$@"; do
    case $name in
    compiler) apt cc gcc ;;
    chromium) apt chromium chromium ;;
    chromedriver) apt chromedriver chromium-driver ;;
    node) apt node nodejs && apt npm npm ;;
    components) cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
        rustup component add rustfmt clippy ;;
    cargo-deny) cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked --version '^0.20' ;;
    browsers) apt chromium chromium && apt firefox-esr firefox-esr ;;
    libclang) ldconfig -p | grep -q 'libclang[-.0-9]*\.so' || apt libclang libclang-dev ;;
    valgrind) apt valgrind valgrind ;;
    python-venv) python3 -c 'import venv, ensurepip' 2>/dev/null || apt python-venv python3-venv ;;
    *) echo "error: $0 does not know $name" >&2; exit 2 ;;
    esac
done
