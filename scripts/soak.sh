#!/bin/sh
# The long tests: a million random mutations, Miri and AddressSanitizer over unsafe code, fuzzing for
# minutes, a build that is killed repeatedly, one Postgres backend that answers 100,000 queries, servers
# that are killed 2,000 times, and the extension's tests under valgrind. The last line says what failed, or
# "soak: ok".
#
#   HITHER_MUTATIONS  how many random mutations (default 1000000)
#   FUZZ_SECONDS      how long each fuzz target runs (default 180; 0 leaves fuzzing out)
#   KILLS             how many builds are killed (default 50)
#   QUERIES           how many queries one backend of Postgres answers (default 100000)
#   ROUNDS            how often a server with indexes is killed (default 2000)
#   LOAD              for how many seconds fifty connections read and write an index (default 600)
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

FUZZ_SECONDS=${FUZZ_SECONDS:-180}
KILLS=${KILLS:-50}
QUERIES=${QUERIES:-100000}
ROUNDS=${ROUNDS:-2000}
LOAD=${LOAD:-600}
HITHER_MUTATIONS=${HITHER_MUTATIONS:-1000000}
export HITHER_MUTATIONS

mutations() {
    say "damage: every flip and every cut, and $HITHER_MUTATIONS random mutations"
    # With debug checks, so that overflows are detected.
    CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true \
        $CARGO test --release -p hither-tests --test damage
}

nightly() {
    rustup run nightly cargo "$@"
}

# The kernels at each level whose instructions Miri supports: not F16C (half precision is checked without
# it) and not VNNI. Miri cannot map files.
miri() {
    if ! nightly miri --version >/dev/null 2>&1; then
        say "miri: left out, for want of it: rustup toolchain install nightly -c miri,rust-src"
        return
    fi
    for cpu in x86-64 x86-64-v3 x86-64-v4; do
        say "miri: kernels on $cpu"
        CARGO_TARGET_DIR=$CARGO_TARGET_DIR/miri RUSTFLAGS="-C target-cpu=$cpu" \
            nightly miri test -p hither --lib distance
    done
}

# All kernels that this processor supports, mapped files, and searches over both. The sanitizer needs an
# unstable compiler; RUSTC_BOOTSTRAP makes the stable one accept the option.
sanitizer() {
    say "sanitizer: AddressSanitizer over the library, mapped files and searches"
    host=$(rustc -vV | sed -n 's/^host: //p')
    for tests in "-p hither --lib" "-p hither-tests --test fixture --test oracle"; do
        # shellcheck disable=SC2086
        CARGO_TARGET_DIR=$CARGO_TARGET_DIR/sanitizer RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" \
            ASAN_OPTIONS=allocator_may_return_null=1 \
            $CARGO test --target "$host" $tests
    done
}

fuzz() {
    if [ "$FUZZ_SECONDS" -eq 0 ]; then
        say "fuzz: left out, as FUZZ_SECONDS=0 asks"
        return
    fi
    if ! $CARGO fuzz --version >/dev/null 2>&1; then
        say "fuzz: installing cargo-fuzz"
        $CARGO install cargo-fuzz --locked --version '^0.13'
    fi
    export RUSTC_BOOTSTRAP=1
    $CARGO run --quiet --release --manifest-path fuzz/Cargo.toml --example seeds
    for target in open_and_search filter_json npy npz fvecs jsonl tsv parquet arrow; do
        say "fuzz: $target for $FUZZ_SECONDS s"
        $CARGO fuzz run "$target" -- -max_total_time="$FUZZ_SECONDS" -timeout=20 \
            -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1
    done
    unset RUSTC_BOOTSTRAP
}

# Kills builds that overwrite a file. The file must always be one of the two complete ones.
crashes() {
    say "crashes: $KILLS builds killed while they overwrite a file"
    $CARGO build --release -p hither-cli
    hither=$CARGO_TARGET_DIR/release/hither
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    file=$folder/words.hither
    "$hither" build sample/words.npy --seed 1 -o "$folder/one.hither" >/dev/null 2>&1
    begun=$(now)
    "$hither" build sample/words.npy --seed 2 --metric l2 -o "$folder/two.hither" >/dev/null 2>&1
    took=$(($(now) - begun + 1))
    cp "$folder/one.hither" "$file"
    count=0
    killed=0
    while [ "$count" -lt "$KILLS" ]; do
        count=$((count + 1))
        # Builds the two files alternately, so that each build changes the existing one.
        if [ $((count % 2)) -eq 0 ]; then
            set -- --seed 1
        else
            set -- --seed 2 --metric l2
        fi
        "$hither" build sample/words.npy "$@" -o "$file" >/dev/null 2>&1 &
        build=$!
        # Every second build is killed near its end, while it writes.
        if [ $((count / 2 % 2)) -eq 0 ]; then
            wait_ms "$(random $((took + took / 4)))"
        else
            wait_ms "$((took * 3 / 4 + $(random $((took / 2 + 1)))))"
        fi
        if kill -9 "$build" 2>/dev/null; then
            killed=$((killed + 1))
        fi
        wait "$build" 2>/dev/null || true
        "$hither" verify "$file" >/dev/null || fail "crash $count: the file is not whole"
        if ! cmp -s "$file" "$folder/one.hither" && ! cmp -s "$file" "$folder/two.hither"; then
            fail "crash $count: the file is neither the old one nor the new one"
        fi
    done
    left=$(find "$folder" -name '.*.tmp' | wc -l)
    say "crashes: $killed of $count builds were killed; $((left)) unfinished files left beside, none under the name"
}

postgres() {
    say "postgres: $QUERIES queries in one backend, $ROUNDS servers killed, $LOAD s of load"
    QUERIES=$QUERIES ROUNDS=$ROUNDS LOAD=$LOAD sh scripts/test-pg.sh 18
    say "postgres: the same tests with valgrind watching the server"
    VALGRIND=1 sh scripts/test-pg.sh 18
}

# The monotonic time in milliseconds.
now() {
    python3 -c 'import time; print(time.monotonic_ns() // 1000000)'
}

# A random number below a bound; awk's seed is the clock's second, so the process id and the count are mixed
# in.
random() {
    awk -v seed="$$$count" -v bound="$1" 'BEGIN { srand(seed); print int(rand() * bound) }'
}

wait_ms() {
    sleep "$(awk -v ms="$1" 'BEGIN { printf "%.3f", ms / 1000 }')"
}

mutations
miri
sanitizer
fuzz
crashes
postgres
say ok
