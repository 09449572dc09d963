// The visitor's own vectors: a dropped file is opened, or an index is made of it, kept or downloaded.
import { open } from "hither/worker";
import * as storage from "hither/storage";
import { explore } from "./explore.js";
import { readJsonLines } from "./jsonl.js";
import { makeIndex } from "./make.js";
import { bytes, count } from "./measures.js";
import { readNpy } from "./npy.js";

const $ = (id) => document.getElementById(id);
const METRICS = { cosine: "cosine", l2: "L2", ip: "negative inner product", l1: "L1" };

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function say(text, failed = false) {
  $("own-status").textContent = text;
  $("own-status").classList.toggle("error", failed);
}

/** Runs what may fail, and says why it did, if that is still asked for. */
async function attempt(run, isAsked = () => true) {
  try {
    await run();
  } catch (error) {
    if (!isAsked()) return;
    say(error.name === "AbortError" || error.code === "aborted" ? "Stopped; nothing was kept." : error.message, error.name !== "AbortError");
  }
}

let taken = 0; // counts files, so that one that is read slowly does not replace a later one

async function take(file) {
  const turn = ++taken;
  const isLast = () => turn === taken;
  $("make").hidden = true;
  say(`Reading ${file.name}`);
  await attempt(async () => {
    if (/\.(jsonl|ndjson)$/i.test(file.name)) {
      const rows = await readJsonLines(file, (rows) => isLast() && say(`Reading ${file.name}: ${count.format(rows)} rows`));
      if (isLast()) ask(file, rows);
    } else if (/\.npy$/i.test(file.name)) {
      const rows = await readNpy(file);
      if (isLast()) ask(file, rows);
    } else await show(file.name, file, isLast);
  }, isLast);
}

async function show(name, source, isAsked = () => true) {
  const index = await open(source);
  if (!isAsked()) return index.free();
  say("");
  await explore(name, index);
}

/** Asks what is left to decide before an index is made. */
function ask(file, rows) {
  const form = $("make");
  const metric = element("select", {}, ...Object.entries(METRICS).map(([value, text]) => element("option", { value, text })));
  const keys = element("select", {}, element("option", { value: "", text: "row number" }));
  for (const { name, type, isKey = false } of rows.keys) {
    keys.append(element("option", { value: name, text: `${name} (${type})`, selected: isKey }));
  }
  const work = element("div", { className: "work" });
  const start = element("button", { className: "solid", type: "submit", textContent: "Make the index" });
  const columns = rows.columns.map(({ name, type }) => `${name} (${type})`).join(", ");
  form.replaceChildren(
    element("h3", { textContent: "Make an index here" }),
    element("p", {
      className: "note",
      textContent:
        `${file.name}: ${count.format(rows.rows)} rows of ${rows.dimensions} dimensions` +
        (rows.field ? ` in “${rows.field}”` : "") + (columns ? `; columns ${columns}` : "; no columns"),
    }),
    element("label", {}, "Distance", metric),
    ...(rows.keys.length ? [element("label", {}, "Key", keys)] : []),
    start,
    work,
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    start.disabled = true;
    attempt(() => build(file, rows, metric.value, keys.value, work)).finally(() => (start.disabled = false));
  };
  form.hidden = false;
  say("");
  start.focus();
}

async function build(file, rows, metric, keyField, work) {
  const stopped = new AbortController();
  const bar = element("progress", { max: 1, value: 0, ariaLabel: "Making the index" });
  const stage = element("span", { className: "number" });
  const stop = element("button", { type: "button", className: "ghost", textContent: "Stop" });
  stop.onclick = () => stopped.abort();
  work.replaceChildren(bar, element("div", { className: "actions" }, stop, stage));
  try {
    const made = await makeIndex(rows, { metric, key: keyField || undefined }, {
      signal: stopped.signal,
      onProgress: ({ stage: name, done, total, share }) => {
        bar.value = share;
        stage.textContent = `${name}: ${count.format(done)} of ${count.format(total)}`;
      },
    });
    const name = file.name.replace(/\.\w+$/, "") + ".hither";
    offer(name, made, work);
    await show(name, made.slice());
  } catch (error) {
    work.replaceChildren();
    throw error;
  }
}

let offered; // the address of the index that was offered last, whose bytes lie in memory until it is revoked

/** Offers the bytes of a new index: to keep in this browser, or to download. */
function offer(name, made, work) {
  if (offered) URL.revokeObjectURL(offered);
  offered = URL.createObjectURL(new Blob([made], { type: "application/octet-stream" }));
  const link = element("a", {
    className: "solid",
    download: name,
    href: offered,
    textContent: `Download ${name}`,
  });
  const keep = element("button", { type: "button", className: "ghost", textContent: "Keep in this browser" });
  keep.onclick = () =>
    attempt(async () => {
      await storage.put(name, made);
      keep.replaceWith("Kept.");
      await listSaved();
    });
  work.replaceChildren(element("div", { className: "actions" }, link, keep, element("span", { textContent: bytes(made.length) })));
}

async function listSaved() {
  const saved = await storage.list();
  $("saved").replaceChildren();
  if (!saved.length) return;
  const list = element("ul");
  for (const { name, bytes: size } of saved) {
    const opens = element("button", { type: "button", className: "link", textContent: name });
    opens.onclick = () => attempt(async () => show(name, await storage.get(name)));
    const removes = element("button", { type: "button", className: "quiet", textContent: "delete", ariaLabel: `Delete ${name}` });
    removes.onclick = () => attempt(async () => (await storage.remove(name), await listSaved()));
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
listSaved().catch((error) => say(error.message, true));
