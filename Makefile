# A verb per need. CARGO_TARGET_DIR may point elsewhere; all verbs start from a bare machine.
CARGO ?= cargo
TARGET = $(or $(CARGO_TARGET_DIR),target)

.PHONY: help run test check unit nostd parity embedded npm test-npm python test-python www test-www soak bench bench-growth bench-ranges bench-parts bench-npm bench-pg psql stop test-pg test-clients clean

help:
	@echo "make run      build the command and an index of the sample, search it, show that it works"
	@echo "make test     everything that tests what exists, with what it must install first"
	@echo "make check    formatting, lints, documentation, dependencies, and what a release would refuse"
	@echo "make unit     the tests of the library and the command alone"
	@echo "make parity   the same bytes at every SIMD level, on aarch64 and in WebAssembly"
	@echo "make embedded a program for a Cortex-M4 that searches; its size"
	@echo "make npm      the npm package as it would be published; prints where the tarball is"
	@echo "make test-npm the packed package in Node, Deno, Bun, workerd, bundlers and Chromium; its size"
	@echo "make python   the wheel for Python, with the command in it, and the sdist; prints where it is"
	@echo "make test-python the wheel, alone and beside what it has adapters for: its types, and what it does, against the command"
	@echo "make www      the page: a dictionary by meaning, on http://localhost:8080 (PORT=8081 for another)"
	@echo "make test-www the page in Chromium and Firefox, against the command"
	@echo "make soak     the long repetitions: a million mutations, fuzzing for minutes, killed builds, valgrind"
	@echo "make bench    against SymphonyQG, SVS, hnswlib, usearch and faiss on two real data sets"
	@echo "make bench-growth how queries per second fall from 100,000 rows to a million"
	@echo "make bench-ranges what searching by ranges brings of a file: bytes, requests, round trips, at each recall"
	@echo "make bench-parts what a search of 1 to 64 files costs against one file of the same rows; ARGS=\"--against OTHER/hither\" beside another version"
	@echo "make bench-npm against the other vector searches on npm, in Node and Chromium"
	@echo "make bench-pg against pgvector in the same PostgreSQL (ARGS=--quick on the sample, ARGS=index for indexes USING hither)"
	@echo "make psql     a PostgreSQL of our own with the extension, the sample as a table, psql"
	@echo "make stop     ends that PostgreSQL"
	@echo "make test-pg  the extension's tests on PostgreSQL 18 and 16; its code is checked for 14 to 18"
	@echo "make test-clients what speaks to pgvector, with indexes USING hither: psycopg, SQLAlchemy, Django, LangChain, …"
	@echo "make clean    remove what was built"

run:
	@CARGO="$(CARGO)" sh scripts/run.sh

test:
	@CARGO="$(CARGO)" MAKE="$(MAKE)" sh scripts/test.sh

check:
	@sh scripts/install.sh compiler components cargo-deny
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fdw/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p hither --no-default-features -- -D warnings
	$(CARGO) clippy -p hither-cli --no-default-features -- -D warnings
	rustup target add wasm32-unknown-unknown
	$(CARGO) clippy -p hither-wasm --target wasm32-unknown-unknown --features lazy -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	$(CARGO) deny --log-level error check bans licenses sources
	@CARGO="$(CARGO)" sh scripts/check-release.sh

unit:
	@sh scripts/install.sh compiler
	$(CARGO) test --workspace --no-fail-fast
	$(CARGO) test --package hither-cli --no-default-features --test command help_lists_what_is_there

nostd:
	rustup target add thumbv7em-none-eabihf wasm32-unknown-unknown
	$(CARGO) build -p hither --no-default-features --target thumbv7em-none-eabihf
	$(CARGO) build -p hither --no-default-features --features json --target wasm32-unknown-unknown

parity:
	@CARGO="$(CARGO)" sh scripts/parity.sh

embedded:
	@CARGO="$(CARGO)" sh scripts/embedded.sh

npm:
	@CARGO="$(CARGO)" sh scripts/npm.sh

test-npm:
	@CARGO="$(CARGO)" sh scripts/test-npm.sh

python:
	@CARGO="$(CARGO)" sh scripts/python.sh

test-python:
	@CARGO="$(CARGO)" sh scripts/test-python.sh

www:
	@CARGO="$(CARGO)" sh scripts/www.sh serve $(or $(PORT),8080)

test-www:
	@CARGO="$(CARGO)" sh scripts/www.sh test

soak:
	@CARGO="$(CARGO)" sh scripts/soak.sh

bench:
	$(CARGO) build --release --package hither-cli
	HITHER="$(abspath $(TARGET))/release/hither" sh bench/run.sh $(ARGS)

bench-growth:
	$(CARGO) build --release --package hither-cli
	HITHER="$(abspath $(TARGET))/release/hither" sh bench/run.sh growth $(ARGS)

bench-ranges:
	$(CARGO) build --release --package hither-cli
	HITHER="$(abspath $(TARGET))/release/hither" sh bench/ranges.sh

bench-parts:
	$(CARGO) build --release --package hither-cli
	HITHER="$(abspath $(TARGET))/release/hither" python3 bench/parts.py $(ARGS)

bench-npm:
	@CARGO="$(CARGO)" sh scripts/bench-npm.sh $(ARGS)

bench-pg:
	@CARGO="$(CARGO)" sh bench/pg/run.sh $(ARGS)

psql:
	@CARGO="$(CARGO)" sh scripts/psql.sh $(ARGS)

stop:
	@sh scripts/psql.sh stop

test-pg:
	@CARGO="$(CARGO)" sh scripts/check-pg.sh
	@CARGO="$(CARGO)" sh scripts/test-pg.sh $(ARGS)

test-clients:
	@CARGO="$(CARGO)" sh scripts/test-clients.sh $(ARGS)

clean:
	$(CARGO) clean
	rm -rf bench/results bench/pg/results bench/npm/results bench/npm/node_modules bench/data bench/venv
