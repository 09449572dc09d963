// What keeps files in the browser: no other entry may have said where the module is.
import { configure } from "../runtime.js";

configure({ rank: 1, module: () => new URL("./hither_bg.wasm", import.meta.url) });

export * from "../storage.js";
