/**
 * For pages that only search: as `hither`, but an index does not change and none is built, and what
 * a browser downloads is a third less. On servers this is `hither`.
 *
 * ```js
 * import { open } from "hither/search";
 * const index = await open("/words.hither");
 * ```
 */
import type { Index as WholeIndex, OpenOptions, Source } from "./index.js";

export { HitherError, load, memory, version } from "./index.js";
export type * from "./index.js";

/** An open index that only searches. */
export type Index = Omit<WholeIndex, "insert" | "update" | "remove" | "save">;

/** Opens an index file, or several that answer as one: as `open` of `hither`. */
export function open(source: Source | Source[], options?: OpenOptions): Promise<Index>;
