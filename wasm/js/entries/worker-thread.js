// The worker of `hither/worker`, which has the module beside it.
import { answerTo } from "../answer.js";
import { configure } from "../runtime.js";

configure({
  rank: 3,
  module: () => new URL("./hither_bg.wasm", import.meta.url),
  lazy: () => new URL("./hither_lazy.wasm", import.meta.url),
});
answerTo(globalThis);
