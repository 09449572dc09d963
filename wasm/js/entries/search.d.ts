/**
 * For pages that only search: as `hither`, but an index does not change and none is built, and what
 * a browser downloads is a third less. A page may import `hither` as well, before or later: what builds
 * is then downloaded too, and what is open already goes on.
 *
 * ```js
 * import { open } from "hither/search";
 * const index = await open("/words.hither");
 * ```
 */
import type { AnyColumns, Index as WholeIndex, OpenOptions, Source } from "./index.js";

export { HitherError, load, memory, version } from "./index.js";
export type * from "./index.js";

/** An open index that only searches: it refuses changes with `"unsupported"`, whichever module answers. */
export type Index<Columns extends object = AnyColumns> = Omit<
  WholeIndex<Columns>,
  "insert" | "update" | "remove" | "save"
>;

/** Opens an index file, or several that answer as one: as `open` of `hither`. */
export function open<Columns extends object = AnyColumns>(
  source: Source | Source[],
  options?: OpenOptions,
): Promise<Index<Columns>>;
