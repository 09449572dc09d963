"""Shards of tables on several servers, and the statements by which Citus 14 makes, searches, tunes and moves them."""

import heapq, re, threading
from index_server import Server, rows, until

FIRST = 102008
SETTINGS = {"wal_level": "logical", "shared_buffers": "32MB", "max_wal_size": "1GB", "autovacuum": "off", "maintenance_work_mem": "16MB", "max_parallel_maintenance_workers": 0}
NAMED = r"\b(?P<word>FROM|JOIN|INTO|UPDATE|ON|TABLE|VACUUM|ANALYZE|INDEX|CONCURRENTLY|EXISTS)(?P<space>\s+)(?P<schema>[a-z]\w*\.)?(?P<name>[a-z]\w*)(?P<alias>\s+[a-z]\w*)?"


def to_shard(statement, number, names):
    """What reaches a shard: names end with its number, tables keep theirs as an alias, and options are texts."""
    def end(match):
        schema, name, alias = match["schema"] or "", match["name"], match["alias"] or ""
        if name not in names:
            return match[0]
        if match["word"] in ("FROM", "JOIN", "UPDATE") and not alias and not re.match(r"\s+FROM", statement[match.end():]):
            alias = f" {name}"
        # Of an index that is created the name has no schema.
        schema = schema or ("" if re.match(r"CREATE.*INDEX", statement) and match["word"] != "ON" else "public.")
        return f"{match['word']}{match['space']}{schema}{name}_{number}{alias}"

    def quote(match):
        return "WITH (" + re.sub(r"(\w+)\s*=\s*'?([\w.]+)'?", r"\1 = '\2' ", match[1]) + ")"
    return re.sub(r"\bWITH \(([^()]*)\)", quote, re.sub(NAMED, end, statement)) if "INDEX" in statement else re.sub(NAMED, end, statement)


def nearest(table, vector, limit, key="id", operator="<=>", where="true"):
    """A search as a worker gets it: the order is a column too, and the limit a constant."""
    distance = f"(embedding OPERATOR(public.{operator}) {vector}::public.vector)"
    return f"SELECT {key}, {distance} AS worker_column_2 FROM public.{table} WHERE {where} ORDER BY {distance} LIMIT '{limit}'::bigint"


class Cluster:
    """Workers, and which of them has which shard of the table `items`; category % shards is a row's shard."""

    def __init__(self, *names, shards=4, setup=""):
        self.workers = [Server(name, **SETTINGS) for name in names]
        self.shards = range(FIRST, FIRST + shards)
        self.locks = {number: threading.Lock() for number in self.shards}
        self.orphans = []
        for worker in self.workers:
            worker.start()
            with worker.connect() as session:
                session.execute(setup)
        # The last is there to grow into.
        self.placement = {number: self.workers[number % max(1, len(self.workers) - 1)] for number in self.shards}

    def shard(self, category):
        return FIRST + category % len(self.shards)

    def each(self, statement, names):
        """On all shards at once, as Citus does it."""
        problems = []

        def send(number):
            try:
                with self.placement[number].connect() as session:
                    session.execute(to_shard(statement, number, names))
            except Exception as error:
                problems.append(error)
        threads = [threading.Thread(target=send, args=[number]) for number in self.shards]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        if problems:
            raise problems[0]

    def session(self):
        return Session(self)

    def move(self, number, target, table="items"):
        """A shard goes to another server beside writes: copied by logical replication, and its indexes built anew there."""
        source, name, shard = self.placement[number], f"citus_shard_move_{number}", f"public.{table}_{number}"
        with source.connect() as old, target.connect() as new:
            old.execute("SET search_path = ''")
            built = [text for text, in rows(old, "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary", shard)]
            columns = rows(old, "SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute "
                                "WHERE attrelid = %s::regclass AND attnum > 0", shard)[0][0]
            keys = [text for text, in rows(old, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'", shard)]
            new.execute(f"CREATE TABLE {shard} ({', '.join([columns, *keys])})")
            old.execute(f"CREATE PUBLICATION {name} FOR TABLE {shard}")
            new.execute(f"CREATE SUBSCRIPTION {name} CONNECTION 'host=127.0.0.1 port={source.port} user=postgres dbname=postgres' "
                        f"PUBLICATION {name} WITH (binary = true)")
            wait(new, f"SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel WHERE srrelid = '{shard}'::regclass")
            # Changes go on coming while they are built, by a worker whose path is empty.
            threads = [threading.Thread(target=execute, args=[target, "SET search_path = ''", text]) for text in built]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            with self.locks[number]:
                end = rows(old, "SELECT pg_current_wal_lsn()")[0][0]
                wait(new, f"SELECT latest_end_lsn >= '{end}' FROM pg_stat_subscription WHERE subname = '{name}'")
                self.placement[number] = target
            new.execute(f"DROP SUBSCRIPTION {name}")
            old.execute(f"DROP PUBLICATION {name}")
            # Who reads it at this moment goes on: it is dropped later.
            self.orphans.append((source, shard))
            new.execute("SET search_path = ''")
            again = [text for text, in rows(new, "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary", shard)]
            assert sorted(again) == sorted(built) and built, (again, built)

    def clean(self):
        while self.orphans:
            server, shard = self.orphans.pop()
            execute(server, f"DROP TABLE {shard}")


class Session:
    """What a coordinator does for one client: a connection to each worker, writes to the row's shard, and searches of all."""

    def __init__(self, cluster):
        self.cluster, self.connections = cluster, {}

    def on(self, number, statement, *parameters):
        server = self.cluster.placement[number]
        connection = self.connections.get(server)
        if not connection or connection.closed or connection.broken:
            connection = self.connections[server] = server.connect()
        cursor = connection.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else None

    def write(self, category, statement, *parameters):
        number = self.cluster.shard(category)
        with self.cluster.locks[number]:
            self.on(number, to_shard(statement, number, ["items"]), *parameters)

    def nearest(self, vector, limit, exact=False, where="true", operator="<=>"):
        """Of all shards, the nearest first."""
        answers = []
        for number in self.cluster.shards:
            text = nearest(f"items_{number} items", vector, limit, "id", operator, where)
            self.on(number, f"SET enable_indexscan = {'off' if exact else 'on'}; SET enable_seqscan = {'on' if exact else 'off'}")
            answers.append([(distance, key) for key, distance in self.on(number, text)])
        return [key for _, key in heapq.merge(*answers)][:limit]

    def close(self):
        [connection.close() for connection in self.connections.values()]


def execute(server, *statements):
    with server.connect() as session:
        for statement in statements:
            session.execute(statement)


def wait(session, query):
    until(lambda: any(row[0] for row in rows(session, query)), f"not so: {query}")
