import { openWhole } from "./index.js";

/** Opens an index file, or several that answer as one; or, if `lazy`, one that stays where it is. */
export async function open(source, options) {
  if (!options?.lazy) return openWhole(source, options);
  // Apart, for those alone who use it.
  const { openLazily } = await import("./lazy.js");
  return openLazily(source, options, openWhole);
}
