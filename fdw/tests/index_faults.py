"""What may befall an index of the access method: index_faults.py BIN FOLDER [ROUNDS [CONNECTIONS [SECONDS [SEED]]]]

BIN has the programs of a PostgreSQL with the extension, FOLDER is the server's user's. Servers of
its own are killed at random moments, copied, promoted, restored, their files damaged. Whatever happens,
an index gives the rows of its table and no others, in every snapshot."""

import concurrent.futures, os, random, shutil, signal, subprocess, sys, threading, time
import psycopg
from index_copies import own_folder
from index_damage import damage
from index_server import (ROUNDS, CONNECTIONS, ENDED, Load, SECONDS, SEED, Server, TABLES, compare, compare_all, end, folder, ids, main, merge,
                          near_copies, nearest, no_leak, rows, run, servers, set_up, until, user)
from reader import Reader


def kills():
    """The server killed at random moments, started with other settings each time."""
    pick, server = random.Random(SEED), Server("killed")
    kinds = [{}, {"full_page_writes": "off"}, {"wal_level": "minimal", "max_wal_senders": 0}, {"full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": 0, "wal_skip_threshold": 0},
             {"max_worker_processes": 0}]
    server.start()
    set_up(server)
    changes = 0
    for number in range(ROUNDS):
        load = Load(server, 4, f"{SEED} {number}")
        time.sleep(pick.uniform(0.05, 1.0))
        load.kill()
        changes += load.done
        server.start(**kinds[number % len(kinds)])
        try:
            compare_all(server, number)
        except Exception as error:
            raise AssertionError(f"round {number} of seed {SEED}: {error!r}") from error
    size, least = no_leak(server)
    server.stop()
    assert nearest["found"] >= 0.9 * nearest["wanted"], nearest
    print(f"kills: {ROUNDS} times, {changes} changes, every live row found; {size} bytes, {least} built anew")


def transfers():
    """Killed while a file is attached or written, or VACUUM gives pages back: the index has the rows of its table, and the file is whole."""
    pick, server, hit = random.Random(SEED), Server("transfers", autovacuum="off", shared_buffers="64MB"), {}
    server.start()
    set_up(server)
    built, out = folder / "built.hither", folder / "out.hither"
    attach = "SELECT rows, added, dropped FROM hither.attach('items_v', %s, key => 'id')"
    with server.connect() as session:
        assert rows(session, "SELECT hither.export('items_v', %s, key => 'id')", str(built))[0][0] == 2500
    # What is done again and again, and what comes before it, while the server lives.
    acts = {"attach": ("INSERT INTO items (v) SELECT point(i, 8)::vector FROM generate_series(1, 300) AS i; DELETE FROM items WHERE id > 2500 AND id % 2 = 0", attach, built),
            "export": ("SELECT 1", "SELECT hither.export('items_v', %s, key => 'id', overwrite => true)", out),
            # It merges what is left, and gives the end of the index back.
            "truncate": ("INSERT INTO items (v) SELECT point(i, 8)::vector FROM generate_series(1, 3000) AS i; SELECT hither.merge('items_v'); DELETE FROM items WHERE id > 2500",
                         "VACUUM items", None)}
    took = {}
    for number in range(-len(acts), ROUNDS):
        name = list(acts)[number % len(acts)]
        before, act, path = acts[name]
        doing, process = threading.Event(), []

        def work():
            try:
                with server.connect() as session:
                    process.append(session.info.backend_pid)
                    while True:
                        [session.execute(statement) for statement in before.split(";")]
                        begun = time.monotonic()
                        doing.set()
                        session.execute(act, (str(path),) if path else None)
                        doing.clear()
                        took[name] = time.monotonic() - begun
                        if number < 0: return
            except psycopg.OperationalError as error:
                assert error.sqlstate in ENDED, error

        with concurrent.futures.ThreadPoolExecutor() as pool:
            kept = pool.submit(work)
            # The first time of each tells how long it takes.
            if number >= 0:
                while not doing.wait(0.1) and not kept.done():
                    pass
                time.sleep(pick.uniform(0, took[name]))
                # It alone at first: to end all takes longer than what it does.
                if not kept.done(): os.kill(process[0], signal.SIGKILL)
                server.kill()
            kept.result()
        if number < 0: continue
        hit[name] = hit.get(name, 0) + doing.is_set()
        server.start()
        try:
            compare_all(server, number)
            with server.connect() as session:
                session.execute("DELETE FROM items WHERE id > 2500")
                session.execute("VACUUM items")
                if out.exists():
                    taken = rows(session, attach, str(out))[0]
                    assert taken[0] == 2500 and taken[1] == 0, taken
                compare(session, "items", 8)
        except Exception as error:
            raise AssertionError(f"round {number} of seed {SEED}, {name}: {error!r}") from error
    # A standby writes a file as its primary does, and takes none.
    run("pg_basebackup", "-D", folder / "writing", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-R", "-c", "fast", "--no-sync")
    second = Server("writing", init=None)
    second.start()
    reader = Reader(second)
    with server.connect() as session:
        export = "SELECT hither.export('items_v', %s, key => 'id', overwrite => true)"
        assert reader.read(lambda other: rows(other, export, str(out)))[0][0] == 2500
        assert rows(session, attach, str(out))[0] == (2500, 0, 0)
        try:
            reader.read(lambda other: rows(other, attach, str(out)))
            raise AssertionError("a standby attaches a file")
        except psycopg.errors.ReadOnlySqlTransaction as error:
            assert "hither.attach()" in str(error), error
    end(second)
    no_leak(server)
    server.stop()
    print(f"transfers: killed in the midst of {hit}, of {ROUNDS} times; a standby's file is the primary's")


def in_both_ways(session, table, dimensions):
    """The rows by the index and without it, in one snapshot."""
    with session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return [ids(session, table, dimensions, 7, by_index) for by_index in (True, False)]


def size_of_indexes(session):
    return rows(session, "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'i' AND relam = (SELECT oid FROM pg_am WHERE amname = 'hither')")[0][0]


def standby():
    """A standby has the primary's rows while they change, and goes on where that was killed."""
    primary = Server("primary", wal_level="replica", wal_keep_size="4GB")
    primary.start()
    set_up(primary)
    run("pg_basebackup", "-D", folder / "standby", "-h", "127.0.0.1", "-p", primary.port, "-U", "postgres", "-R", "-c", "fast", "--no-sync")
    second = Server("standby", init=None, max_standby_streaming_delay="1s")
    second.start()
    load, reader, compared, half, number = Load(primary, 3, SEED, concurrently=False), Reader(second), 0, time.monotonic() + SECONDS, 0
    tables = {name: dimensions for name, dimensions in TABLES.items() if name != "unlogged"}
    while time.monotonic() < (half or again) + SECONDS:
        number += 1
        for table, dimensions in tables.items():
            reader.read(lambda session: compare(session, table, dimensions, number))
            compared += 1
        time.sleep(0.1)
        if half and time.monotonic() > half:
            half = None
            load.end()
            with primary.connect() as other:
                merge(other)
                place = rows(other, "SELECT pg_current_wal_lsn()")[0][0]
                reader.wait(place)
                for table, dimensions in tables.items():
                    ours, theirs = reader.read(lambda session: in_both_ways(session, table, dimensions)), in_both_ways(other, table, dimensions)
                    assert ours == theirs or sorted(ours[0]) == sorted(theirs[0]) == sorted(ours[1]), f"{table}: {ours}, {theirs}"
            copies, size = near_copies(second), reader.read(size_of_indexes)
            assert sum(copies.values()) <= 2 * size, f"the standby has {len(copies)} copies of {sum(copies.values())} bytes, its indexes {size}"
            load, again = Load(primary, 3, f"{SEED} again", concurrently=False), time.monotonic()
    load.kill()
    reader.promote()
    load = Load(second, 3, SEED)
    time.sleep(1)
    load.end()
    compare_all(second)
    no_leak(second)
    end(second)
    print(f"standby: {compared} comparisons, {reader.conflicts} conflicts with replay, promoted")


def dead_rows():
    """Rows that scans of the primary marked as dead are seen by an older snapshot of a standby, and no more when that is promoted."""
    primary = Server("marking", wal_level="replica", wal_log_hints="on", autovacuum="off")
    primary.start()
    with primary.connect() as session:
        session.execute("CREATE EXTENSION hither CASCADE")
        # Too few on the page for Postgres to clear it up, of which it would tell the standby.
        session.execute("CREATE TABLE few (id int, v vector(8))")
        session.execute("INSERT INTO few SELECT i, array_fill(sin(i), ARRAY[4])::vector || array_fill(cos(i), ARRAY[4])::vector FROM generate_series(1, 60) AS i")
        session.execute("CREATE INDEX few_v ON few USING hither (v vector_l2_ops)")

    def found(session):
        """The rows that the index gives, and how many of the table were read."""
        session.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
        given = [row[0] for row in rows(session, "SELECT id FROM few ORDER BY v <-> array_fill(0.5, ARRAY[8])::vector")]
        return sorted(given), rows(session, "SELECT heap_rechecks FROM hither.last_scan()")[0][0]

    run("pg_basebackup", "-D", folder / "marked", "-h", "127.0.0.1", "-p", primary.port, "-U", "postgres", "-R", "-c", "fast", "--no-sync")
    second = Server("marked", init=None, max_standby_streaming_delay="-1")
    second.start()
    everything, odd = list(range(1, 61)), list(range(1, 61, 2))
    with second.connect() as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert rows(old, "SELECT count(*) FROM pg_class")
        with primary.connect() as session:
            session.execute("DELETE FROM few WHERE id % 2 = 0")
            session.execute("CHECKPOINT")
            assert found(session) == (odd, 60)
            session.execute("SELECT pg_switch_wal()")
            assert found(session) == (odd, 30)
        with primary.connect() as session:
            assert found(session) == (odd, 30), "another session reads rows that were marked"
            place = rows(session, "SELECT pg_switch_wal()")[0][0]
        until(lambda: rows(old, "SELECT pg_last_wal_replay_lsn() >= %s", place)[0][0], f"replay does not come to {place}")
        assert found(old) == (everything, 60)
        with second.connect() as session:
            assert found(session) == (odd, 60)
        old.execute("COMMIT")
        assert found(old) == (odd, 60)
        primary.kill()
        assert rows(old, "SELECT pg_promote(true, 300)")[0][0]
        assert found(old) == (odd, 30), "the marks did not get to the standby"
        assert rows(old, "SELECT hither.verify('few_v')")[0][0] == 60
    end(second)
    print("dead_rows: marked on the primary, not heeded on its standby")


def restored():
    """Restored to points between two merges: the rows of that moment."""
    archive = folder / "archive"
    archive.mkdir()
    shutil.chown(archive, *(("nobody",) if user else (os.getuid(),)))
    first = Server("archived", wal_level="replica", archive_mode="on", archive_command=f"cp %p {archive}/%f")
    first.start()
    set_up(first)
    run("pg_basebackup", "-D", folder / "base", "-h", "127.0.0.1", "-p", first.port, "-U", "postgres", "-c", "fast", "--no-sync")
    points = {}
    with first.connect() as session:
        for number in range(3):
            for _ in range(5):
                session.execute("INSERT INTO items (v) SELECT point(random(1, 1000000) + i, 8)::vector FROM generate_series(1, 333) AS i"
                                .replace("random(1, 1000000)", "(random() * 1000000)::int"))
            session.execute("DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY id LIMIT 200)")
            session.execute("VACUUM items")
            session.execute("INSERT INTO items (v) SELECT point(i, 8)::vector FROM generate_series(1, 100) AS i")
            points[f"point{number}"] = rows(session, "SELECT array_agg(id ORDER BY id) FROM items")
            session.execute(f"SELECT pg_create_restore_point('point{number}')")
        session.execute("TRUNCATE items; SELECT pg_switch_wal()")
    first.stop()
    for name in list(points)[:2]:
        shutil.copytree(folder / "base", folder / name, symlinks=True)
        (folder / name / "recovery.signal").touch()
        if user: subprocess.run(["chown", "-R", "nobody", folder / name], check=True)
        os.chmod(folder / name, 0o700)
        second = Server(name, init=None, restore_command=f"cp {archive}/%f %p", recovery_target_name=name, recovery_target_action="promote")
        second.start()
        with second.connect() as session:
            until(lambda: not rows(session, "SELECT pg_is_in_recovery()")[0][0], "restoring does not end")
            assert rows(session, "SELECT array_agg(id ORDER BY id) FROM items") == points[name]
            compare(session, "items", 8)
            merge(session)
            compare(session, "items", 8)
        second.stop()
    print("restored: to points between merges")


def together():
    """Many connections: in every snapshot the index has the rows of the table, and nothing fails."""
    server = Server("together", max_wal_size="256MB")
    server.start()
    set_up(server)
    stop = threading.Event()

    def merge_patiently(session):
        try:
            merge(session)
        except psycopg.errors.DeadlockDetected:
            pass

    def old():
        """A cursor and a transaction that are older than merges and VACUUM see what they saw."""
        with server.connect() as session, server.connect() as other:
            while not stop.is_set():
                session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                theirs = ids(session, "items", 8, 5, False)
                session.execute("SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off")
                session.execute("DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> point(5, 8)::vector")
                ours = [row[0] for row in rows(session, "FETCH 20 FROM c")]
                for _ in range(3):
                    merge_patiently(other)
                    again = ids(session, "items", 8, 5, True)
                    assert sorted(again) == sorted(theirs), f"{len(again)} rows, not {len(theirs)}"
                    ours += [row[0] for row in rows(session, "FETCH 100 FROM c")]
                ours += [row[0] for row in rows(session, "FETCH ALL FROM c")]
                assert sorted(ours) == sorted(theirs), f"a cursor gave {len(ours)} rows, not {len(theirs)}"
                session.execute("COMMIT")
        return True

    with concurrent.futures.ThreadPoolExecutor() as pool:
        kept = pool.submit(old)
        load, end_at = Load(server, CONNECTIONS, SEED, most=60), time.monotonic() + 2 * SECONDS
        while time.monotonic() < end_at and not load.problems and not kept.done():
            time.sleep(0.1)
        stop.set()
        load.end()
        assert kept.result()
    compare_all(server)
    size, least = no_leak(server)
    end(server)
    print(f"together: {CONNECTIONS} connections, {load.done} statements, none failed; {size} bytes, {least} built anew")


if __name__ == "__main__":
    main(kills, transfers, standby, dead_rows, restored, own_folder, together, damage)
