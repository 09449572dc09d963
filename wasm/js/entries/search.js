// For pages that only search: a module of two thirds of the size.
import { configure } from "../runtime.js";

configure({ rank: 2, module: () => new URL("./hither_search.wasm", import.meta.url) });

export * from "../search-api.js";
