// The worker's side: one index or one builder, and calls to it one after another.
import { Builder, HitherError, load, open } from "./api.js";

let index;
let builder;
const cancelled = new Set();
let last = Promise.resolve();

const methods = {
  async open([sources, options], onProgress) {
    const given = sources.map((source) =>
      typeof source?.url === "string" ? new Request(source.url, { headers: source.headers }) : source,
    );
    index = await open(given, { ...options, onProgress });
    return index.info;
  },
  search: ([query, options]) => plain(index.search(query, options)),
  async searchBatch([queries, options], _, id) {
    const { dimensions } = index;
    const flat = ArrayBuffer.isView(queries) || typeof queries[0] === "number";
    const count = flat ? queries.length / dimensions : queries.length;
    if (!Number.isInteger(count)) return index.searchBatch(queries, options);
    const results = [];
    for (let at = 0; at < count && !cancelled.has(id); at += 1) {
      const query = flat ? queries.slice(at * dimensions, (at + 1) * dimensions) : queries[at];
      results.push(plain(index.search(query, options)));
      // So that a cancellation is heard.
      if (at % 64 === 63) await new Promise((resume) => setTimeout(resume));
    }
    return results;
  },
  get: ([key, options]) => index.get(key, options),
  getMany: ([keys, options]) => index.getMany(keys, options),
  has: ([key]) => index.has(key),
  insert: ([vector, row]) => changed(index.insert(vector, row)),
  update: ([key, vector, row]) => changed(index.update(key, vector, row)),
  remove: ([key]) => changed(index.remove(key)),
  save: ([options], onProgress) => index.save({ ...options, onProgress }),
  async build([options]) {
    await load();
    builder = new Builder(options);
  },
  add: ([vector, row]) => builder.add(vector, row),
  addMany: ([vectors, rows]) => builder.addMany(vectors, rows),
  finish: (_, onProgress) => builder.finish({ onProgress }),
};

function plain({ keys, distances, columns, stats }) {
  return { keys, distances, columns, stats };
}

function changed(value) {
  return { value, info: index.info };
}

async function answer(port, { id, method, args }) {
  if (cancelled.delete(id)) return;
  try {
    const onProgress = (progress) => port.postMessage({ id, progress });
    const value = await methods[method](args, onProgress, id);
    const transfer = value instanceof Uint8Array ? [value.buffer] : [];
    if (!cancelled.delete(id)) port.postMessage({ id, value }, transfer);
  } catch (error) {
    const known = error instanceof HitherError;
    const code = known ? error.code : "invalid_parameter";
    port.postMessage({ id, error: { code, message: error?.message ?? String(error), status: error?.status } });
  }
}

/** Answers the calls that come by a port: a worker's own scope, or Node's `parentPort`. */
export function answerTo(port) {
  port.addEventListener("message", ({ data }) => {
    if (data.cancel) cancelled.add(data.id);
    else last = last.then(() => answer(port, data));
  });
}
