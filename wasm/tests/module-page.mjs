// In a page whose server does not give the module: reports with which codes each entry fails to open, or that it
// opens, until the server gives the module.
import { Builder, open } from "hither";
import { open as openToSearch } from "hither/search";
import { put } from "hither/storage";
import { open as openInWorker } from "hither/worker";
import { tell } from "./title.mjs";

const calls = [
  () => open("/words.hither"),
  () => openToSearch("/words.hither"),
  () => openInWorker("/words.hither"),
  () => put("words", "/words.hither"),
  () => new Builder({ dimensions: 2 }).finish(),
];

async function codes() {
  const said = new Set();
  for (const call of calls) {
    const error = await call().then(() => undefined, (error) => error);
    said.add(error ? `${error.code} ${error.status ?? ""}`.trim() : "opens");
    if (error && !/hither_(bg|search).*\.wasm/.test(error.message)) throw new Error(`it does not say what: ${error.message}`);
  }
  await fetch("/give");
  for (const call of calls) await call();
  return `codes: ${[...said].join(", ")}, then it opens: ok`;
}

tell(codes());
