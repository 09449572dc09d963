// @ruvector/wasm: a scan of all rows, whatever is requested ("HNSW requested but not available").
import init_, { VectorDB } from "@ruvector/wasm";

export const index = "scan";
export const settings = [[undefined]];

export async function init({ asset }) {
  await init_({ module_or_path: await asset("@ruvector/wasm/pkg/ruvector_wasm_bg.wasm") });
}

export function build(vectors, { dimensions }) {
  const index = new VectorDB(dimensions, "cosine", true);
  const rows = vectors.length / dimensions;
  for (let row = 0; row < rows; row += 1) {
    index.insert(vectors.slice(row * dimensions, (row + 1) * dimensions), String(row));
  }
  return index;
}

export async function save(index) {
  await index.saveToIndexedDB();
}

export async function restore({ name }) {
  return VectorDB.loadFromIndexedDB(name);
}

export const search = (index, query, k) => index.search(query, k);

export const rows = (found) => found.map(({ id }) => Number(id));
