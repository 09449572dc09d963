// The worker where no file lies beside it: the page sends it the bytes of the modules.
import { answerTo } from "../answer.js";
import { configure } from "../runtime.js";

const sent = (name) =>
  new Promise((resolve) => {
    addEventListener("message", (event) => {
      if (!(name in event.data)) return;
      event.stopImmediatePropagation();
      resolve(event.data[name]);
    });
  });
const [module, lazy] = ["module", "lazy"].map(sent);
configure({ rank: 3, module: () => module, lazy: () => lazy });
answerTo(globalThis);
