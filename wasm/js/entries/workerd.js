// Cloudflare's workerd and what is like it: modules are imported, compiling bytes is refused.
import module from "./hither_bg.wasm";
import { configure } from "../runtime.js";

configure({ rank: 3, module: () => module, sync: true });

export * from "../api.js";
