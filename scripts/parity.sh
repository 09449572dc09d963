#!/bin/sh
# The same rows, options and seed must give the same files and answers everywhere: builds tests/platform for
# every platform, runs it at every SIMD level and with one thread and several, and compares everything with
# this machine's widest level and one thread.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

ARM=aarch64-unknown-linux-musl
WASM=wasm32-unknown-unknown
# Uses rustc's own linker and musl, so no C compiler for aarch64 is needed.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUSTFLAGS=-Clink-self-contained=yes

need node nodejs
emulator=
if [ "$(uname -m)" != aarch64 ]; then
    need qemu-aarch64 qemu-user
    emulator=qemu-aarch64
fi
if command -v rustup >/dev/null; then
    rustup --quiet target add $WASM $ARM
fi

$CARGO build --quiet --release -p hither-platform
$CARGO build --quiet --release -p hither-platform --target $ARM
# Only in WebAssembly is the library a module; elsewhere it is linked into programs.
$CARGO rustc --quiet --release -p hither-platform --lib --crate-type cdylib \
    --no-default-features --target $WASM

native=$CARGO_TARGET_DIR/release/hither-platform
out=$CARGO_TARGET_DIR/parity
rm -rf "$out"
mkdir -p "$out"

# report NAME COMMAND...: prints the report of one variant, its time, and whether it finished.
report() {
    name=$1
    shift
    begun=$(date +%s)
    if "$@" >"$out/$name" 2>"$out/$name.errors"; then
        echo "$(($(date +%s) - begun)) s" >"$out/$name.time"
    fi
}

# The emulator is by far the slowest, so it runs in parallel with the others.
report aarch64 $emulator "$CARGO_TARGET_DIR/$ARM/release/hither-platform" &
emulated=$!

levels=$("$native" --levels)
widest=$(echo "$levels" | tail -n 1)
report native "$native" --simd "$widest" --threads 1
variants=
for level in $levels; do
    [ "$level" = "$widest" ] && continue
    report "simd-$level" "$native" --simd "$level" --threads 1
    variants="$variants simd-$level"
done
for threads in 2 5; do
    report "threads-$threads" "$native" --simd "$widest" --threads $threads
    variants="$variants threads-$threads"
done
report wasm32 node tests/platform/run.mjs \
    "$CARGO_TARGET_DIR/$WASM/release/hither_platform.wasm"
wait $emulated
variants="$variants wasm32 aarch64"

[ -e "$out/native.time" ] || fail "native did not run: $(cat "$out/native.errors")"
[ -s "$out/native" ] || fail "native printed nothing"
lines=$(wc -l <"$out/native")
files=$(awk '$2 != "-"' "$out/native" | wc -l)
echo "compared with native ($widest, 1 thread): $files files, $lines sets of answers"
failed=0
for name in $variants; do
    if [ ! -e "$out/$name.time" ]; then
        result="DID NOT RUN: $(tail -n 1 "$out/$name.errors")"
        failed=1
    elif cmp -s "$out/native" "$out/$name"; then
        result=same
    else
        result=DIFFERENT
        failed=1
    fi
    printf '  %-16s %5s  %s\n' "$name" "$(cat "$out/$name.time" 2>/dev/null)" "$result"
    if [ "$result" = DIFFERENT ]; then
        diff "$out/native" "$out/$name" | grep '^[<>]' | head -n 20 || true
    fi
done
exit $failed
