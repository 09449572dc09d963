// For bundlers that copy neither workers nor modules: both lie within.
import { module } from "./hither_base64.js";
import { createBy } from "./remote.js";
import program from "./worker-thread-inline.txt";

let url;
let bytes;

createBy(() => {
  url ??= URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  bytes ??= module();
  const worker = new Worker(url);
  bytes.then((module) => worker.postMessage({ module }), () => worker.postMessage({ module: null }));
  return worker;
});

export { HitherError } from "./error.js";
export { Builder, WorkerIndex, open } from "./remote.js";
