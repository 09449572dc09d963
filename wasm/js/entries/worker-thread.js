// The worker of `hither/worker`, beside which the module lies.
import { answerTo } from "../answer.js";
import { configure } from "../runtime.js";

configure({
  rank: 3,
  module: () => new URL("./hither_bg.wasm", import.meta.url),
  lazy: () => new URL("./hither_lazy.wasm", import.meta.url),
});
answerTo(globalThis);
