// What pages take that only search. Whatever module lies beneath, what they open does not change.
export { HitherError } from "./error.js";
export { openToSearch as open } from "./open.js";
export { SearchResult } from "./result.js";
export { load, memory, version } from "./runtime.js";
