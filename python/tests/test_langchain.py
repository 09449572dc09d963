"""hither.langchain: LangChain's own suite for vector stores, filters, files."""

# pyright: basic

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests

import hither
from hither.langchain import HitherVectorStore

EMBEDDING = DeterministicFakeEmbedding(size=16)
NOTES = [
    Document("bread", id="a", metadata={"lang": "en", "year": 2020, "tags": ["food"]}),
    Document("pain", id="b", metadata={"lang": "fr", "year": 2021, "score": 0.5}),
    Document("Brot", id="c", metadata={"lang": "de", "year": None, "note": {"q": 1}}),
    Document("bread and butter", id="d", metadata={"lang": "en", "year": 1999, "score": 2}),
]


class TestInMemory(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> Generator[VectorStore]:
        yield HitherVectorStore(self.get_embeddings())


class TestInAFile(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Generator[VectorStore]:
        store = HitherVectorStore(self.get_embeddings(), tmp_path / "store.hither")
        yield store
        store.save()


def ids(documents: list[Document]) -> str:
    return "".join(sorted(document.id or "?" for document in documents))


def test_filters() -> None:
    store = HitherVectorStore(EMBEDDING)
    assert store.similarity_search("x", filter={"lang": "en"}) == []
    assert store.add_documents(NOTES) == ["a", "b", "c", "d"]
    assert store.columns == {"lang": "text", "year": "int64", "score": "float64"}
    for filter, wanted in (
        ({"lang": "en"}, "ad"),
        ({"year": {"$gte": 2020}}, "ab"),
        ({"score": {"$gt": 0.1}}, "bd"),
        ({"$or": [{"lang": "fr"}, {"year": None}]}, "bc"),
        ('{"lang": {"$in": ["de", "fr"]}}', "bc"),
    ):
        assert ids(store.similarity_search("bread", filter=filter)) == wanted
        assert ids(store.max_marginal_relevance_search("bread", filter=filter)) == wanted
    assert store.get_by_ids(["d", "none", "a"]) == [NOTES[3], NOTES[0]]
    assert {document.id: document for document in store.similarity_search("x")} == {
        note.id: note for note in NOTES
    }
    with pytest.raises(hither.KeyNotFoundError, match='no column "tags"'):
        store.similarity_search("x", filter={"tags": "food"})
    with pytest.raises(hither.InputError, match="metadata 'year': 'soon' does not go"):
        store.add_documents([Document("x", metadata={"year": "soon"})])
    with pytest.raises(hither.InputError, match="3 for 4 documents"):
        store.add_documents(NOTES, ids=["a", "b", "c"])
    assert len(store) == 4
    assert store.delete() and len(store) == 0 and store.similarity_search("x") == []


def test_answers_are_those_of_langchain_in_memory() -> None:
    theirs, ours = InMemoryVectorStore(EMBEDDING), HitherVectorStore(EMBEDDING, element="f32")
    texts = [f"text {number}" for number in range(300)]
    theirs.add_texts(texts, ids=texts)
    ours.add_texts(texts, ids=texts)
    for query in ("text 7", "other"):
        wanted = theirs.similarity_search_with_score(query, k=10)
        found = ours.similarity_search_with_score(query, k=10, exact=True)
        assert [document for document, _ in found] == [document for document, _ in wanted]
        assert np.allclose([1 - it for _, it in found], [it for _, it in wanted], atol=1e-5)
        scores = ours.similarity_search_with_relevance_scores(query, k=10, exact=True)
        assert np.allclose([it for _, it in scores], [it for _, it in wanted], atol=1e-5)
        mmr: dict[str, Any] = {"k": 5, "fetch_k": 30, "lambda_mult": 0.3}
        assert ours.max_marginal_relevance_search(query, **mmr) == (
            theirs.max_marginal_relevance_search(query, **mmr)
        )
    found_by = ours.as_retriever(search_kwargs={"k": 3, "recall": 0.9}).invoke("text 8")
    assert found_by[0].page_content == "text 8"


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "notes.hither"
    moment = dt.datetime(2024, 5, 6, tzinfo=dt.timezone.utc)
    columns = {"lang": "text", "at": "timestamp", "year": "float64"}
    store = HitherVectorStore.from_texts(
        ["one", "two"],
        EMBEDDING,
        [{"lang": "en", "at": moment, "deep": {"x": [1]}}, {"year": 3}],
        ids=["1", "2"],
        path=path,
        columns=columns,
        metric="l2",
    )
    store.add_documents(NOTES)
    store.delete(["a"])
    store.save()
    again = HitherVectorStore(EMBEDDING, path)
    assert again.columns == columns and len(again) == 5
    first, second = again.get_by_ids(["1", "2"])
    assert first.metadata == {"lang": "en", "at": moment, "deep": {"x": [1]}}
    assert second.metadata == {"year": 3} and type(second.metadata["year"]) is int
    assert ids(again.similarity_search("x", filter={"at": {"$lt": "2024-06-01"}})) == "1"
    assert again.similarity_search_with_relevance_scores("one", k=1)[0][1] > 0.99
    again.add_texts(["three"], ids=["3"])
    again.save()
    assert len(hither.open(path)) == 6
    again.save(tmp_path / "copy.hither")
    hither.build([[1.0, 2.0]], path=tmp_path / "other.hither")
    with pytest.raises(hither.InputError, match="its keys are row number, not text"):
        HitherVectorStore(EMBEDDING, tmp_path / "other.hither")
    with pytest.raises(hither.InputError, match="'lang' is int64, and the file has it as text"):
        HitherVectorStore(EMBEDDING, path, columns={"lang": "int64"})
    with pytest.raises(hither.InputError, match="column of every store"):
        HitherVectorStore(EMBEDDING, columns={"text": "text"})
    HitherVectorStore(EMBEDDING, tmp_path / "none.hither").save()
    assert not (tmp_path / "none.hither").exists()


async def test_coroutines() -> None:
    store = HitherVectorStore(EMBEDDING)
    assert await store.aadd_documents(NOTES) == ["a", "b", "c", "d"]
    assert ids(await store.asimilarity_search("bread", filter={"lang": "en"})) == "ad"
    assert await store.aget_by_ids(["a"]) == NOTES[:1]


def test_other_metrics() -> None:
    store = HitherVectorStore(EMBEDDING, metric="ip")
    store.add_documents(NOTES)
    scores = store.similarity_search_with_relevance_scores("pain", k=1)
    assert scores[0][0] == NOTES[1]
    other: Any = HitherVectorStore(EMBEDDING, metric="l1")
    other.add_documents(NOTES)
    with pytest.raises(hither.InputError, match="no score of relevance"):
        other.similarity_search_with_relevance_scores("pain")
