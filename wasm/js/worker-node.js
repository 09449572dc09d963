// Node's threads, which are no Web Workers, but nearly.
import { Worker } from "node:worker_threads";
import { createBy } from "./remote.js";

createBy(() => {
  const worker = new Worker(new URL("./worker-thread-node.js", import.meta.url));
  worker.on("message", (data) => worker.onmessage({ data }));
  worker.on("error", (error) => worker.onerror(error));
  return worker;
});

export { Builder, HitherError, WorkerIndex, open } from "./remote.js";
