// The page's side: each index and each builder has a worker of its own.
import { HitherError, aborted, beingRead, checkHearers, throwIfAborted } from "./error.js";
import { SearchResult } from "./result.js";

export { HitherError };

let create;

/** An entry says once how a worker is made. */
export function createBy(call) {
  create = call;
}

function made() {
  try {
    return create();
  } catch (cause) {
    throw new HitherError("unavailable", `no worker can be made here: ${cause.message}`, { cause });
  }
}

/** A worker, and the calls that wait for its answers. */
class Thread {
  #worker = made();
  #waiting = new Map();
  #next = 0;
  #ended;

  constructor() {
    this.#worker.onmessage = ({ data }) => this.#answer(data);
    this.#worker.onerror = (event) => {
      this.end(new HitherError("unavailable", `the worker ended: ${event.message ?? "it could not be loaded"}`));
    };
  }

  #answer({ id, progress, error, value }) {
    const call = this.#waiting.get(id);
    if (!call) return;
    if (progress) return call.onProgress?.(progress);
    this.#forget(id);
    call.done();
    if (error) call.reject(new HitherError(error.code, error.message, error));
    else call.resolve(value);
  }

  /** Outside of browsers a worker that is asked nothing keeps nobody from ending. */
  #forget(id) {
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref?.();
  }

  /** Calls a method there. `aborts` says what a signal does beside rejecting: "call" or "worker". */
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

/** Whether streams cross to a worker, which WebKit and Bun do not let them. */
function streamsCross() {
  try {
    const stream = new ReadableStream();
    // Cancelled, for in Deno one that is open keeps a program from ending.
    structuredClone(stream, { transfer: [stream] }).cancel().catch(() => {});
    return true;
  } catch {
    return false;
  }
}

/** What crosses to the worker: a Request by its address and headers, a Response by its body. */
async function portable(source, transfer, signal) {
  if (source instanceof URL) return source.href;
  if (typeof source === "string") return absolute(source);
  if (source instanceof Request) return { url: source.url, headers: [...source.headers] };
  if (source instanceof Response) {
    if (!source.ok) {
      throw new HitherError("http", `${source.url}: answered ${source.status}`, { status: source.status });
    }
    source = source.body;
  }
  if (!(source instanceof ReadableStream)) return source;
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

/** The worker's own address is another than the page's. */
function absolute(url) {
  return typeof location === "undefined" ? url : new URL(url, location.href).href;
}

export async function open(source, options = {}) {
  const { signal, onProgress, ...rest } = options;
  throwIfAborted(signal);
  const transfer = [];
  const given = Array.isArray(source) ? source : [source];
  const sources = await Promise.all(given.map((each) => portable(each, transfer, signal)));
  const thread = new Thread();
  try {
    const info = await thread.call("open", [sources, rest], { signal, onProgress, transfer, aborts: "worker" });
    return new WorkerIndex(thread, info);
  } catch (error) {
    thread.end(error);
    throw error;
  }
}

function result({ keys, distances, columns, stats }) {
  return new SearchResult(keys, distances, columns, stats);
}

export class WorkerIndex {
  #thread;
  #info;

  constructor(thread, info) {
    this.#thread = thread;
    this.#info = info;
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

  async search(query, { signal, ...options } = {}) {
    return result(await this.#thread.call("search", [query, options], { signal }));
  }

  async searchBatch(queries, { signal, ...options } = {}) {
    return (await this.#thread.call("searchBatch", [queries, options], { signal })).map(result);
  }

  get(key, options) {
    return this.#thread.call("get", [key, options]);
  }

  getMany(keys, options) {
    return this.#thread.call("getMany", [keys, options]);
  }

  has(key) {
    return this.#thread.call("has", [key]);
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

  save({ signal, onProgress, ...options } = {}) {
    return this.#thread.call("save", [options], { signal, onProgress });
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
    // Whoever calls next hears of it.
    this.#ready.catch(() => {});
  }

  async add(vector, row) {
    await this.#call("add", [vector, row]);
  }

  async addMany(vectors, rows) {
    await this.#call("addMany", [vectors, rows]);
  }

  async finish({ signal, onProgress } = {}) {
    const bytes = await this.#call("finish", [], { signal, onProgress, aborts: "worker" });
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
