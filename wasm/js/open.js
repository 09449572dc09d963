import { HitherError } from "./error.js";
import { SearchResult, freeNames, setOwn, writable } from "./result.js";
import { filterText, toConditions } from "./filter.js";
import { ready } from "./runtime.js";
import { METRICS, choice } from "./options.js";
import { read } from "./source.js";
import { together } from "./together.js";
import { checkArray, checkNames, checkNumbers, checkOptions, checkRow, checkType, checkWhole, fromColumn, shown, toRow } from "./value.js";
import { writer } from "./writer.js";

const OPEN = ["onProgress", "signal", "verify", "model"];
const SEARCH = ["k", "efSearch", "probes", "recall", "exact", "filter", "radius", "metric", "include"];
const made = Symbol();
/** Files that are asked for at a time: as many as browsers ask a server for. */
const IN_FLIGHT = 6;
/** What who brings a text to search for may not know: a text as a query is a key. */
const BY_VECTORS = "; to search for a text, make a vector of it first, by the model that made those of the rows";

/** Opens an index file, or several that answer as one. */
export async function open(source, options = {}) {
  return opened(source, options, true);
}

/** The same, of whichever instance there is: the index does not change. */
export async function openToSearch(source, options = {}) {
  return opened(source, options, false);
}

async function opened(source, options, changes) {
  checkOptions(options, OPEN);
  const { verify = "open", model, onProgress, signal } = options;
  if (verify !== "open" && verify !== "full") {
    throw new HitherError("invalid_parameter", `verify: ${shown(verify)} is none of "open", "full"`);
  }
  checkType("model", model, "string");
  const sources = Array.isArray(source) ? source : [source];
  if (sources.length === 0) throw new HitherError("invalid_parameter", "source: no file is given");
  // On its way while the files are.
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
      files[at] = await read(each, { signal, onProgress: hear }, instance);
      wasm = await instance;
      index ??= wasm.guard(({ OpenIndex }) => new OpenIndex());
      // In their order, whichever comes first. What is opened is used up.
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
  /** What it is in WebAssembly, and the instance there. */
  #index;
  #wasm;
  #changes;
  #shape;
  /** What columns are called whose names an answer's rows have of their own, and a row that is got. */
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

  /** For what only a whole module does. */
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
    checkOptions(options, SEARCH);
    const { radius, recall, exact = false, metric, filter, include } = options;
    const k = checkWhole("k", options.k, 1) ?? (radius === undefined ? 10 : 0);
    const efSearch = checkWhole("efSearch", options.efSearch, 1);
    const probes = checkWhole("probes", options.probes, 1);
    checkType("recall", recall, "number");
    checkType("radius", radius, "number");
    const measure = choice("metric", metric, METRICS);
    checkInclude(include);
    const filtered = filter !== undefined && filter !== null;
    const isKey = ["number", "bigint", "string"].includes(typeof query);
    if (!isKey) this.#check("query", query);
    const { keys } = this.#shape;
    if (typeof query === "string" && keys !== "text" && keys !== "uuid") {
      throw new HitherError("key_type", `query: ${shown(query)} is a text, and the keys of this index are numbers${BY_VECTORS}`);
    }
    return this.#call((index) => {
      if (filtered) this.#bind(filter);
      if (isKey && !index.get(query)) {
        throw new HitherError("key_not_found", `no row has the key ${query}${typeof query === "string" ? BY_VECTORS : ""}`);
      }
      index.search(isKey ? undefined : query, k, efSearch, probes, recall, exact, measure, radius, filtered);
      return this.#answer(include);
    });
  }

  searchBatch(queries, options = {}) {
    this.#live();
    checkArray("queries", queries);
    const { dimensions } = this.#shape;
    const flat = ArrayBuffer.isView(queries) || typeof queries[0] === "number";
    if (!flat) return Array.from(queries, (query) => this.search(query, options));
    if (queries.length % dimensions !== 0) {
      throw new HitherError("dimension_mismatch", `${queries.length} numbers are no whole vectors of ${dimensions} dimensions`);
    }
    const slice = queries.subarray ?? queries.slice;
    return Array.from({ length: queries.length / dimensions }, (_, at) =>
      this.search(slice.call(queries, at * dimensions, (at + 1) * dimensions), options),
    );
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

  #answer(include) {
    const index = this.#index;
    const { visited, compared, reached } = index;
    const stats = { visited, compared, ...(reached !== undefined && { reachedRecall: reached }) };
    return new SearchResult(this.#keys(), index.distances(), this.#columns(include), stats, this.#names);
  }

  #keys() {
    const index = this.#index;
    switch (this.#shape.keys) {
      case "row number":
        return index.rowNumbers();
      case "int64":
        return index.integers();
    }
    return index.keys();
  }

  #columns(include = true) {
    const columns = {};
    const all = this.#shape.columns;
    const names = include === true ? all.map(({ name }) => name) : include || [];
    for (const name of names) {
      const number = all.findIndex((column) => column.name === name);
      if (number < 0) checkNames(all, Object.fromEntries([[name, null]]));
      const values = fromColumn(all[number].type, this.#index.column(number));
      setOwn(columns, name, values);
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
    if (!Array.isArray(keys) && !(ArrayBuffer.isView(keys) && keys.length !== undefined)) {
      throw new HitherError("invalid_parameter", "keys: give an array of keys; get() takes one");
    }
    return Array.from({ length: keys.length }, (_, at) => this.get(keys[at], options));
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

function checkInclude(include) {
  const named = Array.isArray(include) && include.every((name) => typeof name === "string");
  if (named || include === undefined || typeof include === "boolean") return;
  throw new HitherError("invalid_parameter", "include: give true, false or an array of names of columns");
}
