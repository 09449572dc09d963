"""psycopg and pgvector-python: with_psycopg.py URL"""

import asyncio, sys
import numpy, psycopg
from pgvector.psycopg import register_vector, register_vector_async
import page, sample
from sample import HalfVector
from plans import used

url = sys.argv[1]
ALL = "SELECT id FROM items ORDER BY embedding <=> %s LIMIT %s"
VERBS = "SELECT id FROM items WHERE kind = 'verb' ORDER BY embedding <=> %s LIMIT %s"
LONG = "SELECT id FROM items WHERE length(title) > 80 ORDER BY embedding <=> %s LIMIT %s"
count = len(sample.rows)


def ids(session, text, **options):
    return lambda query: [row[0] for row in session.execute(text, (query, 10), **options)]


def plan(session, text, *parameters):
    return "\n".join(row[0] for row in session.execute("EXPLAIN (COSTS OFF) " + text, parameters))


def effort(session):
    return session.execute("SELECT effort FROM hither.last_scan()").fetchone()[0]


def scans(session, index="items_embedding"):
    """How often the index was scanned."""
    session.execute("SELECT pg_stat_force_next_flush()")
    session.execute("SELECT pg_stat_clear_snapshot()")
    return session.execute("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s", (index,)).fetchone()[0]


def searches(session):
    used(plan(session, ALL, sample.queries[0], 10), "items_embedding")
    used(plan(session, VERBS, sample.queries[0], 10), "items_embedding", "Index Cond: (kind = 'verb'::text)")
    used(plan(session, LONG, sample.queries[0], 10), "items_embedding", "Filter: (length(title) > 80)")
    sample.compare(ids(session, ALL), count)
    sample.compare(ids(session, VERBS), count, lambda row: row[2] == "verb")
    sample.compare(ids(session, LONG), count, lambda row: len(row[1]) > 80)
    # In text and in binary, and with the distance.
    for binary in (False, True):
        cursor = session.cursor(binary=binary)
        for id, embedding, distance in cursor.execute("SELECT id, embedding, embedding <=> %s AS distance FROM items ORDER BY distance LIMIT 10", (sample.queries[0],)):
            assert numpy.array_equal(numpy.asarray(sample.values(embedding), "float32"), sample.vectors[id])
            assert abs(distance - sample.distances(sample.queries[0])[id]) < 1e-6


def prepared(session):
    """Plans for known parameters, and for any."""
    for mode in ("auto", "force_custom_plan", "force_generic_plan"):
        session.execute(f"SET plan_cache_mode = {mode}")
        before = scans(session)
        sample.compare(ids(session, ALL, prepare=True), count)
        sample.compare(ids(session, VERBS, prepare=True), count, lambda row: row[2] == "verb")
        assert scans(session) == before + 40, f"{mode}: {scans(session) - before} scans of 40 searches"
    session.execute("RESET plan_cache_mode")
    with session.pipeline():
        cursors = [session.execute(ALL, (query, 10)) for query in sample.queries[:20]]
        answers = iter([[row[0] for row in cursor] for cursor in cursors])
    sample.compare(lambda query: next(answers), count)


def settings(session):
    session.execute(ALL, (sample.queries[0], 10)).fetchall()
    assert effort(session) == "ef_search 40", effort(session)
    with session.transaction():
        session.execute("SET LOCAL hither.ef_search = 320")
        sample.compare(ids(session, ALL), count, least=0.99, many=100)
        assert effort(session) == "ef_search 320", effort(session)
    session.execute("ALTER INDEX items_embedding SET (ef_search = 90)")
    session.execute(ALL, (sample.queries[0], 10)).fetchall()
    assert effort(session) == "ef_search 90", effort(session)
    session.execute("ALTER INDEX items_embedding RESET (ef_search)")
    # The first statement of a session that has not loaded the extension, or what comes before it.
    for options in ({}, {"options": "-c hither.recall=0.9"}):
        with psycopg.connect(url, autocommit=True, **options) as fresh:
            register_vector(fresh)
            if not options:
                fresh.execute("SET hither.recall = 0.9")
            fresh.execute(ALL, (sample.queries[0], 10)).fetchall()
            assert effort(fresh) == "recall 0.9", effort(fresh)
    try:
        session.execute("SET hither.ef_search = -1")
        raise AssertionError("a setting of -1 is taken")
    except psycopg.errors.InvalidParameterValue as error:
        assert "hither.ef_search" in str(error)


def cursors(session):
    """A cursor of the server goes on to the last row."""
    far = sample.distances(sample.queries[1])
    for mode in ("strict", "relaxed"):
        with session.transaction():
            session.execute(f"SET LOCAL hither.iterative_scan = {mode}; SET LOCAL enable_seqscan = off")
            with session.cursor("nearest") as cursor:
                cursor.itersize = 500
                cursor.execute("SELECT id FROM items ORDER BY embedding <=> %s", (sample.queries[1],))
                got = [row[0] for row in cursor]
            assert sorted(got) == list(range(count)), f"{mode}: {len(got)} rows, {len(set(got))} of them different"
            assert far[got[0]] == far.min()


def changes(session):
    """Rows that come, change and go are seen by whom they are to be seen."""
    gone = set(range(0, count, 3))
    with psycopg.connect(url) as other:
        register_vector(other)
        other.cursor().executemany("DELETE FROM items WHERE id = %s", [(id,) for id in sorted(gone)])
        query, new = sample.queries[2], count + 7
        other.execute("INSERT INTO items VALUES (%s, 'new', 'new', %s)", (new, query))
        assert ids(other, ALL)(query)[0] == new and not gone & set(ids(other, ALL)(query))
        sample.compare(ids(session, ALL), count)
        with other.transaction(force_rollback=True):
            other.execute("UPDATE items SET embedding = %s WHERE kind = 'new'", (-query,))
            assert new not in ids(other, ALL)(query)
        assert ids(other, ALL)(query)[0] == new
        other.commit()
    assert ids(session, ALL)(query)[0] == new
    assert session.execute("UPDATE items SET kind = 'newer' WHERE kind = 'new' RETURNING id").fetchall() == [(new,)]
    assert session.execute("SELECT id FROM items WHERE kind = 'newer' ORDER BY embedding <=> %s LIMIT 10", (query,)).fetchall() == [(new,)]
    session.execute("DELETE FROM items WHERE id = %s", (new,))
    for _ in range(2):
        sample.compare(ids(session, ALL), count, lambda row: row[0] not in gone)
        sample.compare(ids(session, VERBS), count, lambda row: row[0] not in gone and row[2] == "verb")
        session.execute("VACUUM items")


def halves(session):
    session.execute("CREATE TABLE halves (id bigint PRIMARY KEY, embedding halfvec(384))")
    with session.cursor().copy("COPY halves FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "halfvec"])
        for id, _, _, embedding in sample.items(3500):
            copy.write_row((id, HalfVector(embedding)))
    text = "SELECT id FROM halves ORDER BY embedding {} %s LIMIT %s"
    for metric, operator in {"l2": "<->", "ip": "<#>", "cosine": "<=>", "l1": "<+>"}.items():
        session.execute(f"CREATE INDEX halves_embedding ON halves USING hither (embedding halfvec_{metric}_ops)")
        search = ids(session, text.format(operator))
        used(plan(session, text.format(operator), HalfVector(sample.queries[0]), 10), "halves_embedding")
        sample.compare(lambda query: search(HalfVector(query)), 3500, metric=metric)
        session.execute("DROP INDEX halves_embedding")


async def at_once():
    """Eight connections, each with statements of its own."""
    async def ask(part):
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as session:
            await register_vector_async(session)
            for query in sample.queries[part::8]:
                cursor = await session.execute(ALL, (query, 10))
                answers[query.tobytes()] = [row[0] for row in await cursor.fetchall()]
    answers = {}
    await asyncio.gather(*map(ask, range(8)))
    return answers


names = page.run("clients.md", "psycopg", url, items=sample.items(), query=sample.queries[0])
with names["connection"] as session:
    assert len(names["found"]) == 10
    # Without the statistics of a new table, and with them.
    searches(session)
    session.execute("ANALYZE items")
    searches(session)
    prepared(session)
    settings(session)
    cursors(session)
    answers = asyncio.run(at_once())
    sample.compare(lambda query: answers[query.tobytes()], count, many=len(sample.queries))
    changes(session)
    halves(session)
