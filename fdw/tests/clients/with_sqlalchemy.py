"""SQLAlchemy and pgvector-python, over psycopg and asyncpg: with_sqlalchemy.py URL"""

import asyncio, sys
from sqlalchemy import delete, func, inspect, select, text, update
from sqlalchemy import MetaData, Table
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
import page, sample
from plans import Plans
from segments import merge

url = sys.argv[1]
count = len(sample.rows)
names = page.run("clients.md", "SQLAlchemy", url, items=sample.items(), query=sample.queries[0])
engine, Item, Base = names["engine"], names["Item"], names["Base"]
plans = Plans(engine)


def verb(row):
    return row[2] == "verb"


def nearest(query, *conditions, way=Item.embedding.cosine_distance):
    return select(Item.id).where(*conditions).order_by(way(query)).limit(10)


def searches():
    with Session(engine) as session:
        sample.compare(lambda query: session.scalars(nearest(query)).all(), count)
        plans.check(20, "items_embedding")
        sample.compare(lambda query: session.scalars(nearest(query, Item.kind == "verb")).all(), count, verb)
        plans.check(20, "items_embedding", "Index Cond: ((kind)::text = 'verb'")
        kinds = ("verb", "adv")
        sample.compare(lambda query: session.scalars(nearest(query, Item.kind.in_(kinds))).all(), count, lambda row: row[2] in kinds)
        plans.check(20, "items_embedding")
        sample.compare(lambda query: session.scalars(nearest(query, func.length(Item.title) > 80)).all(), count, lambda row: len(row[1]) > 80)
        plans.check(20, "items_embedding")
        # With the distance, by its name, as those write it who want it too.
        distance = Item.embedding.cosine_distance(sample.queries[0]).label("distance")
        got = session.execute(select(Item.id, distance).order_by("distance").limit(10)).all()
        plans.check(1, "items_embedding")
        assert all(abs(far - sample.distances(sample.queries[0])[id]) < 1e-6 for id, far in got)
        # An index by another distance is not for this.
        session.scalars(nearest(sample.queries[0], way=Item.embedding.l2_distance)).all()
        assert "items_embedding" not in plans.plans.pop()


def settings():
    merge(url, "items_embedding")
    with Session(engine) as session:
        session.execute(text("SET LOCAL hither.ef_search = 320"))
        sample.compare(lambda query: session.scalars(nearest(query)).all(), count, least=0.99, many=100)
        assert session.scalar(text("SELECT effort FROM hither.last_scan()")) == "ef_search 320"
        session.commit()
        session.scalars(nearest(sample.queries[0])).all()
        assert session.scalar(text("SELECT effort FROM hither.last_scan()")) == "ef_search 40"
    plans.check(101, "items_embedding")


def reflection():
    """What the database says of the index, and the table made again from it."""
    index, = [index for index in inspect(engine).get_indexes("items") if index["name"] == "items_embedding"]
    assert index["column_names"] == ["embedding", "kind"], index
    assert index["dialect_options"]["postgresql_using"] == "hither", index
    assert index["dialect_options"]["postgresql_with"] == {"m": "16", "ef_construction": "128"}, index
    again = Table("items", MetaData(), autoload_with=engine)
    assert [index.name for index in again.indexes] == ["items_embedding"]
    index, = Item.__table__.indexes
    index.drop(engine)
    index.create(engine)


def changes():
    with Session(engine) as session:
        session.execute(delete(Item).where(Item.id % 3 == 0))
        sample.compare(lambda query: session.scalars(nearest(query)).all(), count, lambda row: row[0] % 3)
        session.rollback()
        sample.compare(lambda query: session.scalars(nearest(query)).all(), count)
        session.execute(delete(Item).where(Item.id % 3 == 0))
        session.execute(update(Item).where(Item.id == 1).values(embedding=-sample.vectors[1]))
        session.commit()
        assert session.scalars(nearest(-sample.vectors[1])).first() == 1
        session.get(Item, 1).embedding = sample.vectors[1]
        session.commit()
        sample.compare(lambda query: session.scalars(nearest(query, Item.kind == "verb")).all(), count, lambda row: verb(row) and row[0] % 3)
    plans.check(61, "items_embedding")


async def at_once():
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=8, pool_timeout=600)
    plans = Plans(engine.sync_engine)

    async def ask(query):
        async with AsyncSession(engine) as session:
            await session.execute(text("SET LOCAL hither.ef_search = 100"))
            return (await session.scalars(nearest(query, Item.kind == "verb"))).all()
    answers = iter(await asyncio.gather(*map(ask, sample.queries[:40])))
    sample.compare(lambda query: next(answers), count, lambda row: verb(row) and row[0] % 3, many=40)
    plans.check(40, "items_embedding", "Index Cond: ")
    await engine.dispose()


# Without the statistics of a new table, and with them.
searches()
with engine.begin() as connection:
    connection.execute(text("ANALYZE items"))
searches()
settings()
reflection()
changes()
asyncio.run(at_once())
engine.dispose()
