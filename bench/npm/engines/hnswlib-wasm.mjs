// hnswlib compiled with Emscripten, used as in its README; stored in IndexedDB by its own file system.
import { loadHnswlib } from "hnswlib-wasm";

export const index = "HNSW";
export const settings = [[10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 600]];

let library;

export async function init() {
  library = await loadHnswlib();
}

export function build(vectors, { dimensions, m, efConstruction }) {
  const rows = vectors.length / dimensions;
  const index = new library.HierarchicalNSW("cosine", dimensions, "");
  index.initIndex(rows, m, efConstruction, 100);
  // Passing all rows in one call would copy them twice more.
  for (let first = 0; first < rows; first += 1000) {
    const some = [];
    for (let row = first; row < Math.min(first + 1000, rows); row += 1) {
      some.push(vectors.subarray(row * dimensions, (row + 1) * dimensions));
    }
    index.addItems(some, false);
  }
  return index;
}

const synchronise = (read) => new Promise((done) => library.EmscriptenFileSystemManager.syncFS(read, done));

export async function save(index, { name }) {
  await index.writeIndex(name);
  await synchronise(false);
}

export async function restore({ name, dimensions, rows }) {
  await synchronise(true);
  const index = new library.HierarchicalNSW("cosine", dimensions, "");
  await index.readIndex(name, rows);
  return index;
}

let ef;

export function search(index, query, k, efSearch) {
  if (ef !== efSearch) index.setEfSearch((ef = efSearch));
  return index.searchKnn(query, k, undefined);
}

export const rows = (found) => found.neighbors;
