// The worker's side: it has one index or one builder, and answers one call after another.
import { Builder, HitherError, load, open } from "./api.js";

let index;
let builder;
const cancelled = new Set();
/** The call that is being answered, and what stops it if it waits for a server. */
let running;
let last = Promise.resolve();

const methods = {
  async open([sources, options], onProgress) {
    const given = sources.map((source) =>
      typeof source?.url === "string" ? new Request(source.url, { headers: source.headers }) : source,
    );
    index = await open(given.length === 1 ? given[0] : given, { ...options, onProgress });
    return index.info;
  },
  search: async ([query, options]) => plain(await index.search(query, heard(options))),
  async searchBatch([queries, options], _, id) {
    const { dimensions } = index;
    const flat = ArrayBuffer.isView(queries) || typeof queries[0] === "number";
    const count = flat ? queries.length / dimensions : queries.length;
    if (!Number.isInteger(count)) return index.searchBatch(queries, heard(options));
    const results = [];
    for (let at = 0; at < count && !cancelled.has(id); at += 1) {
      const query = flat ? queries.slice(at * dimensions, (at + 1) * dimensions) : queries[at];
      results.push(plain(await index.search(query, heard(options))));
      // Lets the message of a cancellation arrive.
      if (at % 64 === 63) await new Promise((resume) => setTimeout(resume));
    }
    return results;
  },
  get: ([key, options]) => index.get(key, heard(options)),
  getMany: ([keys, options]) => index.getMany(keys, heard(options)),
  has: ([key]) => index.has(key, heard()),
  insert: async ([vector, row]) => changed(await index.insert(vector, row)),
  update: async ([key, vector, row]) => changed(await index.update(key, vector, row)),
  remove: async ([key]) => changed(await index.remove(key)),
  save: ([options], onProgress) => index.save({ ...options, onProgress }),
  async build([options]) {
    await load();
    builder = new Builder(options);
  },
  add: ([vector, row]) => builder.add(vector, row),
  addMany: ([vectors, rows]) => builder.addMany(vectors, rows),
  finish: (_, onProgress) => builder.finish({ onProgress }),
};

/** Passes on a signal only for calls that wait for a server. */
function heard(options) {
  return index.traffic ? { ...options, signal: running.stop.signal } : options;
}

/** What is sent with each answer of a file that is searched on its server. */
function lazy() {
  return index?.traffic && { traffic: index.traffic, complete: index.complete };
}

function plain({ keys, distances, columns, stats }) {
  return { keys, distances, columns, stats };
}

function changed(value) {
  return { value, info: index.info };
}

async function answer(port, { id, method, args }) {
  if (cancelled.delete(id)) return;
  running = { id, stop: new AbortController() };
  try {
    const onProgress = (progress) => port.postMessage({ id, progress });
    const value = await methods[method](args, onProgress, id);
    const transfer = value instanceof Uint8Array ? [value.buffer] : [];
    if (!cancelled.delete(id)) port.postMessage({ id, value, lazy: lazy() }, transfer);
  } catch (error) {
    const known = error instanceof HitherError;
    const code = known ? error.code : "invalid_parameter";
    port.postMessage({ id, error: { code, message: error?.message ?? String(error), status: error?.status }, lazy: lazy() });
  }
}

/** Answers the calls that arrive at a port: a worker's own scope, or Node's `parentPort`. */
export function answerTo(port) {
  port.addEventListener("message", ({ data }) => {
    if (!data.cancel) {
      last = last.then(() => answer(port, data));
      return;
    }
    cancelled.add(data.id);
    if (running?.id === data.id) running.stop.abort();
  });
}
