"""LangChain's older store, PGVector: with_langchain.py URL"""

import asyncio, sys
import psycopg
from langchain_postgres import PGVector
import page, sample
from embeddings import SampleEmbeddings
from plans import Plans

url, count = sys.argv[1], 3500
embeddings = SampleEmbeddings()
names = page.run("clients.md", "LangChain, PGVector", url, items=sample.items(count), embeddings=embeddings)
store = names["store"]
plans = Plans(store._engine)


def ids(store=store, **options):
    return lambda query: [int(document.id) for document in store.similarity_search_by_vector(query.tolist(), k=10, **options)]


def verb(row):
    return row[2] == "verb"


# Another collection of the same table, which a search of the first does not see.
other = PGVector(embeddings, connection=store._engine, collection_name="others", embedding_length=384, use_jsonb=True)
other.add_texts([title for _, title, _ in sample.rows[:500]], ids=[str(10000 + id) for id in range(500)])
plans.plans.clear()
sample.compare(ids(), count)
plans.check(20, "langchain_embedding", "Index Cond: (collection_id = ")
sample.compare(ids(filter={"kind": {"$eq": "verb"}}), count, verb)
sample.compare(ids(filter={"kind": {"$in": ["verb", "adj"]}}), count, lambda row: row[2] in ("verb", "adj"))
sample.compare(lambda query: [id - 10000 for id in ids(other)(query)], 500)
for document, distance in store.similarity_search_with_score(sample.asked[0], k=5):
    assert abs(distance - sample.distances(sample.queries[0])[int(document.id)]) < 1e-5
assert len(store.max_marginal_relevance_search(sample.asked[0], k=4, fetch_k=20)) == 4

with psycopg.connect(url, autocommit=True) as session:
    session.execute("ANALYZE langchain_pg_embedding")
plans.plans.clear()
store.delete([str(id) for id in range(0, count, 3)])
sample.compare(ids(), count, lambda row: row[0] % 3)
plans.check(20, "langchain_embedding", "Index Cond: (collection_id = ")
sample.compare(ids(filter={"kind": {"$eq": "verb"}}), count, lambda row: verb(row) and row[0] % 3)
store.add_texts([sample.rows[0][1]], metadatas=[{"kind": "new"}], ids=["0"])
assert ids(filter={"kind": {"$eq": "new"}})(sample.queries[0]) == [0]
other.delete_collection()
sample.compare(ids(), count, lambda row: row[0] == 0 or row[0] % 3)


async def at_once():
    store = PGVector(embeddings, connection=url.replace("postgresql:", "postgresql+psycopg:"), collection_name="items",
                     embedding_length=384, use_jsonb=True, async_mode=True, create_extension=False)
    answers = await asyncio.gather(*(store.asimilarity_search_by_vector(query.tolist(), k=10) for query in sample.queries[:20]))
    answers = iter([[int(document.id) for document in documents] for documents in answers])
    sample.compare(lambda query: next(answers), count, lambda row: row[0] == 0 or row[0] % 3)


asyncio.run(at_once())
store.drop_tables()
