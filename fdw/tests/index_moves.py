"""Indexes that go elsewhere with their tables: index_moves.py BIN FOLDER

Into another database by pg_dump or as a template, into another tablespace, into a newer PostgreSQL by pg_upgrade, whose
programs are in the folder NEWER; and those whose pages get there without a record of each: wal_level = minimal, COPY FREEZE,
checksums."""

import os, shutil, subprocess
from index_server import Server, TABLES, compare, compare_all, end, environment, folder, main, merge, near_copies, rows, run, set_up, settle, until, user

MORE = """
CREATE TABLE parts (id int, v vector(8), t text) PARTITION BY RANGE (id);
CREATE TABLE fresh_low PARTITION OF parts FOR VALUES FROM (0) TO (500);
CREATE TABLE fresh_high (t text, v vector(8), id int);
CREATE INDEX parts_v ON ONLY parts USING hither (v vector_l2_ops, t) WITH (m = 8, ef_construction = 40, ef_search = 300);
CREATE INDEX low_v ON fresh_low USING hither (v vector_l2_ops, t) WITH (kind = 'flat');
ALTER INDEX parts_v ATTACH PARTITION low_v;
ALTER TABLE parts ATTACH PARTITION fresh_high FOR VALUES FROM (500) TO (50000);
INSERT INTO parts SELECT i, point(i, 8)::vector, 't' || i % 7 FROM generate_series(1, 3000) AS i;
CREATE TABLE fresh_as AS SELECT id, v FROM items;
CREATE INDEX ON fresh_as USING hither (v vector_l2_ops);
CREATE INDEX items_half ON items USING hither ((v::halfvec(8)) halfvec_cosine_ops) WHERE n = 0;
COMMENT ON INDEX items_half IS 'by direction';
CREATE MATERIALIZED VIEW fresh_seen AS SELECT id, v FROM items WHERE id < 300;
CREATE INDEX ON fresh_seen USING hither (v vector_l2_ops) WITH (growing_rows = 32);
INSERT INTO more (v) SELECT point(i, 8)::vector FROM generate_series(1, 500) AS i;
INSERT INTO wide (v) SELECT point(i, 2100)::vector FROM generate_series(1, 30) AS i;
INSERT INTO unlogged (v) SELECT point(i, 8)::vector FROM generate_series(1, 100) AS i;
DELETE FROM items WHERE id % 10 = 0;
DELETE FROM parts WHERE id % 10 = 0;
"""
DEFINITIONS = """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid, obj_description(indexrelid)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam WHERE amname = 'hither' ORDER BY 1"""


def fill(name, **settings):
    server = Server(name, **settings)
    server.start()
    set_up(server)
    with server.connect() as session:
        session.execute(MORE)
        session.execute("VACUUM")
    return server


def check(server, dbname="postgres"):
    """Every index has its table's rows, and those that are inserted and merged."""
    counts = compare_all(server, dbname=dbname)
    with server.connect(dbname) as session:
        session.execute("REFRESH MATERIALIZED VIEW fresh_seen")
        session.execute("INSERT INTO parts SELECT (SELECT max(id) FROM parts) + row_number() OVER (), v, t FROM parts WHERE id % 100 = 1 AND id < 1000")
        merge(session)
        compare(session, "parts", 8)
        compare(session, "fresh_seen", 8)
    compare_all(server, dbname=dbname)
    return counts


def definitions(server, dbname="postgres"):
    with server.connect(dbname) as session:
        return rows(session, DEFINITIONS)


def swept(server, session, is_own):
    """A merge removes copies that belong to nothing, if not one in the background was at it."""
    def is_clean():
        merge(session)
        return all(map(is_own, near_copies(server)))
    until(is_clean, lambda: f"left behind: {[copy for copy in near_copies(server) if not is_own(copy)]}")


def dumped():
    """By pg_dump, as statements and as an archive; what is dumped again is the same."""
    server = fill("dumped")
    address = ["-h", "127.0.0.1", "-p", server.port, "-U", "postgres"]
    run("pg_dump", *address, "-f", folder / "plain.sql", "postgres")
    run("pg_dump", *address, "-Fc", "-f", folder / "archive", "postgres")
    run("pg_dump", *address, "--data-only", "-f", folder / "data.sql", "postgres")
    counts = compare_all(server)
    psql = ["psql", *address, "-qX", "-v", "ON_ERROR_STOP=1", "-d"]
    restore = {"plain": [[*psql, "plain", "-f", folder / "plain.sql"]],
               "archive": [["pg_restore", *address, "-e", "-j", 3, "-d", "archive", folder / "archive"]],
               # Rows into indexes that are there.
               "rows": [["pg_restore", *address, "-e", "-s", "-d", "rows", folder / "archive"], [*psql, "rows", "-f", folder / "data.sql"]]}
    for name, commands in restore.items():
        run("createdb", *address, name)
        for command in commands:
            run(*command)
        assert definitions(server, name) == definitions(server), definitions(server, name)
        assert compare_all(server, dbname=name) == counts
        check(server, name)
        run("dropdb", *address, "--force", name)
    with server.connect() as session:
        bases = {str(row[0]) for row in rows(session, "SELECT oid FROM pg_database")}
        swept(server, session, lambda copy: copy.split(".")[0] in bases)
    end(server)
    print(f"dumped: {len(restore)} databases restored, their indexes those of the first")


def moved():
    """Into tablespaces and databases."""
    server = fill("moved")
    for name in ("one", "two", "three"):
        space = folder / f"space_{name}"
        space.mkdir()
        if user: shutil.chown(space, "nobody", "nogroup")
        with server.connect() as session:
            session.execute(f"CREATE TABLESPACE {name} LOCATION '{space}'")
    with server.connect() as session, server.connect() as other:
        session.execute("CREATE INDEX more_one ON more USING hither (v vector_l2_ops) WITH (growing_rows = 16) TABLESPACE one; DROP INDEX more_v;"
                        "ALTER INDEX more_one RENAME TO more_v")
        for statement in ("ALTER INDEX items_v SET TABLESPACE one", "ALTER INDEX wide_v SET TABLESPACE one", "ALTER TABLE items SET TABLESPACE two",
                          "ALTER INDEX unlogged_v SET TABLESPACE two", "REINDEX (TABLESPACE two) INDEX items_v", "ALTER INDEX ALL IN TABLESPACE one SET TABLESPACE pg_default",
                          "REINDEX (TABLESPACE one, CONCURRENTLY) TABLE items"):
            before = [compare(one, "items", 8) for one in (session, other)]
            session.execute(statement)
            assert [compare(one, "items", 8) for one in (session, other)] == before
            session.execute("INSERT INTO items (v) SELECT v FROM items WHERE id % 30 = 1; DELETE FROM items WHERE id % 30 = 2")
        compare_all(server)
        session.execute("ALTER INDEX items_v SET TABLESPACE pg_default; DROP INDEX items_half")
        # A database that somebody is in is no template.
        settle(session)
    templates = {"logged": "wal_log", "copied": "file_copy"}
    with server.connect("template1") as session:
        for name, strategy in templates.items():
            session.execute(f"CREATE DATABASE {name} TEMPLATE postgres STRATEGY {strategy}")
        session.execute("CREATE DATABASE elsewhere TEMPLATE postgres TABLESPACE three")
        session.execute("ALTER DATABASE copied SET TABLESPACE three")
    for name in ["postgres", *templates, "elsewhere"]:
        check(server, name)
    server.kill()
    server.start()
    for name in ["postgres", *templates, "elsewhere"]:
        compare_all(server, dbname=name)
    with server.connect("template1") as session:
        for name in [*templates, "elsewhere"]:
            session.execute(f"DROP DATABASE {name} (FORCE)")
    with server.connect() as session:
        session.execute("ALTER TABLE items SET TABLESPACE pg_default; ALTER INDEX ALL IN TABLESPACE two SET TABLESPACE pg_default")
        for name in ("two", "three"):
            session.execute(f"DROP TABLESPACE {name}")
        there = {str(row[0]) for row in rows(session, "SELECT oid FROM pg_database UNION SELECT oid FROM pg_tablespace")}
        swept(server, session, lambda copy: set(copy.split(".")[:2]) <= there)
    end(server)
    print("moved: between tablespaces, into databases, and back")


def unlogged():
    """Pages that are synced and not logged, and their checksums."""
    server = fill("unlogged", init=["--data-checksums"], wal_level="minimal", max_wal_senders=0, wal_skip_threshold=0, full_page_writes="off")
    with server.connect() as session:
        with session.transaction():
            session.execute("CREATE TABLE fresh_copy (id bigint, v vector(8)); CREATE INDEX ON fresh_copy USING hither (v vector_l2_ops) WITH (growing_rows = 64)")
            session.execute("SAVEPOINT s; INSERT INTO fresh_copy SELECT id, v FROM items; ROLLBACK TO s; RELEASE s")
            with session.cursor().copy("COPY fresh_copy FROM STDIN (FREEZE)") as copy:
                for number in range(3000):
                    copy.write_row([number, str([(number * j) % 97 / 7 for j in range(8)])])
        with session.transaction():
            session.execute("TRUNCATE fresh_as; INSERT INTO fresh_as SELECT * FROM fresh_copy; REINDEX TABLE fresh_copy")
        counts = compare_all(server)
    for ending in (server.kill, server.stop):
        ending()
        if ending == server.stop:
            run("pg_checksums", "--check", "-D", server.data)
        server.start()
        if ending == server.kill:
            # A crash empties what is unlogged.
            counts[list(TABLES).index("unlogged")] = 0
        assert compare_all(server) == counts
    check(server)
    end(server)
    print("unlogged: every row after a crash, every checksum right")


def upgraded():
    """By pg_upgrade, and no index is built again."""
    newer = os.environ["NEWER"]
    server = fill("older")
    counts, before = compare_all(server), definitions(server)
    with server.connect() as session:
        files = rows(session, "SELECT oid::regclass::text, relfilenode FROM pg_class WHERE relkind = 'i' AND relname LIKE '%\\_v' ORDER BY 1")
    end(server)
    checksums = b"Data page checksum version:           0" not in run("pg_controldata", server.data).stdout
    after = Server("newer", init=None)
    command = [f"{newer}/initdb", "-D", after.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
               "--data-checksums" if checksums else "--no-data-checksums"]
    upgrade = [f"{newer}/pg_upgrade", "-b", os.path.dirname(run("pg_config", "--bindir").stdout.decode().strip() + "/"), "-B", newer, "-d", server.data,
               "-D", after.data, "-U", "postgres", "-p", server.port, "-P", after.port, "-s", folder, "--no-sync"]
    for words in (command, upgrade):
        done = subprocess.run(list(map(str, words)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, **user)
        logs = "".join(path.read_text(errors="replace") for path in after.data.glob("pg_upgrade_output.d/*/log/*.log"))
        assert done.returncode == 0, done.stdout[-2000:] + logs[-3000:]
    after.start(program=f"{newer}/postgres")
    assert definitions(after) == before
    with after.connect() as session:
        assert rows(session, "SELECT oid::regclass::text, relfilenode FROM pg_class WHERE relkind = 'i' AND relname LIKE '%\\_v' ORDER BY 1") == files
    # What is unlogged goes along, for the server was stopped.
    assert compare_all(after) == counts
    check(after)
    end(after)
    print("upgraded: the same indexes and rows")


if __name__ == "__main__":
    main(dumped, moved, unlogged, *([upgraded] if os.environ.get("NEWER") else []))
