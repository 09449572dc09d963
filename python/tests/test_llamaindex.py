"""hither.llamaindex: answers and filters beside LlamaIndex's own store, files, its index over the store."""

# pyright: basic

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core import Document, MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

import hither
from hither.llamaindex import HitherVectorStore


def nodes() -> list[TextNode]:
    random = np.random.default_rng(0)
    made: list[TextNode] = []
    for number, lang in zip(range(60), itertools.cycle(["en", "fr", "de"])):
        metadata: dict[str, Any] = {"lang": lang, "year": 1990 + number % 7, "tags": ["x", lang]}
        if number % 4:
            metadata["score"] = number / 8
        parent = RelatedNodeInfo(node_id=f"document {number // 5}")
        made.append(
            TextNode(
                id_=f"node {number}",
                text=f"text {number}",
                metadata=metadata,
                embedding=random.normal(size=8).tolist(),
                relationships={NodeRelationship.SOURCE: parent},
            )
        )
    return made


def query(seed: int, **options: Any) -> VectorStoreQuery:
    vector = np.random.default_rng(seed).normal(size=8).tolist()
    return VectorStoreQuery(query_embedding=vector, **options)


CONDITIONS = [
    MetadataFilter(key="lang", value="en"),
    MetadataFilter(key="lang", value="en", operator=FilterOperator.NE),
    MetadataFilter(key="year", value=1993, operator=FilterOperator.GT),
    MetadataFilter(key="year", value=1993, operator=FilterOperator.LTE),
    MetadataFilter(key="score", value=3.5, operator=FilterOperator.GTE),
    MetadataFilter(key="score", value=3.5, operator=FilterOperator.LT),
    MetadataFilter(key="lang", value=["de", "fr"], operator=FilterOperator.IN),
    MetadataFilter(key="score", value=[0.125], operator=FilterOperator.NIN),
    MetadataFilter(key="score", value=None, operator=FilterOperator.IS_EMPTY),
]
FILTERS = [MetadataFilters(filters=[one]) for one in CONDITIONS] + [
    MetadataFilters(filters=[one, other], condition=condition)
    for one, other in itertools.combinations(CONDITIONS, 2)
    for condition in FilterCondition
]


def test_answers_are_those_of_llamaindex() -> None:
    theirs, ours = SimpleVectorStore(), HitherVectorStore(element="f32")
    theirs.add(nodes())
    assert ours.add(nodes()) == [node.node_id for node in nodes()]
    assert ours.columns == {"lang": "text", "year": "int64", "score": "float64"}
    for seed, filters in enumerate(FILTERS):
        asked = query(seed, similarity_top_k=7, filters=filters)
        wanted, found = theirs.query(asked), ours.query(asked, exact=True)
        assert found.ids == wanted.ids, filters
        assert np.allclose(found.similarities or [], wanted.similarities or [], atol=1e-5)
    some = {"node_ids": [f"node {number}" for number in range(3, 30, 3)]}
    assert ours.query(query(1, similarity_top_k=5, **some)).ids == (
        theirs.query(query(1, similarity_top_k=5, **some)).ids
    )
    nested = MetadataFilters(filters=[FILTERS[0], FILTERS[2]], condition=FilterCondition.OR)
    found = ours.query(query(1, similarity_top_k=60, filters=nested))
    assert len(found.ids or []) == sum(
        node.metadata["lang"] == "en" or node.metadata["year"] > 1993 for node in nodes()
    )
    documents = ours.query(query(1, similarity_top_k=60, doc_ids=["document 3"]))
    assert sorted(documents.ids or []) == [f"node {number}" for number in range(15, 20)]
    mmr = query(1, similarity_top_k=15, mode=VectorStoreQueryMode.MMR)
    for threshold in (None, 0.3, 0.9):
        wanted = theirs.query(mmr, mmr_threshold=threshold)
        assert ours.query(mmr, mmr_threshold=threshold).ids == wanted.ids
        assert ours.query(replace(mmr, mmr_threshold=threshold)).ids == wanted.ids


def test_nodes_come_back_as_they_were(tmp_path: Path) -> None:
    store = HitherVectorStore(tmp_path / "store.hither", element="f32", metric="ip")
    assert store.client is None and store.get_nodes() == [] and store.add([]) == []
    given = nodes()
    store.add(given)
    wanted = {node.node_id: node for node in given}
    for node in store.get_nodes():
        other = wanted[node.node_id]
        assert np.allclose(node.get_embedding(), other.get_embedding(), atol=1e-6)
        node.embedding = other.embedding
        assert node.to_dict() == other.to_dict()
    store.delete("document 3")
    english = FILTERS[0]
    assert len(store.get_nodes(filters=english)) == 18
    assert len(store.get_nodes([node.node_id for node in given[:6]], english)) == 2
    store.delete_nodes(["node 0", "none"])
    store.delete_nodes(filters=english)
    left = sorted(node.node_id for node in store.get_nodes())
    store.persist()
    again = HitherVectorStore.from_persist_path(str(tmp_path / "store.hither"))
    assert sorted(node.node_id for node in again.get_nodes()) == left and len(left) == 37
    again.persist(str(tmp_path / "copy.hither"))
    again.clear()
    assert again.query(query(0)).ids == [] and len(hither.open(tmp_path / "copy.hither")) == 37


def test_its_index(tmp_path: Path) -> None:
    store = HitherVectorStore(tmp_path / "store.hither", columns={"lang": "text"})
    documents = [
        Document(text=f"text {number}", metadata={"lang": lang, "number": number})
        for number, lang in enumerate(["en", "fr", "en"])
    ]
    index = VectorStoreIndex.from_documents(
        documents,
        StorageContext.from_defaults(vector_store=store),
        embed_model=MockEmbedding(embed_dim=8),
    )
    filters = MetadataFilters(filters=[MetadataFilter(key="lang", value="en")])
    retriever = index.as_retriever(similarity_top_k=5, filters=filters)
    assert sorted(found.node.metadata["number"] for found in retriever.retrieve("x")) == [0, 2]
    assert len(asyncio.run(retriever.aretrieve("x"))) == 2
    index.delete_ref_doc(documents[0].doc_id)
    assert [found.node.get_content() for found in retriever.retrieve("x")] == ["text 2"]


def test_errors() -> None:
    store = HitherVectorStore()
    store.add(nodes())
    for asked, message in (
        (query(0, mode=VectorStoreQueryMode.HYBRID), "mode: hybrid is not there"),
        (VectorStoreQuery(), "query_embedding"),
        (
            query(
                0,
                filters=MetadataFilters(
                    filters=[
                        MetadataFilter(key="tags", value="x", operator=FilterOperator.CONTAINS)
                    ]
                ),
            ),
            "filters: 'contains' is not there",
        ),
    ):
        with pytest.raises(hither.InputError, match=message):
            store.query(asked)
    with pytest.raises(hither.InputError, match="fs: files are written"):
        store.persist("x", fs=object())
    with pytest.raises(hither.InputError, match="column of every store"):
        HitherVectorStore(columns={"node": "text"})
