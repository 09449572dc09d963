// The dictionary: joins the field, the list of neighbours, the map and the measures.
import { createCombobox } from "./combobox.js";
import { Dictionary } from "./engine.js";
import { Letters } from "./letters.js";
import { createLoading } from "./loading.js";
import { createMap } from "./map.js";
import { Measures, count } from "./measures.js";
import "./own.js";

const NEIGHBOURS = 40; // on the map
const LISTED = 12; // in the list, before "show more"
const K = 10; // of recall@k
const FIRST = "lantern";
const PARTS = { noun: "n.", verb: "v.", adj: "adj.", adv: "adv." };
const NAMES = { noun: "noun", verb: "verb", adj: "adjective", adv: "adverb" };
const PLURALS = { noun: "nouns", verb: "verbs", adj: "adjectives", adv: "adverbs" };
const PAUSE = 500; // milliseconds without a change before it is announced

const $ = (id) => document.getElementById(id);
const measures = new Measures($("measures"));
const loading = createLoading($("loading"), $("loaded"));
const idle = window.requestIdleCallback?.bind(window) ?? ((run) => setTimeout(run, 60));

/** An element with a class, attributes and children. */
function make(tag, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

const partMark = (part) => make("span", { class: "part", "data-part": part, title: NAMES[part], text: PARTS[part] });
const firstWord = (row) => row.words.split(", ")[0];

let dictionary;
let letters;
let byKey;
let first; // the row that is shown at the start
let wanted; // the row that was asked for last, none while a word is shown that is not there
let before; // the row that was shown before such a word
let shown; // the row in the middle
let asked = 0; // counts searches, so that a late answer is dropped
let measured = new Set(); // keys whose recall is known
let expanded = false;

const map = createMap($("map"), {
  onPick: (item) => visit(byKey.get(item.key)),
  onLook: (item) => {
    for (const entry of $("neighbours").children) entry.classList.toggle("lit", entry.dataset.key === String(item?.key));
    tellMap(item);
  },
});
let aboutMap = "";

function tellMap(item) {
  const row = item && byKey.get(item.key);
  $("map-note").replaceChildren(
    ...(row
      ? [make("b", { text: firstWord(row) }), " ", partMark(row.pos), ` ${row.definition}`]
      : [aboutMap]),
  );
}

const field = createCombobox($("word"), $("letters"), {
  find(text) {
    const entries = letters.find(text);
    const isThere = entries.length > 0;
    const near = isThere ? [] : letters.near(text);
    tell($("status"), isThere ? "" : near.length ? "Not in this dictionary. Spelt nearly so:" : "Not in this dictionary, nor anything spelt like it.");
    return { isThere, entries: isThere ? entries : near };
  },
  draw(entry, text) {
    const typed = entry.folded.startsWith(text.trimStart().toLowerCase()) ? text.trimStart().length : 0;
    return [
      make("span", { class: "spelt" }, make("span", { class: "typed", text: entry.spelt.slice(0, typed) }), entry.spelt.slice(typed)),
      partMark(entry.row.pos),
    ];
  },
  onPreview(entry) {
    measures.watchFrames();
    show(entry.row);
  },
  onCommit: (entry) => visit(entry.row, entry.spelt),
  onAbsent: showAbsent,
  onEmpty: () => !wanted && before && show(before),
});

/** Sets the text of a live region, which is read out whenever it is set, be it the same. */
function tell(region, text) {
  if (region.textContent !== text) region.textContent = text;
}

/** Goes to a sense as a link does: it enters the history, and the field takes its word. */
function visit(row, spelt = firstWord(row)) {
  if (location.hash !== `#${row.key}`) history.pushState(null, "", `#${row.key}`);
  field.set(spelt, row);
  measures.watchFrames();
  return show(row);
}

function drawEntry(row) {
  const words = row.words.split(", ");
  const others = [...new Set(words.flatMap((spelt) => letters.senses(spelt)))].filter((other) => other !== row);
  const title = make("h3", {}, words.join(", "), " ", partMark(row.pos));
  const parts = [title, make("p", { class: "gloss", text: row.definition })];
  if (others.length) {
    const line = make("p", { class: "senses" }, others.length === 1 ? "Another sense: " : "Other senses: ");
    others.slice(0, 6).forEach((other, i) => {
      const link = make("button", { class: "link", type: "button", title: other.definition, text: clip(other.definition, 44) });
      link.addEventListener("click", () => visit(other));
      line.append(...(i ? ["; "] : []), partMark(other.pos), " ", link);
    });
    parts.push(line);
  }
  const held = $("entry").contains(document.activeElement);
  $("entry").replaceChildren(...parts);
  if (!held) return;
  // What was pressed is gone; the keyboard goes on from here.
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
}

const clip = (text, length) => (text.length <= length ? text : `${text.slice(0, text.lastIndexOf(" ", length)).replace(/[,;:(]+$/, "")}…`);

function drawNeighbours(rows) {
  const farthest = rows.at(-1)?.distance || 1;
  const list = $("neighbours");
  const held = list.contains(document.activeElement);
  list.replaceChildren(
    ...rows.slice(0, expanded ? rows.length : LISTED).map((row) => {
      const bar = make("i");
      bar.style.setProperty("--share", (row.distance / farthest).toFixed(3));
      const button = make(
        "button", { type: "button" },
        make("span", { class: "term" }, make("b", { text: row.words }), " ", partMark(row.pos)),
        make("span", { class: "far number", "data-part": row.pos, title: "cosine distance" }, row.distance.toFixed(3), bar),
        make("span", { class: "gloss", text: row.definition }),
      );
      const item = make("li", { "data-key": row.key }, button);
      button.addEventListener("click", () => visit(byKey.get(row.key)));
      item.addEventListener("pointerenter", () => map.look(row.key));
      item.addEventListener("pointerleave", () => map.look(undefined));
      return item;
    }),
  );
  $("more").hidden = expanded || rows.length <= LISTED;
  $("more").textContent = `Show all ${rows.length}`;
  if (held) list.querySelector("button")?.focus({ preventScroll: true });
}

/** Says that a word is not there, and shows no neighbours: they would be another word's. */
function showAbsent(text, near) {
  asked++;
  before = wanted ?? before;
  wanted = shown = undefined;
  document.title = `${text} – hither`;
  const title = make("h3", { text });
  const parts = [title, make("p", { class: "gloss", text: `is none of the ${count.format(letters.size)} words of this dictionary, and begins none.` })];
  if (near.length) {
    const line = make("p", { class: "senses" }, "Spelt nearly so: ");
    near.forEach((entry, i) => {
      const link = make("button", { class: "link", type: "button", title: entry.row.definition, text: entry.spelt });
      link.addEventListener("click", () => visit(entry.row, entry.spelt));
      line.append(...(i ? ["; "] : []), link, " ", partMark(entry.row.pos));
    });
    parts.push(line);
  }
  $("entry").replaceChildren(...parts);
  $("neighbours").replaceChildren();
  $("more").hidden = true;
  map.show([]);
  aboutMap = "A word that is not there has no neighbours.";
  tellMap();
  announce(near.length ? `Spelt nearly so: ${[...new Set(near.map(({ spelt }) => spelt))].join(", ")}` : "");
}

let announcing;

/** Announces a change once it lasts: not at every letter that is typed. */
function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => tell($("heard"), text), PAUSE);
}

/** Shows a sense and its neighbours. */
async function show(row) {
  const turn = ++asked;
  wanted = row;
  const part = document.querySelector("#parts input:checked").value;
  const started = performance.now();
  let rows;
  try {
    rows = await dictionary.near(row.key, NEIGHBOURS, part);
  } catch (error) {
    $("status").textContent = error.message;
    return;
  }
  measures.searched(performance.now() - started);
  if (turn !== asked) return;
  if (row !== shown) expanded = false;
  shown = row;
  document.title = `${firstWord(row)} – hither`;
  drawEntry(row);
  drawNeighbours(rows);
  announce(`${rows.length} ${part ? PLURALS[part] : "words"} near ${firstWord(row)}`);
  $("more").onclick = () => {
    expanded = true;
    drawNeighbours(rows);
    $("neighbours").children[LISTED]?.querySelector("button").focus();
  };
  const around = [row, ...rows];
  const vectors = await dictionary.vectors(around.map(({ key }) => key));
  if (turn !== asked) return;
  const fit = map.show(
    around.map((other, i) => ({
      key: other.key,
      label: firstWord(other),
      part: other.pos,
      vector: vectors[i],
      text: `${other.words}, ${NAMES[other.pos]}${i ? `, distance ${other.distance.toFixed(3)}` : ""}: ${other.definition}`,
    })),
  );
  aboutMap = `${rows.length} nearest concepts, each joined to one near it. Distances on the plane follow the true ones with a correlation of ${fit.toFixed(2)}.`;
  tellMap();
  if (!part) measureRecall(row.key, rows);
}

/** Compares a search with the exact answer, once the page has nothing better to do. */
function measureRecall(key, rows) {
  if (measured.has(key)) return;
  measured.add(key);
  const found = new Set(rows.slice(0, K).map((row) => row.key));
  idle(async () => {
    const exact = await dictionary.exact(key, K);
    measures.recalled(exact.filter((other) => found.has(other)).length / exact.length, dictionary.rows, K, NEIGHBOURS);
  });
}

/** Searches senses spread over the whole index, so that the panel says something from the start. */
async function warmUp(senses, many) {
  for (let i = 0; i < many; i++) {
    const { key } = senses[Math.floor((i + 0.5) * senses.length / many)];
    await new Promise((resume) => idle(resume));
    const started = performance.now();
    const rows = await dictionary.near(key, NEIGHBOURS, "");
    measures.searched(performance.now() - started);
    measureRecall(key, rows);
  }
}

function fromHash() {
  return byKey.get(Number(decodeURIComponent(location.hash.slice(1)) || NaN));
}

async function begin() {
  const offline = Boolean(navigator.serviceWorker?.controller);
  const opening = performance.now();
  dictionary = await Dictionary.open(new URL("words.hither", import.meta.url).href, loading.progress);
  const opened = performance.now();
  const senses = await dictionary.senses();
  byKey = new Map(senses.map((row) => [row.key, row]));
  letters = new Letters(senses);
  loading.end();
  $("word").disabled = false;
  first = letters.senses(FIRST)[0] ?? senses[0];
  const row = fromHash() ?? first;
  field.set(fromHash() ? firstWord(row) : FIRST, row);
  await show(row);
  measures.opened(performance.now(), opened - opening);
  document.body.dataset.ready = "";
  $("word").placeholder = `${count.format(letters.size)} words`;
  const files = await (await fetch(new URL("files.json", import.meta.url))).json();
  measures.loaded(files, offline);
  // Only now, so that it does not fetch the index beside the page.
  navigator.serviceWorker
    ?.register(new URL("offline.js", import.meta.url))
    .catch((error) => console.warn("Not kept for offline use:", error.message));
  await warmUp(senses, 40);
}

for (const input of $("parts").querySelectorAll("input")) {
  input.addEventListener("change", () => wanted && show(wanted));
}
addEventListener("popstate", () => {
  const there = byKey && fromHash();
  const row = there ?? (location.hash ? undefined : first); // the start has no hash
  if (row) {
    field.set(there ? firstWord(row) : FIRST, row);
    show(row);
  }
});
addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    $("word").focus();
  }
});

begin().catch((error) => {
  loading.end();
  $("status").textContent = `The index could not be opened: ${error.message}`;
  console.error(error);
});
