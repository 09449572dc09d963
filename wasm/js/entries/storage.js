// Keeps files in the browser. It says where the module is, because no other entry may have done so.
import { configure } from "../runtime.js";

configure({ rank: 1, module: () => new URL("./hither_bg.wasm", import.meta.url) });

export * from "../storage.js";
