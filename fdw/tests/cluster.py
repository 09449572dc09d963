"""Indexes of shards: cluster.py BIN FOLDER

What Citus asks of an index that it knows nothing of, without Citus: its statements are sent to shards on several servers, a
shard is moved to another one beside writes, a server is killed; and partitions on other servers are read by postgres_fdw."""

import threading, time
import psycopg
from index_server import ENDED, end, main, rows, until
from shards import FIRST, Cluster, execute, nearest, to_shard, wait

POINT = """CREATE EXTENSION hither CASCADE;
CREATE FUNCTION public.point(i bigint, dimensions int) RETURNS public.vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT array_agg((hashint8(i * 20000 + j) & 4095) / 256.0 - 8)::public.vector FROM generate_series(1, dimensions) AS j';"""
TABLE = "CREATE TABLE items (id bigint, category_id bigint, kind text, embedding public.vector(16), PRIMARY KEY (category_id, id))"
ROWS = 4_000
# Of each of four shards enough for a graph.
MANY = 13_000
INDEX = "CREATE INDEX items_emb ON items USING hither (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 128, ef_search = 200)"
NAMES = ["items", "items_emb"]


def fill(cluster, session, first=1, last=ROWS):
    """Rows of all categories, as INSERT … SELECT sends them to each shard."""
    for number in cluster.shards:
        session.on(number, f"INSERT INTO public.items_{number} (id, category_id, kind, embedding) SELECT i, i % 1000, 'kind ' || i % 3, public.point(i, 16) "
                           f"FROM generate_series({first}, {last}) AS i WHERE i % 1000 % {len(cluster.shards)} = {number - FIRST}")


def vector(session, number):
    return "'" + session.on(FIRST, "SELECT public.point(%s, 16)::text", number)[0][0] + "'"


def compare(cluster, session, limit=100, queries=10, **asked):
    """The nearest of all shards by their indexes, and exactly."""
    found = wanted = 0
    for query in range(queries):
        point = vector(session, -1 - query)
        ours, theirs = (session.nearest(point, limit, exact, **asked) for exact in (False, True))
        assert len(ours) == len(set(ours)) == len(theirs), (len(ours), len(theirs))
        found += len(set(ours) & set(theirs))
        wanted += len(theirs)
    assert found >= 0.99 * wanted and wanted, f"recall {found / wanted}"
    return found / wanted


def sent():
    """Created before and after rows, found by plans of all kinds, tuned, built again, deparsed and created elsewhere."""
    cluster = Cluster("first", "second", "third", setup=POINT)
    session, recall = cluster.session(), []
    for when in ("before", "after"):
        cluster.each(TABLE, NAMES)
        if when == "before": cluster.each(INDEX, NAMES)
        fill(cluster, session, last=MANY if when == "after" else ROWS)
        if when == "after": cluster.each(INDEX, NAMES)
        cluster.each("ANALYZE items", NAMES)
        recall.append(compare(cluster, session))
        if when == "before": cluster.each("DROP TABLE items", NAMES)
    text = to_shard(INDEX, FIRST, NAMES)
    assert text.split(" USING")[0] == f"CREATE INDEX items_emb_{FIRST} ON public.items_{FIRST}" and "WITH (m = '16' , ef_construction = '128' , ef_search = '200' )" in text, text
    effort = "SELECT options, (SELECT effort FROM hither.last_scan()) FROM hither.indexes WHERE index::text LIKE '%items_emb%'"
    for statement, wanted in [("ALTER INDEX items_emb SET (ef_search = 222)", "222"), ("ALTER INDEX items_emb SET (ef_search = '333', growing_rows = '64')", "333"),
                              ("ALTER INDEX items_emb RESET (ef_search)", "40")]:
        cluster.each(statement, NAMES)
        for number in cluster.shards:
            session.on(number, "SET enable_indexscan = on; SET enable_seqscan = off")
            session.on(number, nearest(f"items_{number} items", vector(session, 1), 10))
            options = session.on(number, effort.replace("items_emb", f"items_emb_{number}"))[0]
            assert wanted in options[1] and (f"ef_search={wanted}" in options[0]) == (wanted != "40"), options
    with cluster.placement[FIRST].connect() as one:
        # A plan of a worker that stands for any vector; its limit is a constant, and the path is empty.
        one.execute("SET search_path = ''; SET plan_cache_mode = force_generic_plan")
        one.execute(f"PREPARE near (public.vector) AS {nearest(f'items_{FIRST} items', '$1', 100)}")
        plan = "\n".join(row[0] for row in rows(one, f"EXPLAIN EXECUTE near ({vector(session, 1)})"))
        assert f"Index Scan using items_emb_{FIRST}" in plan and "$1" in plan, plan
        assert len(rows(one, f"EXECUTE near ({vector(session, 1)})")) == 100
        one.execute(f"CREATE FUNCTION public.near_keys(v public.vector) RETURNS bigint[] LANGUAGE sql STABLE SET search_path = '' AS "
                    f"$$SELECT array_agg(id) FROM ({nearest(f'items_{FIRST} items', 'v', 7)}) AS found$$")
        assert len(rows(one, f"SELECT public.near_keys({vector(session, 1)})")[0][0]) == 7
        counted = rows(one, f"SELECT hither.verify('public.items_emb_{FIRST}'), hither.recall('public.items_emb_{FIRST}') >= 0.95, (SELECT count(*) FROM public.items_{FIRST})")[0]
        assert counted[0] == counted[2] and counted[1], counted
        # An operator class that is not in the path, and one whose name says where it is.
        try:
            one.execute(f"CREATE INDEX ON public.items_{FIRST} USING hither (embedding vector_l2_ops)")
            raise AssertionError("an operator class is found without a path")
        except psycopg.errors.UndefinedObject:
            one.execute(f"CREATE INDEX passing ON public.items_{FIRST} USING hither (embedding public.vector_l2_ops); DROP INDEX public.passing")
    for statement in ("DELETE FROM items WHERE id > 2000", "VACUUM items", "REINDEX TABLE items", "REINDEX INDEX CONCURRENTLY items_emb"):
        cluster.each(statement, NAMES)
        compare(cluster, session, queries=2)
    cluster.each("DROP INDEX CONCURRENTLY items_emb", NAMES)
    print(f"sent: before and after rows recall@100 {recall[0]:.3f} and {recall[1]:.3f}, {deparsed(cluster)} definitions the same elsewhere")
    session.close()
    [end(worker) for worker in cluster.workers]


def deparsed(cluster):
    """What Postgres says of an index creates the same index on another server, options and all."""
    definitions = ["hither (embedding vector_cosine_ops)", "hither (embedding vector_l2_ops, category_id, kind) WITH (m = 8, ef_construction = 40)",
                   "hither (embedding vector_ip_ops) WITH (kind = 'ivf', lists = 20, probes = 7)", "hither (embedding vector_l1_ops) WITH (kind = flat, recall = 0.97)",
                   "hither (embedding vector_l2_ops) WITH (rerank = 'index', ef_search = 99, growing_rows = 512) WHERE kind <> 'kind 2'",
                   "hither ((embedding::public.halfvec(16)) halfvec_cosine_ops, (category_id % 7), kind) WHERE (category_id > 3)"]
    source, target, shard = cluster.workers[0], cluster.workers[-1], FIRST - 1
    for worker in (source, target): execute(worker, to_shard(TABLE, shard, NAMES))
    with source.connect() as old, target.connect() as new:
        said = "SELECT pg_get_indexdef(oid), reloptions FROM pg_class WHERE relname = %s"
        for number, definition in enumerate(definitions):
            name = f"definition_{number}"
            old.execute("RESET search_path")
            old.execute(to_shard(f"CREATE INDEX {name} ON items USING {definition}", shard, [*NAMES, name]))
            old.execute("SET search_path = ''")
            theirs = rows(old, said, f"{name}_{shard}")
            new.execute("SET search_path = ''")
            new.execute(theirs[0][0])
            assert rows(new, said, f"{name}_{shard}") == theirs, (theirs, rows(new, said, f"{name}_{shard}"))
            old.execute(f"DROP INDEX public.{name}_{shard}")
    return len(definitions)


class Client:
    """Inserts, updates, deletes and searches until told to end; knows what of it was acknowledged."""

    def __init__(self, cluster, number):
        self.cluster, self.first, self.over = cluster, 1_000_000 * (number + 1), threading.Event()
        self.kept, self.gone, self.unsure, self.problems, self.killed = {}, set(), set(), [], False
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        session, key = self.cluster.session(), self.first
        while not self.over.is_set():
            key += 1
            try:
                self.unsure.add(key)
                session.write(key, f"INSERT INTO items (id, category_id, kind, embedding) VALUES ({key}, {key % 1000}, 'new', public.point({key}, 16))")
                self.kept[key] = key
                if key % 3 == 0:
                    session.write(key, f"UPDATE items SET embedding = public.point({-key}, 16) WHERE id = {key} AND category_id = {key % 1000}")
                    self.kept[key] = -key
                if key % 4 == 0:
                    session.write(key, f"DELETE FROM items WHERE id = {key} AND category_id = {key % 1000}")
                    self.gone.add(key)
                self.unsure.discard(key)
                if key % 10 == 0:
                    found = session.nearest(vector(session, key), 100)
                    assert len(found) == len(set(found)) == 100, len(set(found))
            except psycopg.Error as error:
                # A connection from before may be met long after.
                if not (self.killed and error.sqlstate in ENDED):
                    self.problems.append(f"{error!r} {error.sqlstate}")
            except Exception as error:
                self.problems.append(repr(error))
        session.close()

    def end(self):
        self.over.set()
        self.thread.join()
        assert not self.problems, self.problems[:3]


def check(cluster, session, clients):
    """Every row that was acknowledged is in one shard and in its index, where its vector is."""
    where = {number: {key for key, in session.on(number, f"SELECT id FROM items_{number}")} for number in cluster.shards}
    there = [key for keys in where.values() for key in keys]
    kept = {key: point for client in clients for key, point in client.kept.items() if key not in client.gone}
    unsure = {key for client in clients for key in client.unsure}
    missing, strange = (set(kept) | set(range(1, ROWS + 1))) - set(there) - unsure, set(there) - set(kept) - set(range(1, ROWS + 1)) - unsure
    assert len(there) == len(set(there)) and not missing and not strange, (sorted(missing)[:5], sorted(strange)[:5])
    for number, keys in where.items():
        index, table = f"items_emb_{number}", f"items_{number} items"
        session.on(number, "SET enable_seqscan = off")
        assert {key for key, _ in session.on(number, nearest(table, vector(session, 1), 10 * ROWS))} == keys, number
        verified = session.on(number, f"SELECT hither.verify('{index}') - (SELECT deleted FROM hither.indexes WHERE index = '{index}'::regclass)")
        assert verified[0][0] <= len(keys) + len(kept), verified
    for key, point in sorted(kept.items())[-20:]:
        if key not in unsure:
            assert session.nearest(vector(session, point), 1) == [key], key
    return len(there)


def moved():
    """Shards go to a new server while rows are written and searched; a server is killed and started again."""
    cluster = Cluster("left", "right", "added", setup=POINT)
    session = cluster.session()
    cluster.each(TABLE, NAMES)
    fill(cluster, session)
    cluster.each("CREATE INDEX items_emb ON items USING hither (embedding vector_cosine_ops, category_id) WITH (m = 16, growing_rows = 128)", NAMES)
    clients = [Client(cluster, number) for number in range(2)]
    added = cluster.workers[-1]
    threads = [threading.Thread(target=cluster.move, args=[number, added]) for number in list(cluster.shards)[:2]]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [cluster.placement[number] for number in list(cluster.shards)[:2]] == [added, added]
    cluster.move(FIRST, cluster.workers[1])
    for client in clients: client.killed = True
    for worker in (added, cluster.workers[1]):
        worker.kill()
        time.sleep(0.2)
        worker.start()
    before = [len(client.kept) for client in clients]
    until(lambda: all(len(client.kept) >= count + 20 for client, count in zip(clients, before)),
          lambda: f"after a server was killed and started again only {[len(client.kept) for client in clients]} rows, {before} before")
    [client.end() for client in clients]
    session.close()
    cluster.clean()
    session = cluster.session()
    count = check(cluster, session, clients)
    cluster.each("VACUUM items", NAMES)
    assert check(cluster, session, clients) == count
    recall, tenant = compare(cluster, session), compare(cluster, session, 10, where="(category_id OPERATOR(pg_catalog.=) 7)")
    written = sum(len(client.kept) for client in clients)
    session.close()
    [end(worker) for worker in cluster.workers]
    print(f"moved: {count} rows, {written} of them written meanwhile; recall@100 {recall:.3f}, of one tenant {tenant:.3f}")


def partitions():
    """Partitions of a table on other servers, by postgres_fdw, which asks each for its nearest."""
    cluster = Cluster("one", "two", "asking", setup=POINT)
    session, asking = cluster.session(), cluster.workers[-1]
    cluster.each(TABLE, NAMES)
    cluster.each(INDEX, NAMES)
    with asking.connect() as one:
        one.execute(f"CREATE EXTENSION postgres_fdw; {TABLE.replace(', PRIMARY KEY (category_id, id)', '')} PARTITION BY HASH (category_id)")
        for worker in cluster.workers[:-1]:
            name = f"worker_{worker.port}"
            one.execute(f"CREATE SERVER {name} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{worker.port}', dbname 'postgres', "
                        f"extensions 'vector', fetch_size '100', options '-c cursor_tuple_fraction=0.01'); "
                        f"CREATE USER MAPPING FOR postgres SERVER {name} OPTIONS (user 'postgres')")
        for number, worker in cluster.placement.items():
            one.execute(f"CREATE FOREIGN TABLE items_{number} PARTITION OF items FOR VALUES WITH (MODULUS {len(cluster.shards)}, REMAINDER {number - FIRST}) "
                        f"SERVER worker_{worker.port} OPTIONS (schema_name 'public', table_name 'items_{number}')")
        one.execute(f"INSERT INTO items SELECT i, i % 1000, 'kind ' || i % 3, public.point(i, 16) FROM generate_series(1, {ROWS}) AS i")
        cluster.each("VACUUM ANALYZE items", NAMES)
        one.execute("ANALYZE items")
        found = wanted = 0
        for query in range(10):
            text = f"SELECT id FROM items ORDER BY embedding <=> {vector(session, -1 - query)} LIMIT 100"
            plan = "\n".join(row[0] for row in rows(one, f"EXPLAIN (VERBOSE) {text}"))
            assert "Merge Append" in plan and plan.count("ORDER BY (embedding OPERATOR(public.<=>)") == len(cluster.shards), plan
            ours, theirs = ([key for key, in rows(one, f"/* {by} */ {text}")] if by == "index" else session.nearest(vector(session, -1 - query), 100, True) for by in ("index", "exact"))
            found, wanted = found + len(set(ours) & set(theirs)), wanted + len(theirs)
        assert found >= 0.99 * wanted, found / wanted
        # That the workers search their indexes is what their counts say.
        for number in cluster.shards:
            worker = cluster.placement[number]
            with worker.connect() as other:
                wait(other, f"SELECT idx_scan >= 10 FROM pg_stat_user_indexes WHERE indexrelname = 'items_emb_{number}'")
        one.execute("UPDATE items SET kind = 'other' WHERE id <= 500; DELETE FROM items WHERE id > 3500")
        assert rows(one, "SELECT count(*) FROM items WHERE kind = 'other'") == [(500,)]
    cluster.each("VACUUM items", NAMES)
    recall = compare(cluster, session)
    session.close()
    [end(worker) for worker in cluster.workers]
    print(f"partitions: recall@100 {found / wanted:.3f}, after changes {recall:.3f}")


if __name__ == "__main__":
    main(sent, moved, partitions)
