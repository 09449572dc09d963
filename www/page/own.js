// The visitor's own vectors: a dropped file is opened, or an index is made of it, kept or downloaded.
import { open } from "hither/worker";
import * as storage from "hither/storage";
import { attempt, say } from "./attempt.js";
import { element } from "./element.js";
import { explore } from "./explore.js";
import { readJsonLines } from "./jsonl.js";
import { ask, stop } from "./making.js";
import { bytes, count } from "./measures.js";
import { readNpy } from "./npy.js";

const $ = (id) => document.getElementById(id);
const status = $("own-status");

let taken = 0; // counts files, so that one that is read slowly does not replace a later one

async function take(file) {
  const turn = ++taken;
  const isLast = () => turn === taken;
  stop();
  $("make").hidden = true;
  say(status, `Reading ${file.name}`);
  await attempt(status, async () => {
    if (/\.(jsonl|ndjson)$/i.test(file.name)) {
      const rows = await readJsonLines(file, (rows) => isLast() && say(status, `Reading ${file.name}: ${count.format(rows)} rows`));
      if (isLast()) make(file, rows);
    } else if (/\.npy$/i.test(file.name)) {
      const rows = await readNpy(file);
      if (isLast()) make(file, rows);
    } else await show(file.name, file, isLast);
  }, isLast);
}

async function show(name, source, isAsked = () => true) {
  const index = await open(source);
  if (!isAsked()) return index.free();
  say(status, "");
  await explore(name, index);
}

/** Asks what is left to decide of rows that were read, and makes an index of them. */
function make(file, rows) {
  say(status, "");
  ask($("make"), file, rows, {
    onMade: show,
    async onKeep(name, made) {
      await storage.put(name, made);
      await listSaved();
    },
  });
}

async function listSaved() {
  const saved = await storage.list();
  $("saved").replaceChildren();
  if (!saved.length) return;
  const list = element("ul");
  for (const { name, bytes: size } of saved) {
    const opens = element("button", { type: "button", className: "link", textContent: name });
    opens.onclick = () => attempt(status, async () => show(name, await storage.get(name)));
    const removes = element("button", { type: "button", className: "quiet", textContent: "delete", ariaLabel: `Delete ${name}` });
    removes.onclick = () => attempt(status, async () => (await storage.remove(name), await listSaved()));
    list.append(element("li", {}, opens, element("span", { className: "note", textContent: bytes(size) }), removes));
  }
  $("saved").append(element("h3", { textContent: "Kept in this browser" }), list);
}

const drop = $("drop");
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // a file dropped beside the zone must not replace the page
    drop.classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}
$("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) take(file);
});
listSaved().catch((error) => say(status, error.message, true));
