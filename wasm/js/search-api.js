// What pages take that only search. Whatever module lies beneath, what they open does not change.
import { openWhole } from "./index.js";

export { HitherError } from "./error.js";
export { SearchResult } from "./result.js";
export { load, memory, version } from "./runtime.js";

export async function open(source, options) {
  return openWhole(source, options, { changes: false });
}
