"""A vector store for LangChain over an index file.

    store = HitherVectorStore(embeddings, path="notes.hither")
    store.add_documents(documents)
    store.similarity_search("bread", k=5, filter={"lang": "en", "year": {"$gte": 2020}})
    store.save()
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from . import _documents
from ._collection import Collection
from ._errors import InputError

__all__ = ["HitherVectorStore"]

_OWN = {"text": "text", "metadata": "json"}


class HitherVectorStore(VectorStore):
    """Documents by meaning, in memory or in an index file, which every door of hither opens.

    Args:
        embedding: What makes vectors of texts.
        path: A file, which is opened if it is there; ``save`` writes it. Without it the store is in memory.
        columns: The metadata that can be filtered by, with its types, such as ``{"lang": "text", "year": "int64"}``
            (bool, int64, float64, text, timestamp, uuid or bytes). Default: what the first documents have, each
            with values of one type. The rest is kept, too.
        metric: ``"cosine"``, ``"l2"`` or ``"ip"``.
        options: Further options of ``hither.build``.
    """

    def __init__(
        self,
        embedding: Embeddings,
        path: str | os.PathLike[str] | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        metric: str = "cosine",
        **options: Any,
    ) -> None:
        for name in columns or {}:
            if name in _OWN:
                raise InputError(f"columns: {name!r} is a column of every store; name it otherwise")
        self._embedding = embedding
        self._infers = columns is None
        self._metric = metric
        self._rows = Collection(
            path, key_type="text", columns={**(columns or {}), **_OWN}, metric=metric, **options
        )
        if self._rows.index is not None:
            self._infers, self._metric = False, self._rows.index.metric

    @property
    def embeddings(self) -> Embeddings:
        """What makes vectors of texts."""
        return self._embedding

    @property
    def columns(self) -> dict[str, str]:
        """The metadata that can be filtered by, with its types."""
        return {name: kind for name, kind in self._rows.columns.items() if name not in _OWN}

    def __len__(self) -> int:
        return len(self._rows)

    def add_documents(
        self, documents: list[Document], ids: list[str] | None = None, **kwargs: Any
    ) -> list[str]:
        """Embed documents and add them, in place of those that have their ids; gives all ids."""
        vectors = self._embedding.embed_documents([document.page_content for document in documents])
        return self.add_vectors(vectors, documents, ids)

    async def aadd_documents(
        self, documents: list[Document], ids: list[str] | None = None, **kwargs: Any
    ) -> list[str]:
        """The same, with the embeddings' own coroutine."""
        texts = [document.page_content for document in documents]
        return self.add_vectors(await self._embedding.aembed_documents(texts), documents, ids)

    def add_vectors(
        self, vectors: Any, documents: Sequence[Document], ids: Sequence[str] | None = None
    ) -> list[str]:
        """Add documents whose vectors are there, ``[documents, dimensions]``."""
        if ids is not None and len(ids) != len(documents):
            raise InputError(f"ids: there are {len(ids)} for {len(documents)} documents")
        given = ids if ids is not None else [document.id for document in documents]
        keys = [key or str(uuid.uuid4()) for key in given]
        if not keys:
            return keys
        metadatas = [document.metadata for document in documents]
        if self._infers:
            self._rows.columns = {**_documents.columns_of(metadatas, list(_OWN)), **_OWN}
        columns = _documents.rows(metadatas, self.columns)
        columns["text"] = [document.page_content for document in documents]
        self._rows.put(np.asarray(vectors, np.float32), keys, columns)
        self._infers = False
        return keys

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Remove documents by their ids; without ids all."""
        if ids is None:
            self._rows.clear()
        else:
            self._rows.remove(ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Documents by their ids; those that are not there are left out."""
        index = self._rows.index
        rows = [] if index is None else [index.get(key) for key in ids]
        return [self._document(row) for row in rows if row is not None]

    def save(self, path: str | os.PathLike[str] | None = None) -> None:
        """Write the file, or another. It appears whole or not at all."""
        self._rows.save(path)

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The nearest documents, nearest first.

        Args:
            query: A text.
            k: How many.
            kwargs: ``filter``, such as ``{"lang": "en", "year": {"$gte": 2020}}``, and the other options of
                ``Index.search``: ``recall``, ``ef_search``, ``exact``, ``radius``.
        """
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The same, with distances, of which the least is the nearest."""
        return self.similarity_search_with_score_by_vector(
            self._embedding.embed_query(query), k, **kwargs
        )

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """The documents that are nearest to a vector."""
        found = self.similarity_search_with_score_by_vector(embedding, k, **kwargs)
        return [document for document, _ in found]

    def similarity_search_with_score_by_vector(
        self, embedding: Any, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The same, with distances."""
        index = self._rows.index
        if index is None:
            return []
        hits = index.search(np.asarray(embedding, np.float32), k, **kwargs).hits()
        return [(self._document(hit), hit.distance) for hit in hits]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Of the ``fetch_k`` nearest documents ``k`` that are unlike each other; ``lambda_mult`` of 1 is nearness
        alone, 0 difference alone.
        """
        return self.max_marginal_relevance_search_by_vector(
            self._embedding.embed_query(query), k, fetch_k, lambda_mult, **kwargs
        )

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """The same, of a vector."""
        index = self._rows.index
        if index is None:
            return []
        query = np.asarray(embedding, np.float32)
        hits = index.search(query, fetch_k, **kwargs).hits()
        vectors = [index[hit.key].vector.tolist() for hit in hits]
        chosen = maximal_marginal_relevance(query, vectors, lambda_mult, k)
        return [self._document(hits[at]) for at in chosen]

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> HitherVectorStore:
        """A store of texts; ``kwargs`` as the store takes them."""
        store = cls(embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        scores: dict[str, Callable[[float], float]] = {
            "cosine": self._cosine_relevance_score_fn,
            "l2": self._euclidean_relevance_score_fn,
            "ip": self._max_inner_product_relevance_score_fn,
        }
        if self._metric not in scores:
            raise InputError(f"metric: there is no score of relevance for {self._metric}")
        return scores[self._metric]

    def _document(self, row: Any) -> Document:
        text = row["text"] or ""
        return Document(
            text, id=row.key, metadata=_documents.metadata(row.columns, self.columns)
        )
