# To be sourced by a script that stands at the root of the repository, or has set $repository: where
# things are, and what scripts have in common. Sets $repository, $CARGO and $CARGO_TARGET_DIR, absolute.
#   say TEXT…               a line that begins with the script's name
#   fail TEXT…              the same on standard error, and the end
#   need COMMAND PACKAGE    installs Debian's package if there is no such command
#   packages NAME…          installs Debian's packages, or says that somebody must
#   build_command           builds the command as `make unit` has it, so that all tests share one; sets $hither

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
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1 || {
        apt-get update >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >/dev/null
    }
}

build_command() {
    $CARGO build --quiet --workspace --bin hither
    hither=$CARGO_TARGET_DIR/debug/hither
}
