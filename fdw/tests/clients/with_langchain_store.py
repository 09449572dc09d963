"""LangChain's PGVectorStore, over psycopg and asyncpg: with_langchain_store.py URL"""

import asyncio, sys
import psycopg
from langchain_postgres import PGEngine, PGVectorStore
from langchain_postgres.v2.indexes import DistanceStrategy, HNSWIndex
import page, sample
from embeddings import SampleEmbeddings
from plans import Plans

url, count = sys.argv[1], 3500
embeddings = SampleEmbeddings()
names = page.run("clients.md", "LangChain, PGVectorStore", url, items=sample.items(500), embeddings=embeddings)
engine, store, HitherIndex = names["engine"], names["store"], names["HitherIndex"]
plans = Plans(engine._pool.sync_engine)
# The store adds rows one by one; enough for a graph come by SQL.
with psycopg.connect(url) as session:
    rest = [(str(id), title, str(embedding.tolist()), kind) for id, title, kind, embedding in sample.items(count)[500:]]
    session.cursor().executemany("INSERT INTO items (id, content, embedding, kind) VALUES (%s, %s, %s, %s)", rest)
store.reindex()


def ids(search=None, **options):
    search = search or store.similarity_search_by_vector
    return lambda query: [int(document.id) for document in search(query.tolist(), k=10, **options)]


def verb(row):
    return row[2] == "verb"


index = "itemslangchainvectorindex"
assert store.is_valid_index()
sample.compare(ids(), count)
plans.check(20, index)
sample.compare(ids(filter={"kind": "verb"}), count, verb)
plans.check(20, index, "Index Cond: (kind = 'verb'::text)")
sample.compare(ids(filter={"kind": {"$in": ["verb", "adj"]}}), count, lambda row: row[2] in ("verb", "adj"))
sample.compare(ids(filter={"$and": [{"kind": {"$ne": "noun"}}, {"kind": {"$like": "%d%"}}]}), count, lambda row: row[2] in ("adj", "adv"))
plans.plans.clear()
for document, distance in store.similarity_search_with_score(sample.asked[0], k=5):
    assert abs(distance - sample.distances(sample.queries[0])[int(document.id)]) < 1e-5
assert len(store.max_marginal_relevance_search(sample.asked[0], k=4, fetch_k=20)) == 4
plans.check(2, index)

# An index of another distance, beside pgvector's of that; none of them is in the other's way.
store.apply_vector_index(HNSWIndex(name="theirs", distance_strategy=DistanceStrategy.EUCLIDEAN), concurrently=True)
store.apply_vector_index(HitherIndex(name="ours", distance_strategy=DistanceStrategy.EUCLIDEAN), concurrently=True)
by_length = PGVectorStore.create_sync(engine, embeddings, "items", id_column="id", metadata_columns=["kind"], distance_strategy=DistanceStrategy.EUCLIDEAN)
sample.compare(ids(by_length.similarity_search_by_vector), count, metric="l2")
plans.plans.clear()
# Now ours alone.
store.drop_vector_index("theirs")
sample.compare(ids(by_length.similarity_search_by_vector), count, metric="l2")
plans.check(20, "ours")
store.drop_vector_index("ours")
store.reindex()

with psycopg.connect(url, autocommit=True) as session:
    session.execute("ANALYZE items")
store.delete([str(id) for id in range(0, count, 3)])
sample.compare(ids(), count, lambda row: row[0] % 3)
plans.check(20, index)
store.add_texts(["once more"], metadatas=[{"kind": "new"}], ids=["9999"])
assert [document.id for document in store.similarity_search("once more", k=3, filter={"kind": "new"})] == ["9999"]
store.delete(["9999"])
store.drop_vector_index()
assert not store.is_valid_index()


async def at_once():
    engine = PGEngine.from_connection_string(url.replace("postgresql:", "postgresql+asyncpg:"))
    store = await PGVectorStore.create(engine, embeddings, "items", id_column="id", metadata_columns=["kind"],
                                       index_query_options=names["HitherQueryOptions"](ef_search=200))
    await store.aapply_vector_index(HitherIndex(keys=("kind",), ef_construction=64))
    plans = Plans(engine._pool.sync_engine)
    answers = await asyncio.gather(*(store.asimilarity_search_by_vector(query.tolist(), k=10, filter={"kind": "verb"}) for query in sample.queries[:20]))
    answers = iter([[int(document.id) for document in documents] for documents in answers])
    sample.compare(lambda query: next(answers), count, lambda row: verb(row) and row[0] % 3, least=0.99)
    plans.check(20, index, "Index Cond: ")
    await engine.close()


asyncio.run(at_once())
