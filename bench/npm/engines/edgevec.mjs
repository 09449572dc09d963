// edgevec: HNSW with the ef_search of its config, which cannot be changed after building, or its binary
// codes with rescoring. Its metric "cosine" returns the farthest rows first (0.9.0), so it uses "l2", which
// gives the same order for rows of length 1. Stored in IndexedDB by `save`.
import init_, { EdgeVec, EdgeVecConfig } from "edgevec";

export const index = "HNSW";
export const builtWith = [15, 20, 40, 80, 160];
export const settings = [["graph"], [2, 3, 5, 8, 12, 20]];

export async function init({ asset }) {
  await init_({ module_or_path: await asset("edgevec/edgevec_bg.wasm") });
}

export function build(vectors, { dimensions, m, efConstruction }, efSearch) {
  const config = new EdgeVecConfig(dimensions);
  config.metric = "l2";
  config.m = m;
  config.m0 = 2 * m;
  config.ef_construction = efConstruction;
  config.ef_search = efSearch;
  const index = new EdgeVec(config);
  index.insertBatchFlat(vectors, vectors.length / dimensions);
  index.enableBQ();
  return index;
}

export async function save(index, { name }) {
  await index.save(name);
  return index.serializedSize();
}

export async function restore({ name }) {
  const index = await EdgeVec.load(name);
  if (!index.hasBQ()) index.enableBQ();
  return index;
}

export function search(index, query, k, setting) {
  return setting === "graph" ? index.search(query, k) : index.searchBQRescored(query, k, setting);
}

export const rows = (found) => found.map(({ id }) => id - 1);
