# To be sourced by scripts that run in the root of the repository or have set $repository: paths and functions
# that scripts share. Sets $repository, $CARGO and $CARGO_TARGET_DIR to absolute paths.
#   say TEXT…               prints a line that begins with the script's name
#   fail TEXT…              prints such a line to standard error and exits
#   need COMMAND PACKAGE    installs a Debian package if the command is missing
#   packages NAME…          installs Debian packages, or asks for them to be installed
#   build_command           builds the command like `make unit`, so that all tests share the build; sets $hither

repository=${repository:-$PWD}
CARGO=${CARGO:-cargo}
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repository/target}
case $CARGO_TARGET_DIR in /*) ;; *) CARGO_TARGET_DIR=$repository/$CARGO_TARGET_DIR ;; esac
export CARGO CARGO_TARGET_DIR

say() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*"
}

fail() {
    say "$*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || packages "$2"
}

packages() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "this needs $*; install it, for example: sudo apt-get install $*"
    fi
    say "installing $*" >&2
    # Old lists name old packages, or packages that are gone.
    apt-get update >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >/dev/null
}

build_command() {
    $CARGO build --quiet --workspace --bin hither
    hither=$CARGO_TARGET_DIR/debug/hither
}
