// Browsers and bundlers: the module lies beside this file, and is fetched when first needed.
import { configure } from "../runtime.js";

configure({
  rank: 3,
  module: () => new URL("./hither_bg.wasm", import.meta.url),
  lazy: () => new URL("./hither_lazy.wasm", import.meta.url),
});

export * from "../api.js";
