// For bundlers that do not copy the module: it lies within, compressed, as base64.
import { module } from "./hither_base64.js";
import { configure } from "../runtime.js";

configure({ rank: 3, module });

export * from "../api.js";
