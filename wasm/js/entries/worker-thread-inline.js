// The worker where no file lies beside: the page sends it the module's bytes.
import { answerTo } from "../answer.js";
import { configure } from "../runtime.js";

const module = new Promise((resolve) => {
  addEventListener("message", (event) => {
    if (!("module" in event.data)) return;
    event.stopImmediatePropagation();
    resolve(event.data.module);
  });
});
configure({ rank: 3, module: () => module });
answerTo(globalThis);
