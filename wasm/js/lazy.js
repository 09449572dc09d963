// An index whose file stays on a server: a question is asked again until all ranges that it needs have come.
import { bindings } from "./bindings-lazy.js";
import { HitherError, throwIfAborted } from "./error.js";
import { toConditions, filterText } from "./filter.js";
import { Patience, heed } from "./patience.js";
import { answeredKeys, checkInclude, checkSearch, included, keyNotFound, keysOf, queriesOf, statsOf } from "./question.js";
import { Ranges } from "./ranges.js";
import { SearchResult, freeNames, setOwn, writable } from "./result.js";
import { readyLazily } from "./runtime.js";
import { unlessAborted } from "./source.js";
import { checkOptions, checkType, checkWhole, fromColumn, shown } from "./value.js";

const OPEN = ["lazy", "cacheBytes", "concurrency", "timeout", "complete", "model", "onProgress", "signal"];
/** How many of a file's first bytes are fetched before its content is known: as many as opening reads. */
const FIRST = 1 << 16;

export async function openLazily(source, options, openWhole) {
  checkOptions(options, OPEN);
  const { cacheBytes = 1 << 26, timeout = 30_000, complete = false, model, signal } = options;
  checkType("model", model, "string");
  checkType("complete", complete, "boolean");
  for (const [name, value, least] of [["cacheBytes", cacheBytes, 0], ["timeout", timeout, 1]]) {
    if (typeof value === "number" && value >= least) continue;
    throw new HitherError("invalid_parameter", `${name}: ${shown(value)} is no number from ${least} on`);
  }
  const concurrency = checkWhole("concurrency", options.concurrency, 1) ?? 6;
  const ranges = new Ranges(source, { timeout, concurrency });
  const index = new LazyIndex(made, ranges, { ...options, cacheBytes, timeout, complete }, openWhole);
  try {
    await index[begin](signal);
    return index;
  } catch (error) {
    index.free();
    throw error;
  }
}

const made = Symbol();
const begin = Symbol();

/** An index that is searched on its server. */
class LazyIndex {
  /** The index in WebAssembly, and the instance that it is in; or the index of the whole file. */
  #file;
  #wasm;
  #whole;
  #freed = false;
  #ranges;
  #options;
  #openWhole;
  #shape;
  #names;
  #rowNames;
  /** The text of the filter that is bound. */
  #filter;
  /** Questions are answered one after another: they share the bytes that are fetched. */
  #last = Promise.resolve();
  /** Aborts what is being fetched. */
  #stop = new AbortController();
  #isCompleting = false;
  /** Errors of bytes that are checked only some time after they arrived. */
  #late = new WeakSet();

  constructor(key, ranges, options, openWhole) {
    if (key !== made) throw new TypeError("a LazyIndex comes from open()");
    this.#ranges = ranges;
    this.#options = options;
    this.#openWhole = openWhole;
  }

  async [begin](signal) {
    const { model, cacheBytes } = this.#options;
    // Gets ready while the start of the file is fetched.
    const instance = readyLazily(bindings);
    instance.catch(() => {});
    const { bytes, response } = await this.#ranges.first(FIRST, signal);
    if (response) {
      this.#take(await this.#bringWhole(response, signal, `${this.#ranges.request.url}: the server sends no ranges of files`));
      return;
    }
    this.#wasm = await instance;
    this.#file = this.#wasm.guard(({ LazyFile }) => new LazyFile(cacheBytes));
    try {
      const open = (file) => file.open(model) || undefined;
      // Nothing is here yet: this only tells the index that the start is wanted.
      this.#call(open);
      this.#call((file) => file.supply(0, bytes));
      await this.#until(open, signal);
      this.#call((file) => file.settle());
      this.#describe(this.#call((file) => file.info()));
    } catch (error) {
      if (error.code !== "unsupported") throw error;
      this.#take(await this.#bringWhole(this.#ranges.request, signal, error.message));
    }
  }

  #describe(info) {
    this.#shape = info;
    this.#names = freeNames(info.columns, ["key", "distance"]);
    this.#rowNames = freeNames(info.columns, ["key", "vector"]);
  }

  /**
   * Fetches the whole file. If nobody asked for that (`why` then says the reason), it may be no larger than what may
   * be kept.
   */
  async #bringWhole(source, signal, why) {
    const { model, cacheBytes, timeout, onProgress } = this.#options;
    const { traffic } = this.#ranges;
    const patience = new Patience(timeout, signal);
    const most = (total) => {
      if (why === undefined || total <= cacheBytes) return;
      const message = `${why}; all of it is ${total} bytes, more than the ${cacheBytes} of cacheBytes that may be kept`;
      throw new HitherError("unsupported", message);
    };
    let before = 0;
    const hear = (step) => {
      patience.hear();
      traffic.bytes += step.loaded - before;
      before = step.loaded;
      onProgress?.(step);
    };
    if (!(source instanceof Response)) {
      traffic.requests += 1;
      traffic.roundTrips += 1;
    }
    try {
      return await this.#openWhole(source, { model, signal: patience.signal, onProgress: hear }, { changes: false, most });
    } catch (error) {
      throwIfAborted(signal);
      if (!patience.hasEnded) throw error;
      throw new HitherError("network", `${this.#ranges.request.url}: sent nothing for ${timeout / 1000} seconds`, { cause: error });
    } finally {
      patience.end();
    }
  }

  /** Goes on with the whole file. */
  #take(index) {
    if (this.#freed) return index.free();
    this.#free();
    this.#whole = index;
    this.#describe(index.info);
  }

  #live() {
    if (this.#freed) throw new HitherError("freed", "this index was freed");
  }

  #call(call) {
    this.#live();
    return this.#wasm.guard(() => call(this.#file));
  }

  /** Asks until there is an answer, and fetches what is missing. */
  async #until(ask, signal) {
    for (;;) {
      const answer = this.#asked(ask);
      if (answer !== undefined) return answer;
      const bounds = this.#call((file) => file.requests());
      const ranges = Array.from({ length: bounds.length / 2 }, (_, at) => [bounds[2 * at], bounds[2 * at + 1]]);
      await this.#ranges.read(ranges, signal, (start, bytes) => this.#call((file) => file.supply(start, bytes)));
    }
  }

  #asked(ask) {
    try {
      return this.#call(ask);
    } catch (error) {
      if (error.code === "corrupt") this.#late.add(error);
      throw error;
    }
  }

  /** Answers a question after those before it; from the whole file, if that is here. */
  #ask(signal, whole, lazily) {
    throwIfAborted(signal);
    this.#live();
    const answered = this.#last.then(() => {
      throwIfAborted(signal);
      this.#live();
      return this.#whole ? whole(this.#whole) : this.#answer(signal, lazily);
    });
    this.#last = answered.then(
      () => this.#complete(),
      () => {},
    );
    return unlessAborted(answered, signal);
  }

  async #answer(signal, lazily) {
    const stop = new AbortController();
    const leave = [signal, this.#stop.signal].map((signal) => heed(signal, () => stop.abort(signal.reason)));
    try {
      try {
        return await lazily(stop.signal);
      } catch (error) {
        if (!this.#late.has(error)) throw error;
        // Asks once more, if the server still has the file that was opened.
        await this.#ranges.confirm(stop.signal);
        return await lazily(stop.signal);
      }
    } catch (error) {
      this.#live();
      throw error;
    } finally {
      for (const call of leave) call();
      if (this.#file && !this.#wasm.crashed) this.#call((file) => file.settle());
    }
  }

  /** Fetches the rest of the file, once half as many bytes have come as it has. */
  #complete() {
    if (!this.#options.complete || this.#isCompleting || this.#whole || this.#freed) return;
    if (this.traffic.bytes * 2 < this.#shape.bytes) return;
    this.#isCompleting = true;
    const { contentId } = this.#shape.files[0];
    const brought = this.#bringWhole(this.#ranges.request, this.#stop.signal);
    const taken = brought.then((index) => {
      this.#last = this.#last.then(() => {
        if (index.info.files[0].contentId === contentId) this.#take(index);
        else index.free();
      });
    });
    // If that fails, it is searched on its server as before.
    taken.catch(() => {});
  }

  get info() {
    this.#live();
    return this.#whole ? this.#whole.info : this.#call((file) => file.info());
  }

  get length() {
    this.#live();
    return this.#shape.rows;
  }

  get dimensions() {
    return this.#shape.dimensions;
  }

  get metric() {
    return this.#shape.metric;
  }

  get traffic() {
    return { ...this.#ranges.traffic };
  }

  get complete() {
    return this.#whole !== undefined;
  }

  async search(query, options = {}) {
    this.#live();
    const asked = checkSearch(query, options, this.#shape, ["signal"]);
    const { signal, ...rest } = options;
    // A copy: the caller may change the query before it is asked.
    const given = asked.isKey ? query : Float32Array.from(query);
    const filter = asked.filtered ? { text: filterText(asked.filter), conditions: toConditions(asked.filter) } : undefined;
    if (filter) rest.filter = filter.text;
    return this.#ask(signal, (index) => index.search(given, rest), (signal) => this.#search(given, asked, filter, signal));
  }

  async #search(query, asked, filter, signal) {
    const { k, efSearch, probes, recall, exact, measure, radius, include, isKey } = asked;
    const columns = included(include, this.#shape.columns);
    if (filter) await this.#bind(filter, signal);
    let vector = query;
    if (isKey) {
      if (!(await this.#until((file) => file.find(query), signal))) throw keyNotFound(query);
      vector = await this.#until((file) => file.vector(), signal);
    }
    this.#call((file) => file.start(vector, k, efSearch, probes, recall, exact, measure, radius, filter !== undefined, isKey));
    await this.#until((file) => file.search() || undefined, signal);
    const values = await this.#until((file) => file.answer(columns.map(({ number }) => number)), signal);
    return this.#call((file) => {
      const keys = answeredKeys(file, this.#shape.keys);
      return new SearchResult(keys, file.distances(), this.#named(columns, values), statsOf(file), this.#names);
    });
  }

  async #bind({ text, conditions }, signal) {
    if (text === this.#filter) return;
    this.#filter = undefined;
    this.#call((file) => file.startFilter(conditions));
    await this.#until((file) => file.filter() || undefined, signal);
    this.#filter = text;
  }

  #named(columns, values) {
    const named = {};
    columns.forEach(({ name, type }, at) => setOwn(named, name, fromColumn(type, values[at])));
    return named;
  }

  async searchBatch(queries, options = {}) {
    this.#live();
    const results = [];
    for (const query of queriesOf(queries, this.#shape.dimensions)) results.push(await this.search(query, options));
    return results;
  }

  async get(key, options = {}) {
    this.#live();
    checkOptions(options, ["include", "signal"]);
    checkInclude(options.include);
    const { signal, ...rest } = options;
    return this.#ask(signal, (index) => index.get(key, rest), (signal) => this.#get(key, options, signal));
  }

  async #get(key, { include }, signal) {
    const columns = included(include, this.#shape.columns);
    if (!(await this.#until((file) => file.find(key), signal))) return undefined;
    // All that is missing is asked for at once.
    const [vector, values] = await this.#until((file) => {
      const parts = [file.vector(), file.values(columns.map(({ number }) => number))];
      return parts.includes(undefined) ? undefined : parts;
    }, signal);
    const row = { key: this.#call((file) => file.keys()[0]), vector };
    const named = this.#named(columns, values);
    for (const name in named) setOwn(row, this.#rowNames.get(name) ?? name, named[name][0]);
    return writable(row);
  }

  async getMany(keys, options = {}) {
    this.#live();
    const rows = [];
    for (const key of keysOf(keys)) rows.push(await this.get(key, options));
    return rows;
  }

  async has(key, options = {}) {
    this.#live();
    checkOptions(options, ["signal"]);
    return this.#ask(options.signal, (index) => index.has(key), (signal) => this.#until((file) => file.find(key), signal));
  }

  async #refuse() {
    this.#live();
    throw new HitherError("unsupported", "an index that is searched where it lies does not change: open it without lazy");
  }

  insert() {
    return this.#refuse();
  }

  update() {
    return this.#refuse();
  }

  remove() {
    return this.#refuse();
  }

  save() {
    return this.#refuse();
  }

  #free() {
    if (this.#file) this.#wasm.free(this.#file);
    this.#file = undefined;
  }

  free() {
    if (this.#freed) return;
    this.#freed = true;
    this.#stop.abort();
    this.#free();
    this.#whole?.free();
  }
}

if (Symbol.dispose) LazyIndex.prototype[Symbol.dispose] = LazyIndex.prototype.free;
