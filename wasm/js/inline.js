// For bundlers that do not copy the module: it lies within, as base64.
import { base64 } from "./hither_base64.js";
import { configure } from "./runtime.js";

configure({ module: () => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) });

export * from "./api.js";
