// Index files in memory.
import { HitherError } from "./error.js";
import { SearchResult, freeNames, setOwn, writable } from "./result.js";
import { filterText, toConditions } from "./filter.js";
import { answeredKeys, checkInclude, checkSearch, included, keyNotFound, keysOf, queriesOf, statsOf } from "./question.js";
import { ready } from "./runtime.js";
import { read } from "./source.js";
import { together } from "./together.js";
import { checkNumbers, checkOptions, checkRow, checkType, fromColumn, shown, toRow } from "./value.js";
import { writer } from "./writer.js";

const OPEN = ["onProgress", "signal", "verify", "model", "lazy"];
const made = Symbol();
/** How many files are fetched at a time: as many as browsers fetch from one server. */
const IN_FLIGHT = 6;

/**
 * Opens an index file, or several that answer as one. One that does not change takes whichever instance there is. A
 * file may have at most `most` bytes.
 */
export async function openWhole(source, options = {}, { changes = true, most } = {}) {
  checkOptions(options, OPEN);
  const { verify = "open", model, onProgress, signal, lazy } = options;
  if (lazy) throw new HitherError("unsupported", 'lazy: a file is searched where it lies by open() of "hither" and "hither/worker" alone');
  if (verify !== "open" && verify !== "full") {
    throw new HitherError("invalid_parameter", `verify: ${shown(verify)} is none of "open", "full"`);
  }
  checkType("model", model, "string");
  const sources = Array.isArray(source) ? source : [source];
  if (sources.length === 0) throw new HitherError("invalid_parameter", "source: no file is given");
  // Gets ready while the files are fetched.
  const instance = ready(changes ? undefined : 0);
  const progress = sources.map(() => ({ loaded: 0, total: 0 }));
  const sum = (name) => progress.reduce((total, step) => total + step[name], 0);
  const files = [];
  let wasm;
  let index;
  let pushed = 0;
  try {
    await together(sources, IN_FLIGHT, signal, async (each, at, signal) => {
      const hear = (step) => {
        progress[at] = step;
        onProgress?.({ loaded: sum("loaded"), total: sum("total") });
      };
      files[at] = await read(each, { signal, onProgress: hear, most }, instance);
      wasm = await instance;
      index ??= wasm.guard(({ OpenIndex }) => new OpenIndex());
      // In their order, whichever arrives first. Opening a file uses its bytes up.
      while (files[pushed]) wasm.guard(() => index.push(files[pushed++], verify === "full", model));
    });
    return new Index(made, wasm, index, changes);
  } catch (error) {
    for (const held of [index, ...files.slice(pushed)]) if (held) wasm.free(held);
    throw error;
  }
}

/** An open index. */
export class Index {
  /** The index in WebAssembly, and the instance that it is in. */
  #index;
  #wasm;
  #changes;
  #shape;
  /** The names of columns whose own names are taken in the rows of an answer, and in a row from `get`. */
  #names;
  #rowNames;
  /** The text of the filter that is bound. */
  #filter;
  #busy = false;

  constructor(key, wasm, index, changes) {
    if (key !== made) throw new TypeError("an Index comes from open()");
    this.#index = index;
    this.#wasm = wasm;
    this.#changes = changes;
    this.#shape = this.info;
    this.#names = freeNames(this.#shape.columns, ["key", "distance"]);
    this.#rowNames = freeNames(this.#shape.columns, ["key", "vector"]);
  }

  #live() {
    if (!this.#index) throw new HitherError("freed", "this index was freed");
    if (this.#busy) throw new HitherError("busy", "this index is being saved: use it again when save() is done");
  }

  /** Throws unless the index can be changed, which only a whole module can do. */
  #changing() {
    this.#live();
    if (this.#changes && this.#wasm.builds) return;
    throw new HitherError("unsupported", 'this index only searches: open it by "hither" to change or save it');
  }

  /** Calls into WebAssembly with this index. */
  #call(call) {
    return this.#wasm.guard(() => call(this.#index));
  }

  get info() {
    this.#live();
    return this.#call((index) => index.info());
  }

  get length() {
    this.#live();
    return this.#call((index) => index.countRows());
  }

  get dimensions() {
    return this.#shape.dimensions;
  }

  get metric() {
    return this.#shape.metric;
  }

  search(query, options = {}) {
    this.#live();
    const { k, efSearch, probes, recall, exact, measure, radius, filter, filtered, include, isKey } = checkSearch(query, options, this.#shape);
    return this.#call((index) => {
      if (filtered) this.#bind(filter);
      if (isKey && !index.get(query)) throw keyNotFound(query);
      index.search(isKey ? undefined : query, k, efSearch, probes, recall, exact, measure, radius, filtered);
      const keys = answeredKeys(index, this.#shape.keys);
      return new SearchResult(keys, index.distances(), this.#columns(include), statsOf(index), this.#names);
    });
  }

  searchBatch(queries, options = {}) {
    this.#live();
    return queriesOf(queries, this.#shape.dimensions).map((query) => this.search(query, options));
  }

  #bind(filter) {
    const text = filterText(filter);
    if (text === this.#filter) return;
    this.#filter = undefined;
    this.#index.filter(toConditions(filter));
    this.#filter = text;
  }

  #check(name, vector) {
    checkNumbers(name, vector, this.#shape.dimensions);
  }

  #columns(include) {
    const columns = {};
    for (const { name, type, number } of included(include, this.#shape.columns)) {
      setOwn(columns, name, fromColumn(type, this.#index.column(number)));
    }
    return columns;
  }

  get(key, options = {}) {
    this.#live();
    checkOptions(options, ["include"]);
    checkInclude(options.include);
    return this.#call((index) => {
      const vector = index.get(key);
      if (!vector) return undefined;
      const columns = this.#columns(options.include);
      const row = { key: index.keys()[0], vector };
      for (const name in columns) setOwn(row, this.#rowNames.get(name) ?? name, columns[name][0]);
      return writable(row);
    });
  }

  getMany(keys, options = {}) {
    this.#live();
    return keysOf(keys).map((key) => this.get(key, options));
  }

  has(key) {
    this.#live();
    return this.#call((index) => index.has(key));
  }

  insert(vector, row = {}) {
    this.#changing();
    checkRow(row, ["key", "columns"]);
    this.#check("vector", vector);
    const values = toRow(this.#shape.columns, row.columns);
    this.#filter = undefined;
    return this.#call((index) => index.insert(row.key, vector, values));
  }

  update(key, vector, row = {}) {
    this.#changing();
    checkRow(row, ["columns"]);
    this.#check("vector", vector);
    const values = toRow(this.#shape.columns, row.columns);
    this.#filter = undefined;
    this.#call((index) => index.update(key, vector, values));
  }

  remove(key) {
    this.#changing();
    this.#filter = undefined;
    return this.#call((index) => index.remove(key));
  }

  async save(options = {}) {
    checkOptions(options, ["form", "onProgress", "signal"]);
    const { form = "compact" } = options;
    if (form !== "compact" && form !== "delta") {
      throw new HitherError("invalid_parameter", `form: ${shown(form)} is none of "compact", "delta"`);
    }
    this.#changing();
    const write = writer(options);
    this.#busy = true;
    try {
      return write(this.#wasm, (sink) => this.#index.save(form === "delta", sink));
    } finally {
      this.#busy = false;
    }
  }

  free() {
    if (!this.#index) return;
    if (this.#busy) this.#live();
    const index = this.#index;
    this.#index = undefined;
    this.#wasm.free(index);
  }
}

if (Symbol.dispose) Index.prototype[Symbol.dispose] = Index.prototype.free;
