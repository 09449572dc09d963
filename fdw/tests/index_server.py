"""Servers of their own for the tests of indexes, what changes their tables, and how answers are compared.
To be imported by a script whose arguments are BIN FOLDER [ROUNDS [CONNECTIONS [SECONDS [SEED]]]]."""

import contextlib, glob, logging, os, pathlib, random, shutil, signal, socket, subprocess, sys, threading, time, traceback
import psycopg

bin, folder = sys.argv[1], pathlib.Path(sys.argv[2])
numbers = [int(number) for number in sys.argv[3:]]
ROUNDS, CONNECTIONS, SECONDS, SEED = (numbers + [25, 8, 6, 1][len(numbers):])[:4]
user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
environment = {name: value for name, value in os.environ.items() if name != "RUST_BACKTRACE"}
NEAR = "pgsql_tmp_hither/near"
# Of what is asked beside changes of rows that others change, too.
CONFLICTS = ("40001", "40P01", "55P03")
ENDED = (None, "57P01", "57P02", "57P03", "08006", "08003")
servers = []
# A transaction whose server was killed cannot be rolled back.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)
folder.mkdir(parents=True, exist_ok=True)
if user: shutil.chown(folder, "nobody", "nogroup")


def run(*command):
    done = subprocess.run([f"{bin}/{command[0]}", *map(str, command[1:])], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, **user)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stdout.decode()[-2000:]}"
    return done


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(is_so, told, pause=0.05):
    """Waits until something is so: five minutes, for machines differ, and fails with what `told` gives."""
    end = time.monotonic() + 300
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(told() if callable(told) else told)
        time.sleep(pause)


def state(process):
    return open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[0]


def children(parent):
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            if int(open(path).read().rsplit(")", 1)[1].split()[1]) == parent:
                yield int(path.split("/")[2])
        except (FileNotFoundError, ProcessLookupError):
            pass


class Server:
    """A server in a folder, with settings."""

    def __init__(self, name, init=(), **settings):
        self.data, self.log, self.process = folder / name, folder / f"{name}.log", None
        self.settings = {"fsync": "off", "shared_buffers": "4MB", "max_wal_size": "32MB", "autovacuum_naptime": "1s",
                         "log_min_messages": "warning", "max_connections": CONNECTIONS + 20, **settings}
        self.port, self.is_known = free_port(), False
        if init is not None:
            run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", *init)
        servers.append(self)

    def start(self, program=f"{bin}/postgres", **again):
        settings = [text for name, value in {**self.settings, **again}.items() for text in ("-c", f"{name}={value}")]

        def has_started():
            if not self.process or self.process.poll() is not None:
                command = [program, "-D", self.data, "-p", self.port, "-h", "127.0.0.1", "-k", folder, *settings]
                with open(self.log, "ab") as log:
                    self.process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, env=environment, cwd=folder, **user)
            try:
                with self.connect() as session:
                    if rows(session, "SHOW data_directory")[0][0] == str(self.data):
                        self.is_known = True
                        return True
            except psycopg.OperationalError:
                pass
            if self.process.poll() is not None:
                # Of one that was killed the memory may be there a moment longer; a port that was free another program may have taken.
                end = self.tail()[-600:]
                assert "is still in use" in end or "Address already in use" in end, f"the server ended: {self.tail()}"
                if "Address already in use" in end and not self.is_known: self.port = free_port()
        until(has_started, lambda: f"the server does not start: {self.tail()}")

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    def connect(self, dbname="postgres", **options):
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=dbname, autocommit=True, **options)

    def kill(self):
        """Ends all processes of the server at once."""
        # One that is stopped begins no process, which would live on and wait for those that were killed.
        self.process.send_signal(signal.SIGSTOP)
        while self.process.poll() is None and state(self.process.pid) not in "TZ":
            time.sleep(0.001)
        for pid in [*children(self.process.pid), self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def died(self):
        """What a log has when a process ended of itself as none may, or let go of what it did not hold."""
        wrong = ["terminated by signal", "PANIC", "panicked", "WARNING:  you don't own", "leak"]
        return [line for line in self.log.read_text(errors="replace").splitlines() if any(text in line for text in wrong)]


SETUP = """
CREATE EXTENSION hither CASCADE;
CREATE FUNCTION point(i bigint, dimensions int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((hashint8(i * 20000 + j) & 4095) / 256.0 - 8) FROM generate_series(1, dimensions) AS j';
CREATE TABLE items (id bigserial PRIMARY KEY, v vector(8), n int DEFAULT 0);
CREATE INDEX items_v ON items USING hither (v vector_l2_ops) WITH (growing_rows = 64);
CREATE TABLE more (id bigserial PRIMARY KEY, v vector(8), n int DEFAULT 0);
CREATE INDEX more_v ON more USING hither (v vector_l2_ops, n, (id % 5)) WITH (growing_rows = 16, kind = 'ivf', lists = 8);
CREATE TABLE wide (id bigserial PRIMARY KEY, v vector(2100), n int DEFAULT 0);
CREATE INDEX wide_v ON wide USING hither (v vector_l2_ops) WITH (growing_rows = 16);
CREATE UNLOGGED TABLE unlogged (id bigserial PRIMARY KEY, v vector(8), n int DEFAULT 0);
CREATE INDEX unlogged_v ON unlogged USING hither (v vector_l2_ops) WITH (growing_rows = 16);
INSERT INTO items (v) SELECT point(i, 8)::vector FROM generate_series(1, 2500) AS i;
"""
# Of items there are enough for a graph.
KEPT = {"items": 2300, "more": 0, "wide": 0, "unlogged": 0}
TABLES = {"items": 8, "more": 8, "wide": 2100, "unlogged": 8}


def set_up(server):
    with server.connect() as session:
        session.execute(SETUP)


def rows(session, query, *parameters):
    return session.execute(query, parameters or None).fetchall()


def ids(session, table, dimensions, query, by_index, bound="", condition="true"):
    on, off = ("indexscan", "seqscan") if by_index else ("seqscan", "indexscan")
    session.execute(f"SET LOCAL enable_{on} = on; SET LOCAL enable_{off} = off; SET LOCAL enable_bitmapscan = off")
    text = f"SELECT id FROM {table} WHERE {condition} ORDER BY v <-> point({query}, {dimensions})::vector {bound}"
    if by_index:
        plan = "\n".join(row[0] for row in rows(session, "EXPLAIN (COSTS OFF) " + text))
        assert "Order By: " in plan, f"{table}: {plan}"
    return [row[0] for row in rows(session, text)]


nearest = {"found": 0, "wanted": 0}


def compare(session, table, dimensions, query=1):
    """The index gives the rows of the table in the same snapshot: all of them, and the nearest."""
    with session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        theirs = ids(session, table, dimensions, query, False)
        ours = ids(session, table, dimensions, query, True)
        near = ids(session, table, dimensions, query, True, "LIMIT 10")
        if table == "more":
            # Conditions on key columns are filters within the search.
            for condition in ["n = 0", "n IN (1, 2, NULL)", "n IS NULL", "id % 5 = 3 AND n < 2", "n > 0 AND id % 5 >= 2"]:
                both = [sorted(ids(session, table, dimensions, query, by_index, "", condition)) for by_index in (True, False)]
                assert both[0] == both[1], f"WHERE {condition}: {both}"
    missing, strange = sorted(set(theirs) - set(ours)), sorted(set(ours) - set(theirs))
    assert not missing and not strange and len(ours) == len(theirs), \
        f"{table}: {len(ours)} rows, not {len(theirs)}; missing {missing[:20]}, strange {strange[:20]}"
    assert len(near) == len(set(near)) == min(10, len(theirs)) and set(near) <= set(theirs), f"{table}: {near}"
    nearest["found"] += len(set(near) & set(theirs[:10]))
    nearest["wanted"] += len(near)
    return len(theirs)


def compare_all(server, query=1, dbname="postgres"):
    with server.connect(dbname) as session:
        for index, kept in rows(session, "SELECT index, rows FROM hither.indexes"):
            assert rows(session, "SELECT hither.verify(%s)", index)[0][0] >= 0, (index, kept)
        names = [row[0] for row in rows(session, "SELECT relname FROM pg_class WHERE relname LIKE 'fresh%' AND relkind = 'r'")]
        return [compare(session, table, dimensions, query) for table, dimensions in [*TABLES.items(), *((name, 8) for name in names)]]


def change(session, pick, most=200):
    """One change of a table, such as a user may make."""
    table = pick.choice(["items", "items", "items", "more", "more", "wide", "unlogged"])
    dimensions, at = TABLES[table], pick.randrange(1 << 40)
    count = pick.randrange(1, most if dimensions < 1000 else 12)
    insert = f"INSERT INTO {table} (v) SELECT point({at} + i, {dimensions})::vector FROM generate_series(1, {count}) AS i"
    update = f"UPDATE {table} SET v = point({at} + id, {dimensions})::vector WHERE id % {pick.randrange(7, 40)} = 3"
    kind = pick.randrange(16)
    if kind < 5: session.execute(insert)
    elif kind == 5: session.execute(update)
    elif kind == 6: session.execute(f"UPDATE {table} SET n = nullif((n + 1) % 4, 3) WHERE id % {pick.randrange(7, 40)} = 1")
    elif kind < 10: session.execute(f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id "
                                    f"LIMIT greatest(0, least({3 * count}, (SELECT count(*) FROM {table}) - {KEPT[table]})))")
    elif kind < 13: session.execute(f"VACUUM (INDEX_CLEANUP on) {table}")
    elif kind == 13:
        with session.transaction(force_rollback=pick.random() < 0.5):
            session.execute(insert)
            with session.transaction(force_rollback=pick.random() < 0.5):
                session.execute(update)
    elif kind == 14: compare(session, table, dimensions, at)
    else:
        with session.cursor().copy(f"COPY {table} (v) FROM STDIN") as copy:
            for number in range(count):
                copy.write_row([str([(at + number * j) % 97 / 7 for j in range(dimensions)])])


def build(session, pick, concurrently=True):
    """An index is built again, or a table with one made, in one transaction or beside other work."""
    kind, name = pick.choice(range(8) if concurrently else [0, 2, 4, 5, 6, 7]), f"fresh_{pick.randrange(4)}"
    if kind == 0: session.execute("REINDEX INDEX more_v")
    elif kind == 1: session.execute("REINDEX INDEX CONCURRENTLY more_v")
    elif kind == 2: session.execute("CHECKPOINT")
    elif kind == 6:
        # Whatever somebody is at, a merge among it, is cancelled; a merge in the background is ended.
        session.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'load' AND pid <> pg_backend_pid() AND random() < 0.5")
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'hither merge' AND random() < 0.5")
    elif kind == 3:
        session.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS passing_v ON more USING hither (v vector_l2_ops)")
        session.execute("DROP INDEX CONCURRENTLY IF EXISTS passing_v")
    else:
        # Where wal_level is minimal nothing of this is logged.
        with session.transaction():
            session.execute(f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (id bigserial, v vector(8))")
            insert = f"INSERT INTO {name} (v) SELECT point(i, 8)::vector FROM generate_series(1, {pick.randrange(1, 400)}) AS i"
            session.execute(insert)
            session.execute(f"CREATE INDEX ON {name} USING hither (v vector_l2_ops) WITH (growing_rows = 16)")
            session.execute(insert)
            if kind == 5: session.execute(f"TRUNCATE {name}; {insert}")


def told(error):
    """What an assertion says, else an error with its SQLSTATE and where it was raised."""
    if isinstance(error, AssertionError) and str(error):
        return str(error)
    return "".join(traceback.format_tb(error.__traceback__)[-3:]) + f"{error!r} {getattr(error, 'sqlstate', '')}"


class Load:
    """Sessions that change and read until told to end, or until their server does."""

    def __init__(self, server, connections, seed, concurrently=True, most=200, others=()):
        self.server, self.over, self.killed, self.problems, self.done = server, threading.Event(), False, [], 0
        jobs = [(change, most)] * connections + [(lambda session, pick, _: build(session, pick, concurrently), 0)] + [(job, 0) for job in others]
        self.threads = [threading.Thread(target=self.work, args=(job, most, random.Random(f"{seed} {number}")))
                        for number, (job, most) in enumerate(jobs)]
        [thread.start() for thread in self.threads]

    def work(self, job, most, pick):
        try:
            while not self.over.is_set():
                # psycopg counts a transaction whose BEGIN was cancelled as open for ever: another session goes on.
                with contextlib.suppress(psycopg.errors.QueryCanceled), self.connect() as session:
                    self.work_on(session, job, most, pick)
        except Exception as error:
            if not (self.killed and getattr(error, "sqlstate", 0) in ENDED):
                self.problems.append(error)

    def work_on(self, session, job, most, pick):
        while not self.over.is_set():
            try:
                job(session, pick, most)
                self.done += 1
            except psycopg.errors.QueryCanceled:
                raise
            except psycopg.Error as error:
                if error.sqlstate not in CONFLICTS:
                    raise

    def connect(self):
        """A session. One that is cancelled while it begins fails without an SQLSTATE."""
        while True:
            try:
                return self.server.connect(options="-c lock_timeout=5s", application_name="load")
            except psycopg.OperationalError as error:
                if "canceling statement" not in str(error):
                    raise

    def kill(self):
        self.killed = True
        self.server.kill()
        self.end()

    def end(self):
        self.over.set()
        [thread.join() for thread in self.threads]
        assert not self.problems, "\n".join(told(error) for error in self.problems[:3])


def end(server):
    """Stops a server of which no process may have died."""
    server.stop()
    assert not server.died(), server.died()


def settle(session):
    """Waits for merges in the background, those among them that were asked for a moment ago."""
    def none():
        # Workers begin in the order in which they are asked for: when this statement has had its own, the others are seen.
        session.execute("SET debug_parallel_query = on")
        session.execute("SELECT count(*) FROM pg_am")
        session.execute("RESET debug_parallel_query")
        return not rows(session, "SELECT FROM pg_stat_activity WHERE backend_type = 'hither merge'")
    # Twice, for one may be about to be seen.
    until(lambda: none() and none(), "a merge does not end")


def near_copies(server):
    """Names and bytes of the files. One may go at any time: a merge, or replay of one, removes and renames them."""
    sizes = {}
    for path in glob.glob(f"{server.data}/{NEAR}/*"):
        with contextlib.suppress(FileNotFoundError):
            sizes[os.path.basename(path)] = os.path.getsize(path)
    return sizes


def merge(session, table="items", dimensions=8):
    """Enough rows for a merge of the index, which sweeps."""
    for _ in range(2):
        session.execute(f"INSERT INTO {table} (v) SELECT point(i, {dimensions})::vector FROM generate_series(1, 2000) AS i")
        session.execute(f"DELETE FROM {table} WHERE id > (SELECT max(id) FROM {table}) - 2000")
        session.execute(f"VACUUM {table}")


def no_leak(server):
    """After a merge: no copy that belongs to nothing; free pages are used again."""
    with server.connect() as session:
        # Files of relations that were dropped are there until then.
        session.execute("CHECKPOINT")
        merge(session)

        def copied():
            """Copies that belong to nothing, the index's own, and what the index says of itself."""
            copies = near_copies(server)
            # A server that is killed leaves files of relations that it was about to make, too.
            stray = [name for name in copies if name.endswith(".tmp") or
                     not os.path.exists(server.data / "base" / name.split(".")[0] / name.split(".")[2])]
            node, size, segments, there = rows(session, """SELECT pg_relation_filenode(index), bytes, segments, near_copies
                FROM hither.indexes WHERE index = 'items_v'::regclass""")[0]
            own = [bytes for name, bytes in copies.items() if name.split(".")[2] == str(node)]
            return stray, own, there, segments, size

        def is_whole():
            stray, own, there, segments, size = copied()
            return not stray and len(own) == there <= segments <= 16 and sum(own) <= size
        # There may be a merge in the background.
        until(is_whole, lambda: "left behind: {}; the copies {} of an index of which {} of {} segments have one, of {} bytes".format(*copied()))
        size = copied()[-1]
        sizes = []
        for _ in range(4):
            merge(session)
            sizes.append(rows(session, "SELECT pg_relation_size('items_v')")[0][0])
        # What the busiest moment took is used again, and no more is taken.
        assert sizes[-1] <= 2 * sizes[0] + (1 << 20), f"the index grows with every merge: {size}, {sizes}"
        session.execute("REINDEX INDEX items_v")
        least = rows(session, "SELECT pg_relation_size('items_v')")[0][0]
    return size, least


def main(*tests):
    """Runs those that TESTS names, or all, and ends their servers."""
    wanted, failed = os.environ.get("TESTS", "").split(), []
    try:
        for test in tests:
            if wanted and test.__name__ not in wanted:
                continue
            begun = time.monotonic()
            try:
                test()
            except Exception as error:
                failed.append(test.__name__)
                print(f"{test.__name__}: {told(error)}"[:6000], file=sys.stderr)
            print(f"  {test.__name__}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
            for server in servers:
                if server.process and server.process.poll() is None:
                    server.kill()
    finally:
        for server in servers:
            if server.process and server.process.poll() is None:
                server.kill()
    sys.exit(f"failed: {' '.join(failed)}" if failed else 0)
