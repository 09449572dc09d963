// The download size of each package in a browser: its WebAssembly module, and its JavaScript bundled and
// minified as for a site, each compressed with gzip -9.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Resolves imports like bundlers that copy a module beside the script, which esbuild itself does not. */
export const conditions = ["production", "module"];

const here = fileURLToPath(new URL(".", import.meta.url));

const used = {
  hither: ['export { open, Builder } from "hither"', "hither/hither_bg.wasm"],
  "hnswlib-wasm": ['export { loadHnswlib } from "hnswlib-wasm"'],
  edgevec: ['export { default, EdgeVec, EdgeVecConfig } from "edgevec"', "edgevec/edgevec_bg.wasm"],
  "voy-search": ['export { Voy, __wbg_set_wasm } from "voy-search/voy_search_bg.js"', "voy-search/voy_search_bg.wasm"],
  ruvector: ['export { default, VectorDB } from "@ruvector/wasm"', "@ruvector/wasm/pkg/ruvector_wasm_bg.wasm"],
  orama: ['export { create, insertMultiple, search, save, load } from "@orama/orama"'],
};

export async function weigh(engine) {
  const [contents, module] = used[engine];
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here },
    bundle: true,
    conditions,
    splitting: true,
    format: "esm",
    minify: true,
    write: false,
    outdir: "out",
    logLevel: "error",
  });
  const size = (bytes) => gzipSync(bytes, { level: 9 }).length;
  const script = outputFiles.reduce((sum, { contents: bytes }) => sum + size(bytes), 0);
  return script + (module ? size(readFileSync(join(here, "node_modules", module))) : 0);
}
