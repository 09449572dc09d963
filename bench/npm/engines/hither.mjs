// The packed package, used as in its README: codes and f16 vectors, stored with hither/storage.
import { Builder, load, open } from "hither";

export const index = "HNSW";
export const settings = [[10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 600]];

let storage;

export async function init({ asset }) {
  await load(await asset("hither/hither_bg.wasm"));
  // A page that stores files also loads this code, as with other engines.
  if (typeof document !== "undefined") storage = await import("hither/storage");
}

export async function build(vectors, { dimensions, m, efConstruction }) {
  const builder = new Builder({ dimensions, metric: "cosine", kind: "hnsw", m, efConstruction });
  builder.addMany(vectors);
  return { bytes: await builder.finish() };
}

export async function save({ bytes }, { name, put }) {
  if (put) return put(name, bytes);
  return (await storage.put(name, bytes)).bytes;
}

export async function restore({ name, path }) {
  return path ? open(path(name)) : storage.open(name);
}

export function search(index, query, k, efSearch) {
  return index.search(query, { k, efSearch, include: false });
}

export const rows = (found) => found.keys;
