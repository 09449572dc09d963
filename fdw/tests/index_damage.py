"""Bytes of an index's pages are others: an error that says so, or the right answer; never more."""

import os, random, shutil, struct, threading, time
import psycopg
from index_server import NEAR, SEED, SETUP, Server, compare, rows, run

KINDS = ["metapage", "growing", "extents", "piece", "deletions"]


def damage():
    count = 120
    init = ["--no-data-checksums"] if int(run("postgres", "--version").stdout.split()[2].split(b".")[0]) >= 18 else []
    server, pick = Server("damaged", init=init, autovacuum="off", statement_timeout="120s"), random.Random(SEED)
    server.start()
    with server.connect() as session:
        session.execute(SETUP)
        for number in range(count):
            dimensions = 2100 if number % 8 == 7 else 8
            session.execute(f"CREATE TABLE t{number} (id bigserial, v vector({dimensions}));"
                            f"INSERT INTO t{number} (v) SELECT point(i, {dimensions})::vector FROM generate_series(1, 40) AS i;"
                            f"CREATE INDEX ON t{number} USING hither (v vector_l2_ops) WITH (growing_rows = 16);"
                            f"DELETE FROM t{number} WHERE id % 5 = 0")
            session.execute(f"VACUUM t{number}")
            session.execute(f"INSERT INTO t{number} (v) SELECT point(i, {dimensions})::vector FROM generate_series(41, 60) AS i")
        paths = [rows(session, f"SELECT pg_relation_filepath('t{number}_v_idx')")[0][0] for number in range(count)]
    server.stop()
    done = []
    for number, path in enumerate(paths):
        pages = os.path.getsize(server.data / path) // 8192
        with open(server.data / path, "r+b") as file:
            kinds = []
            for page in range(pages):
                file.seek(page * 8192 + 8188)
                kinds.append(struct.unpack("<HH", file.read(4))[0])
            kind = pick.choice(sorted(set(kinds)))
            page = pick.choice([page for page in range(pages) if kinds[page] == kind])
            place = pick.choice([pick.randrange(24, 8192), pick.randrange(24, 200), pick.randrange(8176, 8192), pick.randrange(0, 24)])
            file.seek(page * 8192 + place)
            bytes = bytearray(file.read(min(pick.choice([1, 1, 2, 4, 16]), 8192 - place)))
            for at in range(len(bytes)):
                bytes[at] ^= pick.choice([1 << pick.randrange(8), 0xff, pick.randrange(1, 256)])
            file.seek(page * 8192 + place)
            file.write(bytes)
        done.append((kind, f"{KINDS[kind]}, byte {place} of page {page}, {len(bytes)} bytes"))
    shutil.rmtree(server.data / NEAR)
    server.start()
    wrong, errors = [], 0

    def ask(number, statement):
        with server.connect() as session:
            if statement == "SELECT":
                return compare(session, f"t{number}", 2100 if number % 8 == 7 else 8)
            session.execute(statement)

    for number, (kind, what) in enumerate(done):
        dimensions = 2100 if number % 8 == 7 else 8
        for statement in ["SELECT", f"INSERT INTO t{number} (v) SELECT point(i, {dimensions})::vector FROM generate_series(61, 63) AS i",
                          f"DELETE FROM t{number} WHERE id % 7 = 0", f"VACUUM (INDEX_CLEANUP on) t{number}",
                          f"INSERT INTO t{number} (v) SELECT point(i, {dimensions})::vector FROM generate_series(64, 400) AS i", "SELECT"]:
            answer, told = [], f"table {number}, {what}, {statement.split(' ')[0]}"
            def answered():
                try:
                    answer.append(ask(number, statement))
                except Exception as error:
                    answer.append(error)
            thread = threading.Thread(target=answered, daemon=True)
            thread.start()
            thread.join(240)
            error = answer[0] if answer else None
            if not answer:
                wrong.append(f"{told}: no end")
                server.kill()
                server.start()
                break
            if isinstance(error, psycopg.Error):
                errors += 1
                # Growing rows have no checksum: what they say is noticed where it cannot be, or by Postgres.
                is_noticed = KINDS[kind] == "growing" and ("in wrong order" in str(error) or "is longer than" in str(error))
                if error.sqlstate != "XX001" and not is_noticed:
                    wrong.append(f"{told}: {error.sqlstate} {error}")
                if error.sqlstate is None:
                    time.sleep(2)
                    break
            # A row that was inserted is what its page says; which rows are deleted, too.
            elif isinstance(error, Exception) and KINDS[kind] in ("metapage", "extents", "piece"):
                wrong.append(f"{told}: {error}")
    server.kill()
    wrong += server.died()
    assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong)
    print(f"damage: {count} indexes, {errors} errors that say so, no crash")
