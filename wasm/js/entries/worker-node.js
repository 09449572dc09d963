// Node's threads, which are almost Web Workers.
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { createBy } from "../remote.js";

createBy(() => {
  // By its path: a URL may be of a class that Node does not know, such as jsdom's.
  const worker = new Worker(fileURLToPath(new URL("./worker-thread-node.js", import.meta.url).href));
  worker.on("message", (data) => worker.onmessage({ data }));
  worker.on("error", (error) => worker.onerror(error));
  return worker;
});

export { Builder, HitherError, WorkerIndex, open } from "../remote.js";
