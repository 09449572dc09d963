// The API for pages that only search. Whichever module is below it, indexes that it opens do not change.
import { openWhole } from "./index.js";

export { HitherError } from "./error.js";
export { SearchResult } from "./result.js";
export { load, memory, version } from "./runtime.js";

export async function open(source, options) {
  return openWhole(source, options, { changes: false });
}
