// The page's side: each index and each builder has a worker of its own.
import { bufferOf } from "./blob.js";
import { HitherError, aborted, beingRead, checkHearers, noSource, throwIfAborted } from "./error.js";
import { filterText } from "./filter.js";
import { classOf } from "./realm.js";
import { checkStatus } from "./request.js";
import { SearchResult, freeNames, writable } from "./result.js";
import { checkRecord } from "./value.js";

export { HitherError };

let create;

/** Each entry says once how a worker is made. */
export function createBy(call) {
  create = call;
}

function made(lazy) {
  try {
    return create(lazy);
  } catch (cause) {
    throw new HitherError("unavailable", `no worker can be made here: ${cause.message}`, { cause });
  }
}

/** A worker, and the calls that wait for its answers. */
class Thread {
  /** What the last answer said of a file that is searched on its server. */
  lazy = {};
  #worker;
  #waiting = new Map();
  #next = 0;
  #ended;

  constructor(lazy = false) {
    this.#worker = made(lazy);
    this.#worker.onmessage = ({ data }) => this.#answer(data);
    this.#worker.onerror = (event) => {
      this.end(new HitherError("unavailable", `the worker ended: ${event.message ?? "it could not be loaded"}`));
    };
  }

  #answer({ id, progress, error, value, lazy }) {
    if (lazy) this.lazy = lazy;
    const call = this.#waiting.get(id);
    if (!call) return;
    if (progress) return call.onProgress?.(progress);
    this.#forget(id);
    call.done();
    if (error) call.reject(new HitherError(error.code, error.message, error));
    else call.resolve(value);
  }

  /** Outside of browsers, a worker without calls does not keep the program from ending. */
  #forget(id) {
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref?.();
  }

  /**
   * Calls a method there. `aborts` says what a signal does beside rejecting: cancel the "call", or end the "worker".
   */
  call(method, args, { onProgress, signal, aborts = "call", transfer = [] } = {}) {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      checkHearers({ onProgress, signal });
      throwIfAborted(signal);
      const id = (this.#next += 1);
      const stop = () => {
        this.#forget(id);
        reject(aborted(signal));
        if (aborts === "worker") this.end(new HitherError("freed", "its worker was ended"));
        else this.#worker.postMessage({ id, cancel: true });
      };
      signal?.addEventListener("abort", stop, { once: true });
      const done = () => signal?.removeEventListener("abort", stop);
      this.#waiting.set(id, { resolve, reject, onProgress, done });
      try {
        this.#worker.ref?.();
        this.#worker.postMessage({ id, method, args }, transfer);
      } catch (cause) {
        this.#forget(id);
        done();
        throw new HitherError("invalid_parameter", `${method}: ${cause.message}`, { cause });
      }
    });
  }

  end(reason) {
    if (this.#ended) return;
    this.#ended = reason;
    this.#worker.terminate();
    for (const { reject, done } of this.#waiting.values()) {
      done();
      reject(reason);
    }
    this.#waiting.clear();
  }
}

/** Whether streams can be transferred to a worker: WebKit and Bun refuse it. */
function streamsCross() {
  try {
    const stream = new ReadableStream();
    // Cancelled, because in Deno an open stream keeps a program from ending.
    structuredClone(stream, { transfer: [stream] }).cancel().catch(() => {});
    return true;
  } catch {
    return false;
  }
}

/** Whether a copy is of the same class: copies of jsdom's Blobs would be empty objects. */
function clones(value) {
  try {
    return classOf(structuredClone(value)) === classOf(value);
  } catch {
    return false;
  }
}

/** What is sent to the worker: for a Request its URL and headers, for a Response its body. */
async function portable(source, transfer, signal) {
  switch (classOf(source)) {
    case "URL":
      return source.href;
    case "String":
      return absolute(source);
    case "Request":
      return { url: source.url, headers: [...source.headers] };
    case "Response":
      checkStatus(source);
      source = source.body ?? new ArrayBuffer(0);
  }
  if (["Blob", "File"].includes(classOf(source)) && !clones(source)) return bufferOf(source);
  if (typeof source?.then === "function") throw noSource(source);
  if (classOf(source) !== "ReadableStream") return source;
  if (source.locked) throw beingRead();
  if (!streamsCross()) source = await bytesOf(source, signal);
  transfer.push(source);
  return source;
}

async function bytesOf(stream, signal) {
  try {
    const pieces = stream.pipeThrough(new TransformStream(), { signal });
    return await new Response(pieces).arrayBuffer();
  } catch (cause) {
    if (signal?.aborted) throw aborted(signal);
    throw new HitherError("network", `the source: broke off: ${cause?.message ?? cause}`, { cause });
  }
}

/** An absolute URL: the worker's own URL is another than the page's. */
function absolute(url) {
  return typeof location === "undefined" ? url : new URL(url, location.href).href;
}

/** Splits options into those for this side and those for the worker. */
function parted(options = {}) {
  checkRecord("options", options);
  const { signal, onProgress, ...rest } = options;
  return [{ signal, onProgress }, rest];
}

/** The same for the options of a search. */
function asked(options) {
  const [hearers, rest] = parted(options);
  return [hearers, "filter" in rest ? { ...rest, filter: filterText(rest.filter) } : rest];
}

export async function open(source, options) {
  const [{ signal, onProgress }, rest] = parted(options);
  throwIfAborted(signal);
  const transfer = [];
  const given = Array.isArray(source) ? source : [source];
  const sources = await Promise.all(given.map((each) => portable(each, transfer, signal)));
  const thread = new Thread(rest.lazy);
  try {
    const info = await thread.call("open", [sources, rest], { signal, onProgress, transfer, aborts: "worker" });
    return new WorkerIndex(thread, info);
  } catch (error) {
    thread.end(error);
    throw error;
  }
}

export class WorkerIndex {
  #thread;
  #info;
  #names;

  constructor(thread, info) {
    this.#thread = thread;
    this.#info = info;
    this.#names = freeNames(info.columns, ["key", "distance"]);
  }

  get info() {
    return this.#info;
  }

  get length() {
    return this.#info.rows;
  }

  get dimensions() {
    return this.#info.dimensions;
  }

  get metric() {
    return this.#info.metric;
  }

  get traffic() {
    return this.#thread.lazy.traffic;
  }

  get complete() {
    return this.#thread.lazy.complete;
  }

  #result({ keys, distances, columns, stats }) {
    return new SearchResult(keys, distances, columns, stats, this.#names);
  }

  async search(query, options) {
    const [{ signal }, rest] = asked(options);
    return this.#result(await this.#thread.call("search", [query, rest], { signal }));
  }

  async searchBatch(queries, options) {
    const [{ signal }, rest] = asked(options);
    const results = await this.#thread.call("searchBatch", [queries, rest], { signal });
    return results.map((result) => this.#result(result));
  }

  async get(key, options) {
    const [{ signal }, rest] = parted(options);
    const row = await this.#thread.call("get", [key, rest], { signal });
    return row && writable(row);
  }

  async getMany(keys, options) {
    const [{ signal }, rest] = parted(options);
    const rows = await this.#thread.call("getMany", [keys, rest], { signal });
    return rows.map((row) => row && writable(row));
  }

  async has(key, options) {
    const [{ signal }] = parted(options);
    return this.#thread.call("has", [key], { signal });
  }

  insert(vector, row) {
    return this.#change("insert", [vector, row]);
  }

  async update(key, vector, row) {
    await this.#change("update", [key, vector, row]);
  }

  remove(key) {
    return this.#change("remove", [key]);
  }

  async #change(method, args) {
    const { value, info } = await this.#thread.call(method, args);
    this.#info = info;
    return value;
  }

  async save(options) {
    const [hearers, rest] = parted(options);
    return this.#thread.call("save", [rest], hearers);
  }

  free() {
    this.#thread.end(new HitherError("freed", "this index was freed"));
  }

  async [Symbol.asyncDispose ?? "asyncDispose"]() {
    this.free();
  }
}

export class Builder {
  #thread = new Thread();
  #ready;

  constructor(options) {
    this.#ready = this.#thread.call("build", [options]);
    // The next call reports the error.
    this.#ready.catch(() => {});
  }

  async add(vector, row) {
    await this.#call("add", [vector, row]);
  }

  async addMany(vectors, rows) {
    await this.#call("addMany", [vectors, rows]);
  }

  async finish(options) {
    const [hearers] = parted(options);
    const bytes = await this.#call("finish", [], { ...hearers, aborts: "worker" });
    this.free();
    return bytes;
  }

  async #call(method, args, options) {
    const answer = this.#thread.call(method, args, options);
    answer.catch(() => {});
    await this.#ready;
    return answer;
  }

  free() {
    this.#thread.end(new HitherError("freed", "this builder has finished or was freed"));
  }
}

if (Symbol.dispose) {
  WorkerIndex.prototype[Symbol.dispose] = WorkerIndex.prototype.free;
  Builder.prototype[Symbol.dispose] = Builder.prototype.free;
}
