// Cloudflare's workerd and similar runtimes: they import modules, and refuse to compile bytes.
import module from "./hither_bg.wasm";
import { configure } from "../runtime.js";

const lazy = async () => (await import("./hither_lazy.wasm")).default;
configure({ rank: 3, module: () => module, lazy, sync: true });

export * from "../api.js";
