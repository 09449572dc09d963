"""What one psql session cannot test: sessions.py PORT FILES [QUERIES], as a user who may read FILES.

A randomised oracle, 50 connections while files are replaced, rows locked in a join, cancelling,
memory over many queries in one backend, and a killed backend. The database is `sessions`."""

import http.server, os, random, shutil, sys, threading, time
import psycopg

port, files = sys.argv[1], sys.argv[2]
many = int(sys.argv[3]) if len(sys.argv) > 3 else 4000
SETUP = """
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location '%(files)s');
CREATE FOREIGN TABLE things (id bigint, embedding vector(3), n int, price float8, ok boolean,
    title text COLLATE "C", at timestamptz, doc jsonb)
    SERVER files OPTIONS (location 'things.hither', ef_search '400');
CREATE FOREIGN TABLE parts (id bigint, embedding vector(3), n int, price float8, ok boolean,
    title text COLLATE "C", at timestamptz, doc jsonb) SERVER files OPTIONS (location 'parts');
CREATE FOREIGN TABLE replaced (id bigint, embedding vector(3)) SERVER files OPTIONS (location 'replaced.hither');
CREATE FOREIGN TABLE words (id bigint, embedding vector(384), pos text, words text)
    SERVER files OPTIONS (location 'words.hither');
CREATE TABLE plain AS SELECT * FROM things;
ALTER TABLE plain ADD PRIMARY KEY (id);
ANALYZE plain;
"""


def connect(**options):
    return psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="sessions",
                           autocommit=True, **options)


def rows(connection, query, *parameters):
    return connection.execute(query, parameters or None).fetchall()


def oracle(seed=1, queries=1500):
    """Random conditions, orders and limits: the same answers as an ordinary table gives; of a
    search by the index's metric as many rows, none that is nearer, nearly all of the nearest."""
    pick = random.Random(seed)
    found = wanted = 0

    def vector():
        return "'[%s]'" % ",".join(str(round(pick.uniform(-5, 10), 1)) for _ in range(3))

    def condition(depth=0):
        kind = pick.randrange(16 if depth < 3 else 12)
        number, operator = pick.randrange(-1, 21), pick.choice(["=", "<>", "<", "<=", ">", ">="])
        if kind == 0: return f"n {operator} {number}"
        if kind == 1: return f"{number * 15}.5 {operator} price"
        if kind == 2: return pick.choice(["ok", "NOT ok", "ok IS NOT TRUE", "ok IS FALSE", "n IS NULL", "title IS NOT NULL"])
        if kind == 3: return f"title {operator} 'Title {number:02}'"
        if kind == 4: return f"title LIKE 'Title {pick.randrange(5)}%'"
        if kind == 5: return f"at {operator} '2024-{pick.randrange(1, 13):02}-15'"
        if kind == 6: return f"n {pick.choice(['IN', 'NOT IN'])} ({number}, {number + 3}, {pick.choice(['NULL', '7'])})"
        if kind == 7: return f"n BETWEEN {number} AND {number + 5}"
        if kind == 8: return f"doc->>'k' = '{pick.randrange(4)}'"
        if kind == 9: return f"id % {pick.randrange(2, 9)} = 0"
        if kind == 10: return f"id = ANY (ARRAY[{1000 + number}, {1000 + 3 * number}, 5])"
        if kind == 11:
            return f"embedding {pick.choice(['<->', '<+>', '<=>'])} {vector()} {pick.choice(['<', '<=', '>'])} {round(pick.uniform(0, 9), 1)}"
        inner = [condition(depth + 1) for _ in range(pick.randrange(2, 4))]
        if kind == 12: return "NOT (%s)" % inner[0]
        return "(%s)" % pick.choice([" AND ", " OR "]).join(inner)

    with connect() as session:
        for number in range(queries):
            where = " AND ".join(condition() for _ in range(pick.randrange(3))) or "true"
            operator, query = pick.choice(["<->", "<->", "<->", "<=>", "<#>", "<+>"]), vector()
            limit = pick.choice(["", f"LIMIT {pick.randrange(40)}", f"LIMIT 5 OFFSET {pick.randrange(30)}"])
            shape = pick.randrange(3)
            if shape == 0:
                text = f"SELECT count(*), min(id), sum(n) FROM @ WHERE {where}"
            elif shape == 1:
                text = f"SELECT count(*) FROM @ WHERE {where}"
            else:
                text = (f"SELECT round((embedding {operator} {query})::numeric, 4) FROM @ "
                        f"WHERE {where} ORDER BY embedding {operator} {query} {limit}")
            theirs = rows(session, text.replace("@", "plain"))
            for table in ("things", "parts"):
                ours = rows(session, text.replace("@", table))
                right = ours == theirs
                if shape == 2 and operator == "<->" and limit:
                    right = len(ours) == len(theirs) and all(a >= b for a, b in zip(sorted(ours), theirs))
                    wanted += len(theirs)
                    found += len(set(ours) & set(theirs))
                assert right, f"query {number}: {text}\n{table} {ours}\nplain {theirs}"
    assert found > 0.97 * wanted, f"recall {found / wanted}"
    print(f"oracle: {queries} queries over two tables, the answers of an ordinary one")


def replacing(connections=50, seconds=4):
    """50 connections, files replaced meanwhile: every answer is of one file, old or new."""
    shutil.copy(f"{files}/parts/part0.hither", f"{files}/replaced.hither")
    stop, problems, counts = threading.Event(), [], [0] * connections
    with connect() as session:
        wholes = [{row[0] for row in rows(session, f"SELECT id FROM plain WHERE (id - 1000) %% 3 = {part}".replace("%%", "%"))}
                  for part in (0, 1)]

    def ask(number):
        try:
            with connect() as session:
                session.prepare_threshold = 2
                while not stop.is_set():
                    q = "[%d,2,3]" % (counts[number] % 9)
                    found = rows(session, "SELECT id FROM replaced ORDER BY embedding <-> %s::vector LIMIT 10", q)
                    found = {row[0] for row in found}
                    assert len(found) == 10 and any(found <= whole for whole in wholes), found
                    assert rows(session, "SELECT count(*) FROM replaced")[0][0] == 100
                    counts[number] += 1
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(connections)]
    [thread.start() for thread in threads]
    # So long, and until each has asked once.
    begun, swaps = time.monotonic(), 0
    while time.monotonic() < begun + (seconds if all(counts) or problems else 300):
        shutil.copy(f"{files}/parts/part{swaps % 2}.hither", f"{files}/replaced.new")
        os.rename(f"{files}/replaced.new", f"{files}/replaced.hither")
        swaps += 1
        time.sleep(0.02)
    stop.set()
    [thread.join() for thread in threads]
    assert not problems, problems[:3]
    assert min(counts) > 0 and swaps > 1, (counts, swaps)
    print(f"replacing: {connections} connections, every answer of one file")


def locking():
    """A row that another transaction changes is checked again with the foreign row beside it."""
    with connect() as one, connect() as two:
        one.execute("CREATE TABLE notes AS SELECT id, 'old' AS note FROM plain WHERE id < 1003")
        one.execute("BEGIN; UPDATE notes SET note = 'new' WHERE id = 1001")
        found = []
        query = ("SELECT notes.id, note, n FROM notes JOIN things USING (id) "
                 "WHERE n >= 1 AND note <> 'newer' ORDER BY id FOR UPDATE OF notes")
        thread = threading.Thread(target=lambda: found.extend(rows(two, query)))
        thread.start()
        while thread.is_alive() and not rows(one, "SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0]:
            time.sleep(0.05)
        one.execute("COMMIT")
        thread.join()
        assert found == [(1001, "new", 1), (1002, "old", 2)], found
    print("locking: rows are checked again")


def cancelling():
    """statement_timeout and cancel end what is long."""
    long = ("SELECT sum(length(w.words)) FROM generate_series(1, 1000000) AS g(i), LATERAL (SELECT words FROM words "
            "ORDER BY embedding <+> (SELECT embedding FROM words WHERE id = g.i % 9999) LIMIT 1) AS w").replace("%", "%%")
    with connect() as session:
        session.execute("SET statement_timeout = 1000")
        try:
            session.execute(long, ())
            raise AssertionError("the statement came to its end")
        except psycopg.errors.QueryCanceled:
            pass
        session.execute("SET statement_timeout = 0")
        cancelled = threading.Event()

        def cancel():
            # What comes before a statement has begun cancels nothing.
            while not cancelled.wait(0.3):
                session.cancel()
        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            session.execute(long, ())
            raise AssertionError("the statement came to its end")
        except psycopg.errors.QueryCanceled:
            pass
        finally:
            cancelled.set()
            thread.join()
        assert rows(session, "SELECT count(*) FROM words") == [(10000,)]
    print("cancelling: by timeout and by request")


def private(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def memory():
    """One backend's memory does not grow with its queries, those that fail among them."""
    with connect() as session:
        pid = rows(session, "SELECT pg_backend_pid()")[0][0]
        q = rows(session, "SELECT embedding::text FROM words WHERE id = 42")[0][0]
        session.execute("""CREATE FUNCTION fails() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
            PERFORM id FROM things ORDER BY embedding <-> '[1,2]' LIMIT 1; RETURN 1;
            EXCEPTION WHEN others THEN RETURN 0; END $$""")
        session.prepare_threshold = 5

        def some(count):
            for number in range(count):
                rows(session, "SELECT id FROM words WHERE pos = %s ORDER BY embedding <=> %s::vector LIMIT 10", "verb", q)
                rows(session, "SELECT id FROM words WHERE length(words) = 4 ORDER BY embedding <=> %s::vector LIMIT 10", q)
                if number % 8 == 0:
                    assert rows(session, "SELECT fails()") == [(0,)]
                    rows(session, "SELECT count(*) FROM words WHERE embedding <=> %s::vector < 0.5", q)
                    rows(session, "SELECT w.id FROM generate_series(1, 5) AS g(i) JOIN words AS w ON w.id = g.i")

        some(many // 8)
        before = private(pid)
        some(many // 2)
        grown = private(pid) - before
        assert grown < 1024, f"{grown} kB more after {many} queries"
    print(f"memory: the same after {many} queries")


class Parts(http.server.BaseHTTPRequestHandler):
    """A server of FILES/ranged that sends parts."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        with open(files + "/ranged/" + os.path.basename(self.path), "rb") as file:
            first, last = map(int, self.headers["Range"].split("=")[1].split("-"))
            file.seek(first)
            body, length = file.read(last + 1 - first), os.fstat(file.fileno()).st_size
        self.send_response(206)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{length}")
        self.send_header("Content-Length", len(body))
        self.end_headers()
        self.wfile.write(body)


def ranges():
    """A backend that searches files by ranges keeps no more of them than it may, whatever it was asked."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Parts)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked = many // 4
    with connect() as session:
        pid = rows(session, "SELECT pg_backend_pid()")[0][0]
        for statement in [
                f"CREATE SERVER web FOREIGN DATA WRAPPER hither OPTIONS (location 'http://127.0.0.1:{server.server_port}', fetch 'range')",
                "CREATE FOREIGN TABLE far (id bigint, embedding vector(384), pos text, words text) SERVER web OPTIONS (location 'words.hither')",
                "CREATE FOREIGN TABLE three (id bigint, embedding vector(3), n int) SERVER web OPTIONS (shards 'part0.hither,part1.hither,part2.hither')",
                "SET hither.fetch_memory = '2MB'"]:
            session.execute(statement)
        vectors = [row[0] for row in rows(session, "SELECT embedding::text FROM words WHERE id < 100")]
        session.execute("""CREATE FUNCTION fails_far() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
            PERFORM id FROM three ORDER BY embedding <-> '[1,2]' LIMIT 1; RETURN 1;
            EXCEPTION WHEN others THEN RETURN 0; END $$""")
        found = wanted = 0

        def some(first, count):
            nonlocal found, wanted
            for number in range(first, first + count):
                query = vectors[number % 100]
                near = rows(session, "SELECT id, words FROM far ORDER BY embedding <=> %s::vector LIMIT 10", query)
                assert near[0] == rows(session, "SELECT id, words FROM words ORDER BY embedding <=> %s::vector LIMIT 1", query)[0]
                if number % 8 == 0:
                    exact = rows(session, "SELECT id, words FROM words ORDER BY embedding <=> %s::vector, id LIMIT 10", query)
                    found, wanted = found + len(set(near) & set(exact)), wanted + 10
                    rows(session, "SELECT id FROM far WHERE pos = 'verb' ORDER BY embedding <=> %s::vector LIMIT 3", query)
                    assert rows(session, "SELECT fails_far()") == [(0,)]
                    session.execute("SET hither.max_age = 0")
                    rows(session, "SELECT t.id FROM generate_series(1, 3) AS g(i), LATERAL (SELECT id FROM three WHERE n > g.i ORDER BY embedding <-> '[1,2,3]' LIMIT 2) t")
                    session.execute("RESET hither.max_age")

        some(0, asked // 2)
        before = private(pid)
        some(asked // 2, asked // 2)
        grown = private(pid) - before
        assert grown < 2048, f"{grown} kB more after {asked} queries by ranges"
        assert found > 0.9 * wanted, f"recall {found / wanted}"
    server.shutdown()
    print(f"ranges: {asked} queries within the memory that was set, recall {found / wanted}")


def killing():
    """A killed backend takes the others with it, as ever; the server comes back and answers."""
    with connect() as session:
        assert len(rows(session, "SELECT id FROM things ORDER BY embedding <-> '[1,2,3]' LIMIT 3")) == 3
        os.kill(rows(session, "SELECT pg_backend_pid()")[0][0], 9)
    end = time.monotonic() + 300
    while time.monotonic() < end:
        try:
            with connect() as session:
                assert len(rows(session, "SELECT id FROM things ORDER BY embedding <-> '[1,2,3]' LIMIT 3")) == 3
                print("killing: the server came back")
                return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise AssertionError("the server did not come back")


with connect() as session:
    for statement in (SETUP % {"files": files}).split(";\n"):
        if statement.strip():
            session.execute(statement)
for test in [oracle, replacing, locking, cancelling, memory, ranges, killing]:
    test()
