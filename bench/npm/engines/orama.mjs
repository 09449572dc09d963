// Orama: a scan of all rows in JavaScript; stored as JSON.
import { create, insertMultiple, load, save as raw, search as find } from "@orama/orama";

export const index = "scan";
export const settings = [[undefined]];

const empty = (dimensions) => create({ schema: { embedding: `vector[${dimensions}]` } });

export async function init() {}

export async function build(vectors, { dimensions }) {
  const index = empty(dimensions);
  const documents = Array.from({ length: vectors.length / dimensions }, (_, row) => ({
    id: String(row),
    embedding: Array.from(vectors.subarray(row * dimensions, (row + 1) * dimensions)),
  }));
  await insertMultiple(index, documents, 1000);
  return index;
}

export const save = (index, { name, putText }) => putText(name, JSON.stringify(raw(index)));

export async function restore({ name, dimensions, getText }) {
  const index = empty(dimensions);
  load(index, JSON.parse(await getText(name)));
  return index;
}

export function search(index, query, k) {
  return find(index, { mode: "vector", vector: { value: query, property: "embedding" }, similarity: 0, limit: k });
}

export const rows = (found) => found.hits.map(({ id }) => Number(id));
