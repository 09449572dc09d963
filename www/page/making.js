// The form that makes an index of a file: what is left to decide, the work, and the file that comes of it.
import { attempt, say } from "./attempt.js";
import { createColumns } from "./columns.js";
import { element } from "./element.js";
import { makeIndex } from "./make.js";
import { bytes, count } from "./measures.js";
import { schemaOf } from "./schema.js";

const METRICS = { cosine: "cosine", l2: "L2", ip: "negative inner product", l1: "L1" };
let making = new AbortController(); // of the work that goes on: another stops it
let offered; // the address of the index that was offered last, whose bytes lie in memory until it is revoked

/** Stops the work that goes on, and says nothing more of it. */
export function stop() {
  making.abort();
  making = new AbortController();
}

/**
 * Asks in a form what is left to decide before an index is made, and makes it; a change makes it again.
 * `onMade(name, bytes, isAsked)` shows what was made, `onKeep(name, bytes)` keeps it.
 */
export function ask(form, file, rows, { onMade, onKeep }) {
  const metric = element("select", {}, ...Object.entries(METRICS).map(([value, text]) => element("option", { value, text })));
  const key = element("select");
  const columns = createColumns(rows.columns);
  const start = element("button", { className: "solid", type: "submit", textContent: "Make the index" });
  const status = element("p", { className: "note", role: "status" });
  const work = element("div", { className: "work" });
  let keys = []; // that can be chosen, after the row number
  let chosen; // the key that was, undefined while that is left to the rule; null for the row number
  let isMade = false; // whether an index was made, or tried

  const keyName = () => keys[key.selectedIndex - 1]?.name;

  /** Shows what follows from the types that are named: which keys there can be, and what is still wrong. */
  function settle() {
    const schema = schemaOf(rows.columns, columns.types());
    const before = keyName();
    keys = schema.keys;
    const isThere = chosen === null || keys.some(({ name }) => name === chosen);
    const at = keys.findIndex(({ name, isKey }) => (isThere ? name === chosen : isKey));
    key.replaceChildren(
      element("option", { value: "", text: "row number" }),
      ...keys.map(({ name, type }) => element("option", { value: name, text: `${name} (${type})` })),
    );
    key.selectedIndex = at + 1;
    columns.show(schema, keyName());
    const problem = schema.columns.find(({ problem }) => problem)?.problem;
    const isOther = form.contains(key) && before !== keyName();
    say(status, problem ?? (isOther ? `Rows go by ${at < 0 ? "their numbers" : `“${keyName()}”`} now.` : ""), Boolean(problem));
  }

  async function build() {
    stop();
    const mine = making;
    const isLast = () => mine === making;
    isMade = true;
    const bar = element("progress", { max: 1, value: 0, ariaLabel: "Making the index" });
    const stage = element("span", { className: "number" });
    const stops = element("button", { type: "button", className: "ghost", textContent: "Stop", onclick: () => mine.abort() });
    work.replaceChildren(bar, element("div", { className: "actions" }, stops, stage));
    const decided = { metric: metric.value, key: keyName(), types: columns.types() };
    await attempt(status, async () => {
      try {
        const made = await makeIndex(rows, decided, {
          signal: mine.signal,
          onProgress({ stage: name, done, total, share }) {
            bar.value = share;
            stage.textContent = `${name}: ${count.format(done)} of ${count.format(total)}`;
          },
        });
        if (!isLast()) return;
        const name = file.name.replace(/\.\w+$/, "") + ".hither";
        offer(name, made);
        await onMade(name, made.slice(), isLast);
        if (isLast()) say(status, "The index is made, and shown below.");
      } catch (error) {
        if (isLast()) work.replaceChildren();
        throw error;
      }
    }, isLast);
  }

  /** Offers the bytes of a new index: to keep in this browser, or to download. */
  function offer(name, made) {
    if (offered) URL.revokeObjectURL(offered);
    offered = URL.createObjectURL(new Blob([made], { type: "application/octet-stream" }));
    const link = element("a", { className: "solid", download: name, href: offered, textContent: `Download ${name}` });
    const keep = element("button", { type: "button", className: "ghost", textContent: "Keep in this browser" });
    keep.onclick = () =>
      attempt(status, async () => {
        await onKeep(name, made);
        keep.replaceWith("Kept.");
      });
    work.replaceChildren(element("div", { className: "actions" }, link, keep, element("span", { textContent: bytes(made.length) })));
  }

  form.onchange = ({ target }) => {
    if (target === key) chosen = keyName() ?? null;
    settle();
    if (isMade) build();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    say(status, "");
    build();
  };
  settle();
  form.replaceChildren(
    element("h3", { textContent: "Make an index here" }),
    element("p", {
      className: "note",
      textContent:
        `${file.name}: ${count.format(rows.rows)} rows of ${rows.dimensions} dimensions` +
        (rows.field ? ` in “${rows.field}”` : "") + (rows.columns.length ? "" : "; no columns"),
    }),
    ...(rows.columns.length ? [columns.part] : []),
    element("label", {}, "Distance", metric),
    ...(rows.columns.length ? [element("label", {}, "Key", key)] : []),
    start,
    status,
    work,
  );
  form.hidden = false;
  start.focus();
}
