"""LlamaIndex's PGVectorStore: with_llamaindex.py URL"""

import asyncio, sys
import psycopg
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.postgres import PGVectorStore
from sqlalchemy import make_url
import page, sample
from plans import Plans

url, count = sys.argv[1], 3500
names = page.run("clients.md", "LlamaIndex", url, items=sample.items(count), query=sample.queries[0])
store = names["store"]
plans = Plans(store._engine)
index = "data_items_embedding_idx"


def asked(query, *filters, **options):
    filters = MetadataFilters(filters=[MetadataFilter(key=key, operator=operator, value=value) for key, operator, value in filters]) if filters else None
    return VectorStoreQuery(query_embedding=query.tolist(), similarity_top_k=10, filters=filters, **options)


def ids(*filters):
    return lambda query: [int(id) for id in store.query(asked(query, *filters)).ids]


def verb(row):
    return row[2] == "verb"


assert len(names["result"].nodes) == 10
sample.compare(ids(), count)
plans.check(20, index)
sample.compare(ids(("kind", FilterOperator.EQ, "verb")), count, verb)
plans.check(20, index, "Index Cond: ((metadata_ ->> 'kind'::text) = 'verb'::text)")
sample.compare(ids(("kind", FilterOperator.IN, ["verb", "adj"])), count, lambda row: row[2] in ("verb", "adj"))
sample.compare(ids(("kind", FilterOperator.NE, "noun"), ("kind", FilterOperator.TEXT_MATCH, "d")), count, lambda row: row[2] in ("adj", "adv"))
result = store.query(asked(sample.queries[0]))
assert all(abs(1 - score - sample.distances(sample.queries[0])[int(id)]) < 1e-6 for id, score in zip(result.ids, result.similarities))
assert len(store.query(asked(sample.queries[0], mode=VectorStoreQueryMode.MMR)).ids) == 10
plans.plans.clear()


async def at_once():
    plans = Plans(store._async_engine.sync_engine)
    answers = await asyncio.gather(*(store.aquery(asked(query, ("kind", FilterOperator.EQ, "verb"))) for query in sample.queries[:20]))
    answers = iter([[int(id) for id in answer.ids] for answer in answers])
    sample.compare(lambda query: next(answers), count, verb)
    plans.check(20, index, "Index Cond: ")
    await store.async_add([TextNode(id_="9999", text="new", metadata={"kind": "new"}, embedding=sample.queries[3].tolist())])
    assert (await store.aquery(asked(sample.queries[3]))).ids[0] == "9999"
    await store.adelete_nodes(["9999"])
    await store._async_engine.dispose()


asyncio.run(at_once())
with psycopg.connect(url, autocommit=True) as session:
    session.execute("ANALYZE data_items")
store.delete_nodes([str(id) for id in range(0, count, 3)])
sample.compare(ids(), count, lambda row: row[0] % 3)
sample.compare(ids(("kind", FilterOperator.EQ, "verb")), count, lambda row: verb(row) and row[0] % 3)
plans.check(40, index)

# A store that would make its own index finds one of that name.
place = make_url(url)
again = PGVectorStore.from_params(host=place.host, port=place.port, database=place.database, user=place.username, table_name="items",
                                  embed_dim=384, use_jsonb=True, hnsw_kwargs={"hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": 40})
assert len(again.query(asked(sample.queries[0])).ids) == 10
with psycopg.connect(url, autocommit=True) as session:
    methods = "SELECT amname FROM pg_class JOIN pg_am ON pg_am.oid = relam WHERE relname LIKE 'data_%embedding_idx' ORDER BY relname"
    assert session.execute(methods).fetchall() == [("hither",)]
    # Halves, with pgvector's index, which the store makes, and ours beside it.
    half = PGVectorStore.from_params(host=place.host, port=place.port, database=place.database, user=place.username, table_name="half", embed_dim=384,
                                     use_halfvec=True, hnsw_kwargs={"hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": 40, "hnsw_dist_method": "halfvec_cosine_ops"})
    half.add([TextNode(id_=str(id), text=title, metadata={"kind": kind}, embedding=embedding.tolist()) for id, title, kind, embedding in sample.items(1000)])
    session.execute("CREATE INDEX ours ON data_half USING hither (embedding halfvec_cosine_ops)")
    assert session.execute(methods).fetchall() == [("hnsw",), ("hither",)]
    for name in ("ours", "data_half_embedding_idx"):
        plans = Plans(half._engine)
        sample.compare(lambda query: [int(id) for id in half.query(asked(query)).ids], 1000)
        if name == "ours":
            session.execute("DROP INDEX data_half_embedding_idx")
            plans.plans.clear()
            sample.compare(lambda query: [int(id) for id in half.query(asked(query)).ids], 1000)
            plans.check(20, "ours")
            break
again.clear()
assert again.query(asked(sample.queries[0])).ids == []
