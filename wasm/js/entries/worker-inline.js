// For bundlers that copy neither workers nor modules: both are within the code.
import { module } from "./hither_base64.js";
import { createBy } from "../remote.js";
import program from "./worker-thread-inline.txt";

let url;
let bytes;

createBy((lazy) => {
  url ??= URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  bytes ??= module().catch(() => null);
  const worker = new Worker(url);
  bytes.then((module) => worker.postMessage({ module }));
  if (lazy) lazyBytes().then((lazy) => worker.postMessage({ lazy }));
  return worker;
});

async function lazyBytes() {
  return import("./hither_lazy_base64.js").then(({ module }) => module()).catch(() => null);
}

export { Builder, HitherError, WorkerIndex, open } from "../remote.js";
