"""asyncpg and pgvector-python: with_asyncpg.py URL"""

import asyncio, sys
import asyncpg
from pgvector.asyncpg import register_vector
import page, sample
from sample import HalfVector
from plans import used

url = sys.argv[1]
ALL = "SELECT id FROM items ORDER BY embedding <-> $1 LIMIT $2"
VERBS = "SELECT id FROM items WHERE kind = $3 ORDER BY embedding <-> $1 LIMIT $2"
count = len(sample.rows)


def verb(row):
    return row[2] == "verb"


async def compare(ask, count=count, **options):
    """`ask(query)` is awaited for all queries, eight at a time."""
    gate, many = asyncio.Semaphore(8), options.pop("many", 20)

    async def one(query):
        async with gate:
            return [row["id"] for row in await ask(query)]
    answers = iter(await asyncio.gather(*map(one, sample.queries[:many])))
    sample.compare(lambda query: next(answers), count, many=many, metric="l2", **options)


async def plan(connection, text, *parameters):
    return "\n".join(row[0] for row in await connection.fetch("EXPLAIN (COSTS OFF) " + text, *parameters))


async def main():
    names = await page.run_async("clients.md", "asyncpg", url, items=sample.items(), query=sample.queries[0])
    connection = names["connection"]
    assert len(names["found"]) == 10
    used(await plan(connection, ALL, sample.queries[0], 10), "items_embedding")
    used(await plan(connection, VERBS, sample.queries[0], 10, "verb"), "items_embedding", "Index Cond: (kind = 'verb'::text)")
    async with asyncpg.create_pool(url, init=register_vector, min_size=8, max_size=8) as pool:
        await compare(lambda query: pool.fetch(ALL, query, 10), many=len(sample.queries))
        await compare(lambda query: pool.fetch(VERBS, query, 10, "verb"), passes=verb, many=len(sample.queries))
    # Statements that are prepared by name, one after the other.
    for mode in ("auto", "force_generic_plan"):
        await connection.execute(f"SET plan_cache_mode = {mode}")
        statement, lock = await connection.prepare(VERBS), asyncio.Lock()

        async def ask(query):
            async with lock:
                return await statement.fetch(query, 10, "verb")
        await compare(ask, passes=verb)
    await connection.execute("RESET plan_cache_mode")
    # A cursor asks for fifty at a time, and goes on.
    async with connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        query = "SELECT id FROM items ORDER BY embedding <-> $1"
        got = [row["id"] async for row in connection.cursor(query, sample.queries[1], prefetch=50)]
    assert sorted(got) == list(range(count)), f"{len(got)} rows, {len(set(got))} of them different"
    await connection.execute("ANALYZE items")
    used(await plan(connection, VERBS, sample.queries[0], 10, "verb"), "items_embedding", "Index Cond: (kind = 'verb'::text)")
    # What is deleted is gone; what is rolled back is not.
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("DELETE FROM items")
    assert await connection.fetch(ALL, sample.queries[0], 10) == []
    await transaction.rollback()
    await connection.execute("DELETE FROM items WHERE id % 4 = 0")
    lock = asyncio.Lock()

    async def left(query):
        async with lock:
            return await connection.fetch(ALL, query, 10)
    await compare(left, passes=lambda row: row[0] % 4)
    # Halves, by a list of parameters.
    await connection.execute("CREATE TABLE halves (id bigint, embedding halfvec(384))")
    await connection.execute("CREATE INDEX halves_embedding ON halves USING hither (embedding halfvec_l2_ops)")
    await connection.executemany("INSERT INTO halves VALUES ($1, $2)", [(id, HalfVector(embedding)) for id, _, _, embedding in sample.items(3500)])
    text = "SELECT id FROM halves ORDER BY embedding <-> $1 LIMIT 10"
    used(await plan(connection, text, HalfVector(sample.queries[0])), "halves_embedding")

    async def half(query):
        async with lock:
            return await connection.fetch(text, HalfVector(query))
    await compare(half, 3500)
    await connection.close()


asyncio.run(main())
