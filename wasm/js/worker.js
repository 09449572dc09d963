import { createBy } from "./remote.js";

createBy(() => new Worker(new URL("./worker-thread.js", import.meta.url), { type: "module" }));

export { HitherError } from "./error.js";
export { Builder, WorkerIndex, open } from "./remote.js";
