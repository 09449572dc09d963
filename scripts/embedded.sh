#!/bin/sh
# The library without an operating system: builds tests/embedded for a Cortex-M4 with an index in flash,
# prints its size and its dependencies, runs it in an emulator, and compares its answers with this
# machine's.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

DEVICE=thumbv7em-none-eabihf
MOST_CRATES=30

need size binutils
need qemu-system-arm qemu-system-arm
if command -v rustup >/dev/null; then
    rustup --quiet target add $DEVICE
fi

# Not in a pipe, which would hide a failure of cargo.
tree=$($CARGO tree -p hither --no-default-features --target $DEVICE \
    -e normal,no-proc-macro --prefix none --no-dedupe)
crates=$(echo "$tree" | sort -u | wc -l)
echo "crates in the library's tree on $DEVICE, itself among them: $crates"
[ "$crates" -le $MOST_CRATES ] || fail "more than $MOST_CRATES: $tree"

out=$CARGO_TARGET_DIR/embedded
mkdir -p "$out"
HITHER_INDEX=$out/device.hither
export HITHER_INDEX
$CARGO build --quiet --release -p hither-platform
"$CARGO_TARGET_DIR/release/hither-platform" --device "$HITHER_INDEX" >"$out/host"

$CARGO build --quiet --release --manifest-path tests/embedded/Cargo.toml --target $DEVICE
program=$CARGO_TARGET_DIR/$DEVICE/release/hither-embedded
index=$(wc -c <"$HITHER_INDEX")
size "$program" | awk -v index_bytes="$index" 'NR == 2 {
    printf "flash: %d bytes, of them the index %d and the program %d\n", \
        $1 + $2, index_bytes, $1 + $2 - index_bytes
    printf "memory: %d bytes, the heap among them\n", $2 + $3
}'

# The emulator exits with the program's status, by semihosting.
timeout 60 qemu-system-arm -M netduinoplus2 -nographic -monitor none -serial null \
    -semihosting-config enable=on,target=native -kernel "$program" >"$out/device" ||
    fail "the program failed: $(tail -n 1 "$out/device")"
echo "heap in use at most: $(awk '$1 == "heap" { print $2 }' "$out/device") bytes"
grep -v '^heap' "$out/device" >"$out/answers"
diff "$out/host" "$out/answers" || fail "the device answers otherwise than the host"
echo "the device gives the host's $(wc -l <"$out/host") answers, bit for bit"
