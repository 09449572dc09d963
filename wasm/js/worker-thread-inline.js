// The worker where no file lies beside: the page sends it the module's bytes.
import { answerTo } from "./answer.js";
import { configure } from "./runtime.js";

const module = new Promise((resolve) => {
  addEventListener("message", ({ data }) => {
    if ("module" in data) resolve(data.module);
  });
});
configure({ rank: 3, module: () => module });
answerTo(globalThis);
