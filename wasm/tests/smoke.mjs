// The same few lines in every runtime: build, open and search; they throw if an answer is wrong.
import { Builder, HitherError, open } from "hither";

const URL_OF_FILE = "https://files.test/rows.hither";

/** A file that stays on a server, replaced by a `fetch` of our own here: not every runtime has a server. */
async function lazily() {
  const builder = new Builder({ dimensions: 2, metric: "l2", columns: { name: "text" }, ranges: true });
  for (let at = 0; at < 3000; at += 1) builder.add([at, at % 7], { columns: { name: `row ${at}` } });
  const file = await builder.finish();
  const { fetch } = globalThis;
  globalThis.fetch = async (asked, ...more) => {
    if ((asked.url ?? `${asked}`) !== URL_OF_FILE) return fetch(asked, ...more);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.get("Range")).map(Number);
    return new Response(file.slice(first, last + 1), { status: 206 });
  };
  try {
    const index = await open(URL_OF_FILE, { lazy: true });
    const { keys, columns } = await index.search([41.8, 6], { k: 2, filter: { name: { $ne: "row 42" } } });
    if (keys.join() !== "41,40" || columns.name[0] !== "row 41") throw new Error(`wrong rows: ${keys}`);
    const { bytes, requests } = index.traffic;
    if (index.complete || bytes >= file.length || requests < 2) throw new Error(`${bytes} bytes by ${requests} requests`);
    index.free();
  } finally {
    globalThis.fetch = fetch;
  }
}

export async function smoke() {
  const builder = new Builder({ dimensions: 2, metric: "l2", columns: { name: "text" } });
  for (let at = 0; at < 100; at += 1) builder.add([at, 0], { columns: { name: `row ${at}` } });
  const index = await open(new Blob([await builder.finish()]), { verify: "full" });
  const rows = index.search([41.8, 0], { k: 2, filter: { name: { $ne: "row 42" } } }).rows();
  if (JSON.stringify(rows.map((row) => row.name)) !== '["row 41","row 43"]') {
    throw new Error(`wrong answer: ${JSON.stringify(rows)}`);
  }
  try {
    index.search([1]);
    throw new Error("no error");
  } catch (error) {
    if (!(error instanceof HitherError) || error.code !== "dimension_mismatch") throw error;
  }
  if (typeof Float16Array !== "undefined") {
    const [found] = index.search(Float16Array.of(7.25, 0), { k: 1 }).keys;
    if (found !== 7) throw new Error(`a Float16Array finds ${found}`);
  }
  await lazily();
  if (Symbol.dispose) index[Symbol.dispose]();
  index.free();
  try {
    index.search([1, 2]);
    throw new Error("no error");
  } catch (error) {
    if (error.code !== "freed") throw error;
  }
  return "smoke: ok";
}
