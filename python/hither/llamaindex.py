"""A vector store for LlamaIndex over an index file.

    store = HitherVectorStore(path="notes.hither")
    VectorStoreIndex.from_documents(documents, StorageContext.from_defaults(vector_store=store))
    store.persist()
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from . import _documents
from ._collection import Collection
from ._errors import InputError
from ._native import Index

__all__ = ["HitherVectorStore"]

_OWN = {"text": "text", "node": "json", "ref_doc_id": "text"}
_OPERATORS = {
    FilterOperator.EQ: "$eq",
    FilterOperator.NE: "$ne",
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
    FilterOperator.IN: "$in",
    FilterOperator.NIN: "$nin",
}
# How many more rows than wanted are weighed for answers that are unlike each other.
_MMR_ROWS = 4


class HitherVectorStore(BasePydanticVectorStore):
    """Nodes by meaning, in memory or in an index file, which every door of hither opens.

    Args:
        path: A file, which is opened if it is there; ``persist`` writes it. Without it the store is in memory.
        columns: The metadata that can be filtered by, with its types, such as ``{"lang": "text", "year": "int64"}``
            (bool, int64, float64, text, timestamp, uuid or bytes). Default: what the first nodes have, each with
            values of one type. The rest is kept, too.
        metric: ``"cosine"``, ``"l2"`` or ``"ip"``.
        options: Further options of ``hither.build``.
    """

    stores_text: bool = True
    flat_metadata: bool = False

    _rows: Collection = PrivateAttr()
    _infers: bool = PrivateAttr()

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        metric: str = "cosine",
        **options: Any,
    ) -> None:
        super().__init__(stores_text=True)
        for name in columns or {}:
            if name in _OWN:
                raise InputError(f"columns: {name!r} is a column of every store; name it otherwise")
        self._rows = Collection(
            path, key_type="text", columns={**(columns or {}), **_OWN}, metric=metric, **options
        )
        self._infers = columns is None and self._rows.index is None

    @classmethod
    def class_name(cls) -> str:
        """Its name for LlamaIndex."""
        return "HitherVectorStore"

    @classmethod
    def from_persist_path(cls, persist_path: str) -> HitherVectorStore:
        """The store of a file."""
        return cls(persist_path)

    @property
    def client(self) -> Index | None:
        """The index; None before the first node."""
        return self._rows.index

    @property
    def columns(self) -> dict[str, str]:
        """The metadata that can be filtered by, with its types."""
        return {name: kind for name, kind in self._rows.columns.items() if name not in _OWN}

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes that have embeddings, in place of those that have their ids; gives the ids."""
        if not nodes:
            return []
        metadatas = [node.metadata for node in nodes]
        if self._infers:
            self._rows.columns = {**_documents.columns_of(metadatas, list(_OWN)), **_OWN}
        columns = _documents.rows(metadatas, self.columns)
        del columns["metadata"]
        columns["text"] = [node.get_content(MetadataMode.NONE) for node in nodes]
        columns["ref_doc_id"] = [node.ref_doc_id for node in nodes]
        told = [node_to_metadata_dict(node, flat_metadata=self.flat_metadata) for node in nodes]
        columns["node"] = [
            {name: one[name] for name in ("_node_content", "_node_type")} for one in told
        ]
        vectors = np.asarray([node.get_embedding() for node in nodes], np.float32)
        self._rows.put(vectors, [node.node_id for node in nodes], columns)
        self._infers = False
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Remove the nodes of a document."""
        self._remove({"ref_doc_id": ref_doc_id})

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,
    ) -> None:
        """Remove nodes by their ids, those among them that match, or all that match."""
        self._rows.remove(self._keys(node_ids, filters))

    def clear(self) -> None:
        """Remove all nodes."""
        self._rows.clear()

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Nodes by their ids, those among them that match, or all that match."""
        index = self._rows.index
        if index is None:
            return []
        rows = [index.get(key) for key in self._keys(node_ids, filters)]
        nodes: list[BaseNode] = []
        for row in rows:
            if row is not None:
                node = _node(row)
                node.embedding = row.vector.tolist()
                nodes.append(node)
        return nodes

    def persist(self, persist_path: str = "", fs: Any = None) -> None:
        """Write the file, or another. It appears whole or not at all."""
        if fs is not None:
            raise InputError("fs: files are written to this machine; leave it out")
        self._rows.save(persist_path or None)

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The nearest nodes, nearest first; ``kwargs`` are options of ``Index.search``, such as ``recall``.

        Similarities are the cosine or the inner product; for ``l2`` 1 / (1 + distance).
        """
        modes = (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.MMR)
        if query.mode not in modes:
            raise InputError(f"mode: {query.mode.value} is not there; there are: default and mmr")
        if query.query_embedding is None:
            raise InputError("query_embedding: a search by meaning takes one")
        index = self._rows.index
        if index is None:
            return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
        is_mmr = query.mode == VectorStoreQueryMode.MMR
        threshold = kwargs.pop("mmr_threshold", query.mmr_threshold)
        wanted = query.similarity_top_k * (_MMR_ROWS if is_mmr else 1)
        filters = _filter(query.filters)
        # A retriever says that all nodes may be found by an empty list.
        if query.doc_ids:
            filters = {"$and": [filters, {"ref_doc_id": {"$in": list(query.doc_ids)}}]}
        vector = np.asarray(query.query_embedding, np.float32)
        if query.node_ids:
            among = set(query.node_ids).__contains__
            found = list(self._rows.nearest(vector, wanted, among, filter=filters, **kwargs))
        else:
            keys, distances = index.search(vector, wanted, filter=filters, **kwargs)
            found = list(zip(keys.tolist(), distances.tolist(), strict=True))
        rows = [index[key] for key, _ in found]
        similarities = [_similarity(index.metric)(distance) for _, distance in found]
        if is_mmr and rows:
            similarities, chosen = get_top_k_mmr_embeddings(
                query.query_embedding,
                [row.vector.tolist() for row in rows],
                similarity_top_k=query.similarity_top_k,
                embedding_ids=list(range(len(rows))),
                mmr_threshold=threshold,
            )
            rows = [rows[at] for at in chosen]
        return VectorStoreQueryResult(
            nodes=[_node(row) for row in rows],
            similarities=similarities,
            ids=[row.key for row in rows],
        )

    def _remove(self, filters: dict[str, Any]) -> None:
        if self._rows.index is not None:
            self._rows.remove(self._rows.index.keys(filters).tolist())

    def _keys(self, node_ids: list[str] | None, filters: MetadataFilters | None) -> list[str]:
        if self._rows.index is None:
            return []
        if node_ids is not None and filters is None:
            return node_ids
        matching: list[str] = self._rows.index.keys(_filter(filters)).tolist()
        if node_ids is None:
            return matching
        return [key for key in matching if key in set(node_ids)]


def _node(row: Any) -> BaseNode:
    return metadata_dict_to_node(row["node"])


def _similarity(metric: str) -> Callable[[float], float]:
    if metric == "cosine":
        return lambda distance: 1 - distance
    if metric == "ip":
        return lambda distance: -distance
    return lambda distance: 1 / (1 + distance)


def _filter(filters: MetadataFilters | None) -> dict[str, Any]:
    """LlamaIndex's filters as hither's."""
    if filters is None or not filters.filters:
        return {}
    parts = [
        _filter(one) if isinstance(one, MetadataFilters) else _condition(one)
        for one in filters.filters
    ]
    if filters.condition == FilterCondition.OR:
        return {"$or": parts}
    if filters.condition == FilterCondition.NOT:
        return {"$not": {"$or": parts}}
    return {"$and": parts}


def _condition(one: MetadataFilter) -> dict[str, Any]:
    if one.operator == FilterOperator.IS_EMPTY:
        return {one.key: {"$exists": False}}
    operator = _OPERATORS.get(one.operator)
    if operator is None:
        known = ", ".join(known.value for known in _OPERATORS)
        raise InputError(
            f"filters: {one.operator.value!r} is not there; there are: {known}, is_empty",
            "invalid_filter",
        )
    return {one.key: {operator: one.value}}
