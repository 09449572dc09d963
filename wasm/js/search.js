// Pages that only search: a module of two thirds the size.
import { configure } from "./runtime.js";

configure({ rank: 2, module: () => new URL("./hither_search.wasm", import.meta.url) });

export { HitherError } from "./error.js";
export { open } from "./open.js";
export { SearchResult } from "./result.js";
export { load, memory, version } from "./runtime.js";
