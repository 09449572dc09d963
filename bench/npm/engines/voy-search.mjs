// voy: a k-d tree over vectors that it truncates or pads to 768 values; stored as a string. Its glue code
// is for bundlers that can import WebAssembly modules; these lines do what such a bundler does.
import * as glue from "voy-search/voy_search_bg.js";

export const index = "k-d tree";
export const settings = [[undefined]];

export async function init({ asset }) {
  const { instance } = await WebAssembly.instantiate(await asset("voy-search/voy_search_bg.wasm"), { "./voy_search_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
}

export function build(vectors, { dimensions }) {
  const embeddings = Array.from({ length: vectors.length / dimensions }, (_, row) => ({
    id: String(row),
    title: "",
    url: "",
    embeddings: Array.from(vectors.subarray(row * dimensions, (row + 1) * dimensions)),
  }));
  return new glue.Voy({ embeddings });
}

export const save = (index, { name, putText }) => putText(name, index.serialize());

export const restore = async ({ name, getText }) => glue.Voy.deserialize(await getText(name));

export const search = (index, query, k) => index.search(query, k);

export const rows = (found) => found.neighbors.map(({ id }) => Number(id));
