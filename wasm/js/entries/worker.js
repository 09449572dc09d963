// Browsers, and bundlers that copy files: the worker lies beside this file.
import { createBy } from "../remote.js";

createBy(() => {
  try {
    return new Worker(new URL("./worker-thread.js", import.meta.url), { type: "module" });
  } catch (error) {
    if (error.name !== "SecurityError") throw error;
    // The worker is of another origin, such as a CDN's: it may be imported by a worker, but not started as one.
    const program = `import ${JSON.stringify(import.meta.url.replace(/[^/]*$/, "worker-thread.js"))};`;
    return new Worker(URL.createObjectURL(new Blob([program], { type: "text/javascript" })), { type: "module" });
  }
});

export { Builder, HitherError, WorkerIndex, open } from "../remote.js";
