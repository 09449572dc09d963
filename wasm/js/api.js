export { Builder } from "./builder.js";
export { HitherError } from "./error.js";
export { Index } from "./index.js";
export { open } from "./open.js";
export { SearchResult } from "./result.js";
export { load, memory, version } from "./runtime.js";
