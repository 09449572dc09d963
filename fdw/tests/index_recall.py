"""How near the answers of indexes are to exact ones, however these came about: index_recall.py BIN FOLDER [ROUNDS]

Distances are compared, not rows: of rows that are equally far any will do."""

import array, ast, concurrent.futures, os, pathlib, random, struct
from index_server import ROUNDS, Server, end, main, rows, run, settle, until

OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>", "l1": "<+>"}


def serve(name, **settings):
    server = Server(name, shared_buffers="128MB", max_wal_size="1GB", **settings)
    server.start()
    session = server.connect()
    session.execute("CREATE EXTENSION hither CASCADE")
    session.execute("SELECT setseed(0.5)")
    return server, session


def distances(session, by_index, operator, query, limit, condition="true"):
    on, off = ("index", "seq") if by_index else ("seq", "index")
    text = f"SELECT v {operator} '{query}' FROM items WHERE {condition} ORDER BY v {operator} '{query}' LIMIT {limit}"
    with session.transaction():
        session.execute(f"SET LOCAL enable_{on}scan = on; SET LOCAL enable_{off}scan = off")
        if by_index:
            plan = str(rows(session, "EXPLAIN (COSTS OFF) " + text))
            assert "Order By: " in plan, plan
        return [row[0] for row in rows(session, text)]


def exact(session, operator, queries, limit, condition="true"):
    return [distances(session, False, operator, query, limit, condition) for query in queries]


def recall(session, operator, queries, limit, truth, condition="true"):
    """The share of the nearest that a search by the index gives, which has as many rows."""
    found = 0
    for query, theirs in zip(queries, truth):
        ours = distances(session, True, operator, query, limit, condition)
        assert len(ours) == len(theirs), f"{len(ours)} rows, not {len(theirs)}"
        found += sum(distance <= theirs[-1] for distance in ours)
    return found / sum(map(len, truth))


def vectors(count, dimensions, pick=random.Random(1)):
    return [str([pick.random() for _ in range(dimensions)]) for _ in range(count)]


# Values of which few are large, as pgvector's tests have them, and what share of the nearest they want found.
KINDS = {"vector": (3, "random() * random()", lambda metric: 0.97 if metric == "ip" else 0.99),
         "halfvec": (10, "2 * random() * random()", lambda metric: 0.98)}
WAYS = {"vector": [(0, "64MB"), (2, "1MB")], "halfvec": [(2, "64MB")]}


def built():
    """By one thread, by several, and in parts that memory holds."""
    server, session = serve("built")
    least = 1.0
    for kind, (dimensions, value, bound) in KINDS.items():
        element = f"ARRAY[{','.join([value] * dimensions)}]"
        session.execute(f"CREATE TABLE items (id int, v {kind}({dimensions}));"
                        f"INSERT INTO items SELECT i, {element} FROM generate_series(1, 5000) AS i; ANALYZE items")
        queries = vectors(20, dimensions)
        for metric, operator in OPERATORS.items():
            truth = exact(session, operator, queries, 20)
            for workers, memory in WAYS[kind]:
                session.execute(f"SET max_parallel_maintenance_workers = {workers}; SET maintenance_work_mem = '{memory}'")
                session.execute(f"CREATE INDEX items_v ON items USING hither (v {kind}_{metric}_ops)")
                got = recall(session, operator, queries, 20, truth)
                assert got >= bound(metric), f"{kind} {metric}, {workers} workers, {memory}: {got}"
                least = min(least, got)
                session.execute("DROP INDEX items_v")
        session.execute("DROP TABLE items")
    end(server)
    print(f"built: recall {least:.3f} or more")


def inserted():
    """One by one, by ten sessions at once."""
    server, session = serve("inserted")
    least = 1.0
    for kind, (dimensions, value, bound) in KINDS.items():
        session.execute(f"CREATE TABLE items (id serial, v {kind}({dimensions}))")
        for metric in OPERATORS:
            session.execute(f"CREATE INDEX ON items USING hither (v {kind}_{metric}_ops)")
        script = server.data.parent / "insert.sql"
        script.write_text(f"INSERT INTO items (v) VALUES (ARRAY[{','.join([value] * dimensions)}]);")
        said = run("pgbench", "-n", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-c", 10, "-t", 1000, "-f", script, "postgres")
        assert b"number of failed transactions: 0 " in said.stdout, said.stdout
        queries = vectors(20, dimensions)
        for metric, operator in OPERATORS.items():
            got = recall(session, operator, queries, 20, exact(session, operator, queries, 20))
            assert got >= bound(metric), f"{kind} {metric}: {got}"
            least = min(least, got)
        settle(session)

        def state():
            return rows(session, "SELECT max(growing), max(segments), min(rows), min(hither.verify(index)) FROM hither.indexes")[0]
        # The last rows may have come right after a worker was asked for: then VACUUM merges them.
        until(lambda: state()[0] < 2 * 2048 and state()[1] > 0, lambda: f"growing rows, segments, rows, verified: {state()}")
        assert state()[2:] == (10000, 10000), state()
        session.execute("DROP TABLE items")
    end(server)
    print(f"inserted: recall {least:.3f} or more")


def deleted():
    """A graph of few links loses three quarters of its rows."""
    server, session = serve("deleted")
    for kind in KINDS:
        session.execute(f"CREATE TABLE items (id int, v {kind}(3)) WITH (autovacuum_enabled = off);"
                        f"INSERT INTO items SELECT i, ARRAY[random(), random(), random()] FROM generate_series(1, 10000) AS i;"
                        f"CREATE INDEX items_v ON items USING hither (v {kind}_l2_ops) WITH (m = 4, ef_construction = 8);"
                        f"DELETE FROM items WHERE id > 2500")
        queries = vectors(20, 3)
        truth = exact(session, "<->", queries, 20)
        got = []
        for statement, effort, bound in (("", 20, 0.18), ("", 100, 0.93), ("VACUUM items", 20, 0.95)):
            if statement:
                session.execute(statement)
            session.execute(f"SET hither.ef_search = {effort}")
            got.append(recall(session, "<->", queries, 20, truth))
            assert got[-1] >= bound, f"{kind}, {statement or 'before'}, ef_search {effort}: {got[-1]}"
        session.execute("RESET hither.ef_search; DROP TABLE items")
    end(server)
    print(f"deleted: recall {got}")


def equal():
    """Rows that are all alike are all found, whatever the effort."""
    server, session = serve("equal")

    def check(count):
        with session.transaction():
            session.execute("SET LOCAL enable_seqscan = off; SET LOCAL hither.ef_search = 1")
            got = rows(session, "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items ORDER BY v <-> '[1,1,1]') AS q")[0]
        assert got == (count, count), got

    for kind in KINDS:
        session.execute(f"CREATE TABLE items (id serial, v {kind}(3))")
        insert = f"INSERT INTO items (v) SELECT '[1,1,1]' FROM generate_series(1, 3000)"
        session.execute(insert)
        session.execute(f"CREATE INDEX items_v ON items USING hither (v {kind}_l2_ops) WITH (growing_rows = 64)")
        check(3000)
        session.execute("TRUNCATE items")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            def work(_):
                with server.connect() as other:
                    for _ in range(100):
                        other.execute("INSERT INTO items (v) VALUES ('[1,1,1]')")
            list(pool.map(work, range(5)))
        check(500)
        session.execute("DELETE FROM items WHERE id % 2 = 0; DROP INDEX items_v")
        session.execute("VACUUM items")
        session.execute(f"CREATE INDEX items_v ON items USING hither (v {kind}_l2_ops)")
        check(rows(session, "SELECT count(*) FROM items")[0][0])
        session.execute("DROP TABLE items")
    end(server)
    print("equal: every row")


def resumed():
    """Conditions that few rows pass are asked until all rows were."""
    server, session = serve("resumed")
    session.execute("CREATE TABLE items (id int, v vector(3));"
                    "INSERT INTO items SELECT i, ARRAY[random(), random(), random()] FROM generate_series(1, 20000) AS i; ANALYZE items")
    queries, least = vectors(10, 3), 1.0
    for metric in ("l2", "cosine"):
        operator = OPERATORS[metric]
        session.execute(f"CREATE INDEX items_v ON items USING hither (v vector_{metric}_ops); SET hither.ef_search = 40")
        for part in (50, 500):
            truth = exact(session, operator, queries, 20, f"id % {part} = 0")
            for order in ("strict", "relaxed"):
                session.execute(f"SET hither.iterative_scan = {order}")
                got = recall(session, operator, queries, 20, truth, f"id % {part} = 0")
                assert got >= 0.99, f"{metric}, one of {part} rows, {order}: {got}"
                least = min(least, got)
        for query in queries[:3]:
            assert len(distances(session, True, operator, query, 11, "id % 2000 = 0")) == 10
        session.execute("DROP INDEX items_v")
    end(server)
    print(f"resumed: recall {least:.3f} or more, and never a row too few")


def real():
    """Sentence embeddings, as halves: the rows of an index, others, and queries."""
    repository = pathlib.Path(__file__).parents[2]
    for data in [os.environ.get("HITHER_DATA"), repository / "../shared/data"]:
        path = data and pathlib.Path(data) / "wordnet-minilm-384"
        if path and path.is_dir():
            return path / "base.f16.npy", path / "queries.npy"
    return repository / "sample/words.npy", repository / "sample/queries.npy"


def read(path, count):
    """The first rows of a matrix of halves or floats."""
    with open(path, "rb") as file:
        major = file.read(8)[6]
        length = struct.unpack("<H" if major == 1 else "<I", file.read(2 if major == 1 else 4))[0]
        head = ast.literal_eval(file.read(length).decode())
        values = array.array({"<f2": "H", "<f4": "f"}[head["descr"]])
        count = min(count, head["shape"][0])
        values.fromfile(file, count * head["shape"][1])
    return head["descr"], head["shape"][1], [values[at:at + head["shape"][1]] for at in range(0, len(values), head["shape"][1])]


def changed():
    """After thirty rounds of deleting and inserting a tenth an index finds what a new one does, at the same effort."""
    base, asked = real()
    kind, dimensions, halves = read(base, min(240 * ROUNDS, 60000))
    assert kind == "<f2"
    live = len(halves) * 5 // 6
    kind, _, queries = read(asked, 1000)
    queries = [str(list(struct.unpack(f"<{dimensions}e", query) if kind == "<f2" else query)) for query in queries]
    server, session = serve("changed", autovacuum="off")
    session.execute(f"CREATE TABLE pool (id int PRIMARY KEY, v halfvec({dimensions})); CREATE TABLE items (LIKE pool)")
    with session.cursor().copy("COPY pool FROM STDIN BINARY") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for number, row in enumerate(halves):
            row.byteswap()
            copy.write(struct.pack(">hiiihh", 2, 4, number, 4 + 2 * dimensions, dimensions, 0) + row.tobytes())
        copy.write(b"\xff\xff")
    session.execute(f"INSERT INTO items SELECT * FROM pool WHERE id < {live}; ALTER TABLE items ADD PRIMARY KEY (id);"
                    "CREATE INDEX items_v ON items USING hither (v halfvec_cosine_ops) WITH (growing_rows = 256)")
    session.execute("ANALYZE items")
    segments = []
    for _ in range(30):
        session.execute(f"""
            WITH gone AS (DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY random() LIMIT {live // 10}) RETURNING id)
            INSERT INTO items SELECT * FROM pool WHERE id NOT IN (SELECT id FROM items) ORDER BY random() LIMIT {live // 10}""")
        session.execute("VACUUM items")
        settle(session)
        segments.append(rows(session, "SELECT segments FROM hither.indexes")[0][0])

    def counted():
        # A worker that looks at the table while others delete keeps VACUUM from what they deleted.
        session.execute("VACUUM (INDEX_CLEANUP ON) items")
        settle(session)
        return rows(session, "SELECT rows, hither.verify(index) FROM hither.indexes")[0]
    until(lambda: counted() == (live, live), lambda: f"rows, verified: {counted()} of {live}")
    # Fewer queries would tell such a difference by chance.
    others = "SELECT v::text FROM pool WHERE id NOT IN (SELECT id FROM items) ORDER BY id LIMIT %s"
    queries += [row[0] for row in rows(session, others, 1000 - len(queries))]
    truth = exact(session, "<=>", queries, 10)
    got = recall(session, "<=>", queries, 10, truth)
    session.execute("REINDEX INDEX items_v")
    new = recall(session, "<=>", queries, 10, truth)
    end(server)
    told = f"{live} rows, recall@10 {got:.4f}, of a new index {new:.4f}; segments after each round {segments}"
    assert got >= new - 0.005 and max(segments) <= 8, told
    print(f"changed: {told}")


def out_of_line():
    """Vectors that the table keeps out of line are read when segments are merged after VACUUM: no error adds up."""
    server, session = serve("out_of_line", autovacuum="off")
    session.execute("CREATE TABLE items (id serial, v vector(520)); ALTER TABLE items ALTER v SET STORAGE EXTERNAL")
    # In groups, as texts are.
    insert = """INSERT INTO items (v) SELECT array_agg((hashint8(i %% 20 * 20000 + j) & 4095) / 512.0 - 4 + (hashint8(i::bigint * 20000 + j) & 4095) / 2048.0)
        FROM generate_series({0}, {0} + 599) AS i, generate_series(1, 520) AS j GROUP BY i""".replace("%%", "%")
    session.execute("; ".join(insert.format(10000 * number) for number in range(5)))
    session.execute("CREATE INDEX items_v ON items USING hither (v vector_l2_ops) WITH (growing_rows = 256, ef_construction = 40)")

    def read():
        """How many rows of the table a query reads."""
        queries = [row[0] for row in rows(session, "SELECT v::text FROM items ORDER BY id DESC LIMIT 30")]
        count = 0
        for query in queries:
            distances(session, True, "<->", query, 10)
            count += rows(session, "SELECT heap_rechecks FROM hither.last_scan()")[0][0]
        return count / len(queries)

    segments = []
    for number in range(6):
        session.execute("DELETE FROM items WHERE id IN (SELECT id FROM items WHERE id > 600 ORDER BY random() LIMIT 600)")
        session.execute(insert.format(100001 + 1000 * number))
        session.execute("VACUUM items")
        settle(session)
        segments.append(rows(session, "SELECT segments FROM hither.indexes")[0][0])
    session.execute("VACUUM items")
    settle(session)
    got = read()
    session.execute("REINDEX INDEX items_v")
    new = read()
    end(server)
    told = f"a query reads {got:.1f} rows of the table, by a new index {new:.1f}; segments after each round {segments}"
    assert got <= 1.3 * new and max(segments) <= 8, told
    print(f"out_of_line: {told}")


if __name__ == "__main__":
    main(built, inserted, deleted, equal, resumed, changed, out_of_line)
