import { openWhole } from "./index.js";

/** Opens an index file, or several that answer as one; or, if `lazy`, one that stays on its server. */
export async function open(source, options) {
  if (!options?.lazy) return openWhole(source, options);
  // Imported apart, for the sake of those who do not use it.
  const { openLazily } = await import("./lazy.js");
  return openLazily(source, options, openWhole);
}
