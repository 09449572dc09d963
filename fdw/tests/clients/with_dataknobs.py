"""dataknobs-data's PgVectorStore in full: with_dataknobs.py URL"""

import asyncio, sys
import asyncpg, numpy
from dataknobs_data.vector.stores.pgvector import PgVectorStore
import page, sample
from plans import used
from sample import NEAREST
from segments import merge

url, count = sys.argv[1], 3500
METHODS = """SELECT relname, amname FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid JOIN pg_am ON pg_am.oid = relam
    WHERE indrelid = $1::regclass AND amname <> 'btree' ORDER BY relname"""
# The store says 30 seconds, which building an index may take on a busy machine.
create_pool = asyncpg.create_pool
asyncpg.create_pool = lambda *place, **options: create_pool(*place, **{**options, "command_timeout": 600})


def passes(row, gone=()):
    return row[2] == "verb" and row[0] not in gone


class Checked:
    """A store's searches, each planned again with its own parameters, in the same session."""

    def __init__(self, store):
        self.store, self.plans = store, []

    async def search(self, query, **options):
        async with self.store._pool.acquire() as connection:
            asked = []
            with connection.query_logger(lambda query: asked.append((query.query, query.args))):
                # The store takes a connection of a pool; it gets this one.
                pool, self.store._pool = self.store._pool, One(connection)
                try:
                    answer = await self.store.search(query, **options)
                finally:
                    self.store._pool = pool
            # What was asked is told a turn of the loop later.
            await asyncio.sleep(0)
            for text, parameters in asked:
                if NEAREST.search(text):
                    self.plans.append("\n".join(row[0] for row in await connection.fetch("EXPLAIN (COSTS OFF) " + text, *parameters)))
        return answer

    async def compare(self, condition=lambda row: True, metric="cosine", **options):
        answers = [[int(id) for id, _, _ in await self.search(query, k=10, **options)] for query in sample.queries[:20]]
        answers = iter(answers)
        sample.compare(lambda query: next(answers), count, condition, metric=metric)

    def check(self, index, *parts):
        assert len(self.plans) == 20, len(self.plans)
        for plan in self.plans:
            used(plan, index, *parts)
        self.plans.clear()


class One:
    """A pool of one connection, which is not given back."""

    def __init__(self, connection):
        self.connection = connection

    def acquire(self):
        return self

    async def __aenter__(self):
        return self.connection

    async def __aexit__(self, *error):
        pass


async def whole(store, admin):
    """What the page made: all that the store can do."""
    checked = Checked(store)
    await checked.compare()
    checked.check("items_embedding", "Index Cond: ((domain_id)::text = 'words'")
    await checked.compare(passes, filter={"kind": "verb"})
    checked.check("items_embedding", "Index Cond: ", "(metadata ->> 'kind'::text) = 'verb'")
    # Another domain in the same table: neither sees the other, in searches, counts and what is cleared.
    other = PgVectorStore({**store.config, "domain_id": "others"})
    await other.initialize()
    await other.add_vectors([sample.vectors[id] for id in range(300)], ids=[f"other {id}" for id in range(300)], metadata=[{"kind": "verb"}] * 300)
    assert await store.count() == count and await other.count() == 300
    assert all(id.startswith("other ") for id, _, _ in await other.search(sample.queries[0], k=300))
    assert len(await other.search(sample.queries[0], k=400)) == 300
    await checked.compare(passes, filter={"kind": "verb"})
    checked.plans.clear()
    # What is got is what was put there; an id that is there is replaced.
    (vector, metadata), (none, nothing) = await store.get_vectors(["5", "no such"])
    assert numpy.allclose(vector, sample.vectors[5], atol=1e-3) and metadata["kind"] == sample.rows[5][2] and none is nothing is None
    for id, score, metadata in await store.search(sample.queries[0], k=10):
        assert abs(1 - score - sample.distances(sample.queries[0])[int(id)]) < 1e-4 and metadata["content"] == sample.rows[int(id)][1]
    await store.add_vectors([sample.queries[4]], ids=["5"], metadata=[{"kind": "changed"}])
    assert (await store.search(sample.queries[4], k=1))[0][0] == "5"
    assert [id for id, _, _ in await store.search(sample.queries[9], k=10, filter={"kind": "changed"})] == ["5"]
    await store.add_vectors([sample.vectors[5]], ids=["5"], metadata=[{"kind": sample.rows[5][2]}])
    # Metadata that is changed is what a search asks for, within the index.
    assert await store.update_metadata(["7", "no such"], [{"kind": "renamed"}, {}]) == 1
    assert [id for id, _, _ in await store.search(sample.queries[0], k=10, filter={"kind": "renamed"})] == ["7"]
    await checked.compare(lambda row: passes(row, {7}), filter={"kind": "verb"})
    assert await store.count({"kind": "renamed"}) == 1 and "kind" in await store.metadata_fields()
    gone = set(range(0, count, 3))
    assert await store.delete_vectors([str(id) for id in sorted(gone)] + ["no such"]) == len(gone)
    assert await store.count() == count - len(gone)
    await checked.compare(lambda row: row[0] not in gone)
    await checked.compare(lambda row: passes(row, gone | {7}), filter={"kind": "verb"})
    checked.plans.clear()
    # Ours is taken for an index that is there; pgvector's may be made beside it, and neither disturbs the other.
    merge(url, "items_embedding")
    await admin.execute("ANALYZE items")
    assert not await store.create_index("hnsw")
    for kind, name in {"hnsw": "idx_items_embedding_hnsw", "ivfflat": "idx_items_embedding_ivfflat"}.items():
        assert await store.create_index(kind, {"lists": 10} if kind == "ivfflat" else None, if_not_exists=False)
        assert [tuple(row) for row in await admin.fetch(METHODS, "items")] == [(name, kind), ("items_embedding", "hither")]
        await checked.compare(lambda row: passes(row, gone | {7}), filter={"kind": "verb"})
        checked.check("items_embedding")
        assert await admin.fetchval("SELECT hither.verify('items_embedding')") == await admin.fetchval("SELECT rows FROM hither.indexes")
        await admin.execute(f"DROP INDEX {name}")
    await store.clear()
    assert await store.count() == 0 and await other.count() == 300 and await store.search(sample.queries[0]) == []
    assert len(await other.search(sample.queries[0], k=10)) == 10
    whole = PgVectorStore({name: value for name, value in store.config.items() if name != "domain_id"})
    await whole.clear()
    assert await other.count() == 0 and await other.search(sample.queries[0]) == []
    for each in (store, other, whole):
        await each.close()


async def metric(name, short, admin):
    """A table that the store makes with pgvector's index, which ours replaces; other names of columns; keys that are UUIDs."""
    table = f"by_{short}"
    store = PgVectorStore({"connection_string": url, "schema": "shop", "table_name": table, "dimensions": 384, "metric": name, "id_type": "uuid",
                           "index_type": "hnsw", "auto_create_index": True, "columns": {"embedding": "vec", "metadata": "about"}})
    await store.initialize()
    name = f"idx_{table}_vec_hnsw"
    assert [tuple(row) for row in await admin.fetch(METHODS, f"shop.{table}")] == [(name, "hnsw")]
    await admin.execute(f"CREATE INDEX ours ON shop.{table} USING hither (vec vector_{short}_ops)")
    ids = await store.add_vectors(sample.vectors[:count], metadata=[{"kind": kind} for _, _, kind in sample.rows[:count]])
    assert [tuple(row) for row in await admin.fetch(METHODS, f"shop.{table}")] == [(name, "hnsw"), ("ours", "hither")]
    number = {id: place for place, id in enumerate(ids)}

    class Numbered(Checked):
        async def search(self, query, **options):
            return [(number[id], score, metadata) for id, score, metadata in await super().search(query, **options)]
    checked = Numbered(store)
    # Of pgvector's index the rows that pass would be too few.
    merge(url, "shop.ours")
    # How many pass is known of no expression by itself.
    await admin.execute(f"CREATE STATISTICS shop.kinds ON (about ->> 'kind') FROM shop.{table}")
    await admin.execute(f"ANALYZE shop.{table}")
    await checked.compare(passes, filter={"kind": "verb"}, metric=short)
    checked.check("ours", "Filter: ")
    await admin.execute(f"DROP INDEX shop.{name}")
    await checked.compare(metric=short)
    checked.check("ours")
    await checked.compare(passes, filter={"kind": "verb"}, metric=short)
    checked.check("ours", "Filter: ")
    await store.close()
    await admin.execute("DROP SCHEMA shop CASCADE")


async def main():
    admin = await asyncpg.connect(url)
    await admin.execute("CREATE EXTENSION vector")
    names = await page.run_async("clients.md", "dataknobs-data", url, items=sample.items(count), query=sample.queries[0])
    await whole(names["store"], admin)
    for name, short in {"euclidean": "l2", "inner_product": "ip"}.items():
        await metric(name, short, admin)
    await admin.close()


asyncio.run(main())
