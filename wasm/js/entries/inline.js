// For bundlers that do not copy the module: it is within the code, compressed, as base64.
import { module } from "./hither_base64.js";
import { configure } from "../runtime.js";

const lazy = async () => (await import("./hither_lazy_base64.js")).module();
configure({ rank: 3, module, lazy });

export * from "../api.js";
