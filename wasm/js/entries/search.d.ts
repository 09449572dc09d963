/**
 * For pages that only search: like `hither`, but indexes cannot be changed or built, and a browser downloads a third
 * less. A page may import `hither` as well, before or later: the module that builds is then downloaded too, and what
 * is open already keeps working.
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

/** Opens an index file, or several that answer as one, like `open` of `hither`. */
export function open<Columns extends object = AnyColumns>(
  source: Source | Source[],
  options?: OpenOptions,
): Promise<Index<Columns>>;
