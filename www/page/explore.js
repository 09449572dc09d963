// Any index file, explored: what it is, its columns, and its rows by likeness to one of them.
import { element } from "./element.js";
import { bytes, count } from "./measures.js";

const $ = (id) => document.getElementById(id);
const SHOWN = 20;
let current;

function show(value) {
  if (value === null || value === undefined) return "–";
  if (value instanceof Uint8Array) return `${count.format(value.length)} bytes`;
  return typeof value === "object" ? JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? String(inner) : inner)) : String(value);
}

function facts(info) {
  const list = element("dl", { className: "facts" });
  const properties = info.files.flatMap((file) => Object.entries(file.properties));
  for (const [term, text] of [
    ["rows", count.format(info.rows)],
    ["dimensions", count.format(info.dimensions)],
    ["metric", info.metric],
    ["element", info.element],
    ["keys", info.keys],
    ["structures", [...new Set(info.files.flatMap((file) => file.segments.flatMap((segment) => segment.structures)))].join(", ") || "flat"],
    ["bytes", bytes(info.bytes)],
    ["columns", info.columns.map(({ name, type }) => `${name} (${type})`).join(", ") || "none"],
    ...properties,
  ]) {
    list.append(element("div", {}, element("dt", { textContent: term }), element("dd", { textContent: text })));
  }
  return list;
}

/** Explores an open index; the one explored before is freed. */
export async function explore(name, index) {
  const before = current;
  current = index;
  await before?.free();
  const info = await index.info;
  const key = element("input", { type: "text", name: "key", autocomplete: "off", spellcheck: false, required: true });
  const filter = element("input", { type: "text", name: "filter", autocomplete: "off", spellcheck: false, placeholder: '{"year": {"$gte": 2020}}' });
  const status = element("p", { className: "note", role: "status" });
  const table = element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Rows found" });
  const form = element(
    "form", { className: "ask" },
    element("label", {}, "Like the row with key", key),
    ...(info.columns.length ? [element("label", { className: "wide" }, "Filter", filter)] : []),
    element("button", { className: "solid", textContent: "Search" }),
  );

  async function search(query, caption) {
    try {
      const options = { k: SHOWN };
      if (filter.value.trim()) options.filter = filter.value.trim();
      const started = performance.now();
      const found = await index.search(query, options);
      const taken = performance.now() - started;
      status.className = "note";
      status.textContent = `${count.format(found.length)} ${found.length === 1 ? "row" : "rows"} in ${taken.toFixed(2)} ms`;
      fill(found.rows(), caption);
    } catch (error) {
      status.className = "error";
      status.textContent = error.message;
    }
  }

  function fill(rows, caption) {
    const head = element("tr", {}, ...["key", "distance", ...info.columns.map((column) => column.name)].map((text) => element("th", { scope: "col", textContent: text })));
    const body = element("tbody", {}, ...rows.map((row) => {
      const like = element("button", { type: "button", className: "link", textContent: show(row.key), title: "Search like this row" });
      like.onclick = () => {
        key.value = show(row.key);
        search(row.key, `Nearest to ${show(row.key)}`);
      };
      return element(
        "tr", {},
        element("td", {}, like),
        element("td", { className: "number", textContent: row.distance.toFixed(4) }),
        ...info.columns.map((column) => element("td", {}, element("span", { className: "clip", textContent: show(row[column.name]) }))),
      );
    }));
    table.replaceChildren(element("table", {}, element("caption", { textContent: caption }), element("thead", {}, head), body));
  }

  form.onsubmit = (event) => {
    event.preventDefault();
    const text = key.value.trim();
    const numeric = info.keys === "row number" || info.keys === "int64";
    search(numeric && /^-?\d+$/.test(text) ? (Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text)) : text, `Nearest to ${text}`);
  };
  $("explore").replaceChildren(element("h3", { textContent: name, tabIndex: -1 }), facts(info), form, status, table);
  $("explore").hidden = false;
  // No row is known yet: those nearest to an arbitrary vector are a beginning.
  const arbitrary = Float32Array.from({ length: info.dimensions }, (_, i) => Math.cos(i + 1));
  await search(arbitrary, "Some rows, to begin with: those nearest to an arbitrary vector");
}
