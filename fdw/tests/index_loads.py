"""Many sessions at one index: index_loads.py BIN FOLDER

pgbench inserts, deletes, reads and vacuums at once, fifty connections for LOAD seconds at last; a standby follows; and an
index is no larger for it in the end."""

import os, random, threading, time
from index_server import Load, SECONDS, SEED, Server, compare, compare_all, end, folder, ids, main, rows, run, set_up, settle, until
from reader import Reader

VECTOR = "ARRAY[random(), random(), random()]"


def serve(name, table, **settings):
    server = Server(name, shared_buffers="64MB", max_wal_size="1GB", **settings)
    server.start()
    with server.connect() as session:
        session.execute(f"CREATE EXTENSION hither CASCADE; CREATE FUNCTION point(i bigint, dimensions int) RETURNS real[] LANGUAGE sql IMMUTABLE "
                        "AS 'SELECT array_agg((hashint8(i * 20000 + j) & 4095) / 4096.0) FROM generate_series(1, dimensions) AS j';" + table)
    return server


def bench(server, scripts, *options):
    """Runs scripts of pgbench, each with its weight, none of which may fail."""
    files = []
    for number, (script, weight) in enumerate(scripts.items()):
        path = folder / f"script{number}.sql"
        path.write_text(script)
        files += ["-f", f"{path}@{weight}"]
    said = run("pgbench", "-n", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", *options, *files, "postgres").stdout.decode()
    # pgbench says what failed and ends well.
    assert "number of failed transactions: 0 (" in said and "abort" not in said.lower(), said[:3000]
    return int(said.split("number of transactions actually processed: ")[1].split("\n")[0].split("/")[0])


def followed():
    """A standby answers as the primary does, after each change."""
    primary = serve("followed", "", wal_keep_size="1GB", autovacuum="off")
    run("pg_basebackup", "-D", folder / "follower", "-h", "127.0.0.1", "-p", primary.port, "-U", "postgres", "-R", "-c", "fast", "--no-sync")
    second = Server("follower", init=None, shared_buffers="64MB")
    second.start()
    pick, asked = random.Random(SEED), 0
    reader = Reader(second)
    with primary.connect() as session:
        def same():
            settle(session)
            reader.wait(rows(session, "SELECT pg_current_wal_insert_lsn()")[0][0])
            query = pick.randrange(1 << 40)

            def near(one):
                with one.transaction():
                    return ids(one, "items", 32, query, True, "LIMIT 10")
            got = [near(session), reader.read(near)]
            assert got[0] == got[1] and len(got[0]) == 10, got

        session.execute("CREATE TABLE items (id serial, i int, v vector(32));"
                        "INSERT INTO items (i, v) SELECT i % 10, point(i, 32)::vector FROM generate_series(1, 1000) AS i;"
                        "CREATE INDEX items_v ON items USING hither (v vector_l2_ops) WITH (growing_rows = 64)")
        same()
        for number in range(10):
            for statement in (f"DELETE FROM items WHERE i = {number}", "VACUUM items",
                              f"INSERT INTO items (i, v) SELECT i % 10, point(i, 32)::vector FROM generate_series({1001 + 100 * number}, {1100 + 100 * number}) AS i"):
                session.execute(statement)
                same()
                asked += 1
    end(second)
    end(primary)
    print(f"followed: {asked} answers, the same on the standby")


def grown():
    """Rows deleted, removed and inserted again and again take no more and more room."""
    server = serve("grown", "CREATE TABLE items (id int, v vector(3))")
    pick = random.Random(SEED)
    element = ", ".join(f"i % {pick.randrange(1, 1001)}" for _ in range(3))
    insert = f"INSERT INTO items SELECT i, ARRAY[{element}] FROM generate_series(1, 10000) AS i"
    size = "SELECT pg_relation_size('items_v')"
    with server.connect() as session:
        session.execute(insert)
        session.execute("CREATE INDEX items_v ON items USING hither (v vector_l2_ops)")
        sizes = [rows(session, size)[0][0]]
        for _ in range(6):
            session.execute("DELETE FROM items")
            session.execute("VACUUM items")
            session.execute(insert)
            settle(session)
            sizes.append(rows(session, size)[0][0])
        compare(session, "items", 3)
        session.execute("DELETE FROM items WHERE id <> 123")
        session.execute("VACUUM items")
        with session.transaction():
            assert ids(session, "items", 3, 1, True, "LIMIT 10") == [123]
    end(server)
    # Segments that are flushed and what is made of them are there at once, the more the slower merges are.
    assert max(sizes) <= 8 * sizes[0], sizes
    print(f"grown: {sizes} bytes")


def wide():
    """Rows of more than a page, each by a session of its own, are all there; a scan is counted as one."""
    server = serve("wide", "CREATE TABLE items (id serial, v vector(1900)); CREATE INDEX items_v ON items USING hither (v vector_l2_ops)")
    element = "(SELECT array_agg(random()) FROM generate_series(1, 1900) AS j WHERE i > 0)"
    counted = "SELECT count(*) FROM (SELECT v FROM items ORDER BY v <-> (SELECT v FROM items LIMIT 1)) AS q"
    with server.connect(options="-c enable_seqscan=off") as session:
        for _ in range(5):
            bench(server, {f"INSERT INTO items (v) SELECT {element} FROM generate_series(1, 1) AS i": 1}, "-c", 10, "-t", 1)
            assert rows(session, counted)[0][0] == 10
            session.execute("TRUNCATE items")
        bench(server, {f"INSERT INTO items (v) SELECT {element} FROM generate_series(1, 10) AS i": 1}, "-c", 20, "-t", 5)
        assert rows(session, counted)[0][0] == 1000
    with server.connect() as session:
        def scans():
            return rows(session, "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'items_v'")[0][0]
        until(lambda: scans() == 6, lambda: f"{scans()} scans")
    end(server)
    print("wide: every row, every scan")


def vacuumed():
    """VACUUM beside reading, and beside inserting and deleting."""
    # To cut off pages that are empty VACUUM waits up to five seconds for those who read.
    table = f"CREATE TABLE items (id serial, v vector(3)) WITH (autovacuum_enabled = off, vacuum_truncate = off); INSERT INTO items (v) SELECT {VECTOR} FROM generate_series(1, 1000) AS i;"
    server = serve("vacuumed", table + "CREATE INDEX items_v ON items USING hither (v vector_l2_ops) WITH (growing_rows = 16); DELETE FROM items")
    nearest = "SELECT id FROM items ORDER BY v <-> '[0,0,0]' LIMIT 10"
    bench(server, {nearest: 1000, "VACUUM items": 1}, "-c", 5, "-t", 1000)
    bench(server, {f"INSERT INTO items (v) VALUES ({VECTOR})": 500, "DELETE FROM items WHERE id = (SELECT id FROM items LIMIT 1)": 500,
                   f"SELECT id FROM items ORDER BY v <-> (SELECT {VECTOR}::vector) LIMIT 10": 20, "VACUUM items": 2}, "-c", 5, "-t", 1000)
    with server.connect() as session:
        settle(session)
        compare(session, "items", 3)
        assert rows(session, "SELECT hither.verify('items_v') >= count(*) FROM items")[0][0]
    end(server)
    print("vacuumed: no statement failed")


def levels():
    """One statement has the same rows by the index and without, at every level of isolation, while others change them."""
    server = Server("levels", max_wal_size="256MB")
    server.start()
    set_up(server)
    done = dict.fromkeys(["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"], 0)

    def reader(level):
        def read(session, pick, _):
            table, dimensions = pick.choice([("items", 8), ("more", 8), ("wide", 2100)])
            text = (f"WITH ours AS MATERIALIZED (SELECT id FROM {table} ORDER BY v <-> point({pick.randrange(1 << 40)}, {dimensions})::vector), "
                    f"theirs AS MATERIALIZED (SELECT id FROM {table} OFFSET 0) "
                    "SELECT (SELECT array_agg(id ORDER BY id) FROM ours), (SELECT array_agg(id ORDER BY id) FROM theirs)")
            with session.transaction():
                session.execute(f"SET TRANSACTION ISOLATION LEVEL {level}; SET LOCAL enable_seqscan = off")
                plan = "\n".join(row[0] for row in rows(session, "EXPLAIN " + text))
                assert "Order By: " in plan, f"{table}, {level}: {plan}"
                before = None
                for _ in range(3):
                    ours, theirs = rows(session, text)[0]
                    assert ours == theirs, f"{table}, {level}: {sorted(set(ours or []) ^ set(theirs or []))[:20]}"
                    assert level == "READ COMMITTED" or before in (None, theirs, []), f"{table}: another snapshot"
                    before = theirs or []
                if level == "SERIALIZABLE":
                    session.execute(f"INSERT INTO {table} (v) SELECT point({pick.randrange(1 << 40)}, {dimensions})::vector")
            done[level] += 1
        return read

    load = Load(server, 4, SEED, most=60, others=[reader(level) for level in done])
    end_at = time.monotonic() + SECONDS
    while time.monotonic() < end_at and not load.problems:
        time.sleep(0.1)
    until(lambda: load.problems or all(done.values()), lambda: str(done))
    load.end()
    compare_all(server)
    end(server)
    print(f"levels: {done} transactions, {load.done} statements beside them")


def owned():
    """Merging in the background needs no right of the table's owner, who may neither log in nor connect."""
    server = serve("owned", "CREATE ROLE owner NOLOGIN; REVOKE CONNECT ON DATABASE postgres FROM PUBLIC; CREATE TABLE items (id bigserial, v vector(8)) WITH (autovacuum_enabled = off);"
                   "ALTER TABLE items OWNER TO owner; CREATE INDEX items_v ON items USING hither (v vector_l2_ops) WITH (growing_rows = 64)")
    with server.connect() as session:
        session.execute("INSERT INTO items (v) SELECT point(i, 8)::vector FROM generate_series(1, 300) AS i")
        def state():
            # A worker may have ended before the last of these; who inserts later asks for another.
            session.execute("INSERT INTO items (v) SELECT point(0, 8)::vector")
            return rows(session, "SELECT growing, segments FROM hither.indexes")[0]
        until(lambda: (now := state())[0] < 128 and now[1], lambda: f"growing rows and segments: {state()}", pause=0.3)
        settle(session)
        compare(session, "items", 8)
    assert "FATAL" not in server.log.read_text().replace("FATAL:  the database system is starting up", ""), server.tail()
    end(server)
    print("owned: merged for an owner who may not log in")


def copied():
    """Rows that come faster than they are merged do not pile up: each backend that searches has a copy of growing rows."""
    server = serve("copied", "CREATE TABLE items (id int, v vector(8)); CREATE INDEX items_v ON items USING hither (v vector_l2_ops) WITH (growing_rows = 256)")
    most, over = [], threading.Event()

    def watch():
        with server.connect() as session:
            while not over.is_set():
                most.append(rows(session, "SELECT growing FROM hither.indexes")[0][0])
                time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    with server.connect() as session:
        with session.cursor().copy("COPY items FROM STDIN") as copy:
            for number in range(60000):
                copy.write_row([number, str([(number * j) % 9973 for j in range(8)])])
        settle(session)
        over.set()
        thread.join()

        def state():
            return rows(session, "SELECT growing, segments FROM hither.indexes")[0]
        # The last rows may have come just after a worker was asked for: then VACUUM merges them.
        until(lambda: state()[0] < 2 * 256 and state()[1] <= 8, lambda: f"growing rows and segments: {state()}")
        growing, segments = state()
        compare(session, "items", 8)
    end(server)
    assert max(most) <= 20 * 256, max(most)
    print(f"copied: at most {max(most)} growing rows, {segments} segments in the end")


def busy():
    """Fifty connections read and write; then the index has the rows of the table."""
    table = ("CREATE TABLE items (id bigserial PRIMARY KEY, v vector(8), n int); INSERT INTO items (v, n) SELECT point(i, 8)::vector, i % 10 FROM generate_series(1, 5000) AS i;"
             "CREATE INDEX items_v ON items USING hither (v vector_l2_ops, n) WITH (growing_rows = 256); ANALYZE items")
    server = serve("busy", table, max_connections=80)
    vector = "\\set i random(1, 1000000000)\n"
    near = "ORDER BY v <-> point(:i, 8)::vector LIMIT 10"
    scripts = {vector + f"SELECT id, v <-> point(:i, 8)::vector FROM items {near};": 40,
               vector + f"SELECT id FROM items WHERE n = :i % 10 {near};": 10,
               vector + "INSERT INTO items (v, n) VALUES (point(:i, 8)::vector, :i % 10);": 30,
               vector + "DELETE FROM items WHERE id = (SELECT id FROM items OFFSET :i % 3 LIMIT 1);": 25,
               vector + "UPDATE items SET n = :i % 10 WHERE id = (SELECT max(id) - :i % 2000 FROM items);": 10,
               vector + "UPDATE items SET v = point(:i, 8)::vector WHERE id = (SELECT max(id) - :i % 2000 FROM items);": 10,
               vector + f"BEGIN;\nSELECT id FROM items {near};\nINSERT INTO items (v, n) VALUES (point(:i, 8)::vector, 3);\nSELECT id FROM items {near};\nROLLBACK;": 5,
               "VACUUM (SKIP_LOCKED) items;": 1}
    done = bench(server, scripts, "-M", "prepared", "-c", 50, "-j", 4, "-T", os.environ.get("LOAD", 60))
    with server.connect() as session:
        scans = rows(session, "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'items_v'")[0][0]
        assert scans > done / 4, f"{scans} scans of {done} transactions"
        for query in range(5):
            count = compare(session, "items", 8, query)
            for condition in ("n = 3", "n IN (1, 2)", "n > 7"):
                with session.transaction():
                    both = [sorted(ids(session, "items", 8, query, by_index, "", condition)) for by_index in (True, False)]
                    assert both[0] == both[1], f"WHERE {condition}: {both}"
        settle(session)

        def verified():
            # Whoever analyzes the table meanwhile may still see rows that were deleted. And of rows that lie in few pages
            # VACUUM by itself leaves what indexes have.
            session.execute("VACUUM (INDEX_CLEANUP ON) items")
            return rows(session, "SELECT hither.verify('items_v')")[0][0]
        until(lambda: verified() == count, lambda: f"{verified()} rows of the index, {count} of the table")
        compare(session, "items", 8)
        state = rows(session, "SELECT rows, growing, deleted, segments, bytes FROM hither.indexes")[0]
        session.execute("REINDEX INDEX items_v")
        new = rows(session, "SELECT bytes FROM hither.indexes")[0][0]
    end(server)
    print(f"busy: {done} transactions, none failed; rows, growing, deleted, segments, bytes {state}, built anew {new} bytes")


if __name__ == "__main__":
    main(followed, grown, wide, vacuumed, levels, owned, copied, busy)
