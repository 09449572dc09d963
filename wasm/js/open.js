import { HitherError } from "./error.js";
import { readInfo } from "./info.js";
import { SearchResult, freeNames, setOwn, writable } from "./result.js";
import { encodeFilter } from "./filter.js";
import { Handle } from "./handle.js";
import { ready } from "./runtime.js";
import { METRICS, choice } from "./options.js";
import { read } from "./source.js";
import { KEPT_VALUE } from "./token.js";
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
  let index;
  let pushed = 0;
  try {
    await together(sources, IN_FLIGHT, signal, async (each, at, signal) => {
      const hear = (step) => {
        progress[at] = step;
        onProgress?.({ loaded: sum("loaded"), total: sum("total") });
      };
      files[at] = await read(each, { signal, onProgress: hear }, instance);
      const wasm = await instance;
      index ??= wasm.guard(() => new Handle(wasm, wasm.call("opened_new")));
      // In their order, whichever comes first.
      for (; files[pushed]; pushed += 1) {
        wasm.guard(() => {
          wasm.giveValues([model]);
          wasm.call("opened_push", index.id, files[pushed].take(), verify === "full");
        });
      }
    });
    return new Index(made, index, changes);
  } catch (error) {
    for (const file of files.slice(pushed)) file?.free();
    index?.free();
    throw error;
  }
}

/** An open index. */
export class Index {
  #opened;
  #wasm;
  #changes;
  #shape;
  /** What columns are called whose names an answer's rows have of their own, and a row that is got. */
  #names;
  #rowNames;
  /** The bytes of the filter that is bound. */
  #filter;
  #busy = false;

  constructor(key, opened, changes) {
    if (key !== made) throw new TypeError("an Index comes from open()");
    this.#opened = opened;
    this.#wasm = opened.instance;
    this.#changes = changes;
    this.#shape = this.info;
    this.#names = freeNames(this.#shape.columns, ["key", "distance"]);
    this.#rowNames = freeNames(this.#shape.columns, ["key", "vector"]);
    this.#wasm.files.set(opened.id, this.#shape.bytes);
  }

  /** Its number in WebAssembly. */
  #live() {
    if (!this.#opened) throw new HitherError("freed", "this index was freed");
    if (this.#busy) throw new HitherError("busy", "this index is being saved: use it again when save() is done");
    return this.#opened.id;
  }

  /** Its number, for what only a whole module does. */
  #changing() {
    const id = this.#live();
    if (this.#changes && this.#wasm.builds) return id;
    throw new HitherError("unsupported", 'this index only searches: open it by "hither" to change or save it');
  }

  /** Calls a function for this index. */
  #call(name, ...given) {
    const id = this.#live();
    return this.#wasm.guard(() => this.#wasm.call(name, id, ...given));
  }

  get info() {
    const id = this.#live();
    const wasm = this.#wasm;
    const info = wasm.guard(() => readInfo(wasm.read(wasm.call("opened_info", id))));
    if (info.files.length > 1) info.rows = this.length;
    return info;
  }

  get length() {
    return this.#call("opened_rows");
  }

  get dimensions() {
    return this.#shape.dimensions;
  }

  get metric() {
    return this.#shape.metric;
  }

  search(query, options = {}) {
    const id = this.#live();
    checkOptions(options, SEARCH);
    const { radius, recall, exact = false, metric, filter, include } = options;
    const k = checkWhole("k", options.k, 1) ?? (radius === undefined ? 10 : 0);
    const efSearch = checkWhole("efSearch", options.efSearch, 1) ?? 0;
    const probes = checkWhole("probes", options.probes, 1) ?? 0;
    checkType("recall", recall, "number");
    checkType("radius", radius, "number");
    const measured = choice("metric", metric, METRICS) ?? METRICS.length;
    checkInclude(include);
    const filtered = filter !== undefined && filter !== null;
    const isKey = ["number", "bigint", "string"].includes(typeof query);
    if (!isKey) this.#check("query", query);
    const { keys } = this.#shape;
    if (typeof query === "string" && keys !== "text" && keys !== "uuid") {
      throw new HitherError("key_type", `query: ${shown(query)} is a text, and the keys of this index are numbers${BY_VECTORS}`);
    }
    const wasm = this.#wasm;
    return wasm.guard(() => {
      if (filtered) this.#bind(id, filter);
      if (!isKey) this.#stage(id, query);
      else if (this.#find(id, query) === 0) {
        throw new HitherError("key_not_found", `no row has the key ${query}${typeof query === "string" ? BY_VECTORS : ""}`);
      }
      const told = wasm.call("opened_search", id, isKey, k, efSearch, probes, recall ?? NaN, exact, measured, filtered, radius ?? NaN);
      return this.#answer(id, include, told);
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

  #bind(id, filter) {
    const bytes = encodeFilter(filter);
    const bound = this.#filter;
    if (bound?.length === bytes.length && bound.every((byte, at) => byte === bytes[at])) return;
    this.#filter = undefined;
    this.#wasm.give(bytes);
    this.#wasm.call("opened_filter", id);
    this.#filter = bytes.slice();
  }

  #check(name, vector) {
    checkNumbers(name, vector, this.#shape.dimensions);
  }

  #answer(id, include, told) {
    const wasm = this.#wasm;
    const [found, distancesAt, numbersAt, visited, compared, reached] = wasm.view(Float64Array, told, 6);
    const distances = wasm.view(Float32Array, distancesAt, found).slice();
    const kind = this.#shape.keys;
    let keys;
    if (kind === "row number") {
      // Less than 2⁵³, so two halves make each: bigints on the way would cost more than the rest.
      const halves = wasm.view(Uint32Array, numbersAt, 2 * found);
      keys = new Float64Array(found);
      for (let at = 0; at < found; at += 1) keys[at] = halves[2 * at] + halves[2 * at + 1] * 2 ** 32;
    } else if (kind === "int64") {
      keys = wasm.view(BigInt64Array, numbersAt, found).slice();
    } else {
      keys = wasm.read(wasm.call("opened_keys", id));
    }
    const stats = { visited, compared, ...(reached >= 0 && { reachedRecall: reached }) };
    return new SearchResult(keys, distances, this.#columns(id, include), stats, this.#names);
  }

  #columns(id, include = true) {
    const columns = {};
    const all = this.#shape.columns;
    const names = include === true ? all.map(({ name }) => name) : include || [];
    for (const name of names) {
      const number = all.findIndex((column) => column.name === name);
      if (number < 0) checkNames(all, Object.fromEntries([[name, null]]));
      const values = fromColumn(all[number].type, this.#wasm.read(this.#wasm.call("opened_column", id, number)));
      setOwn(columns, name, values);
    }
    return columns;
  }

  get(key, options = {}) {
    const id = this.#live();
    checkOptions(options, ["include"]);
    checkInclude(options.include);
    const wasm = this.#wasm;
    return wasm.guard(() => {
      const place = this.#find(id, key);
      if (place === 0) return undefined;
      const vector = wasm.view(Float32Array, place, this.#shape.dimensions).slice();
      const columns = this.#columns(id, options.include);
      const row = { key: wasm.read(wasm.call("opened_keys", id))[0], vector };
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
    const id = this.#live();
    const wasm = this.#wasm;
    return wasm.guard(() => {
      wasm.giveValues([key]);
      return wasm.call("opened_has", id) === 1;
    });
  }

  insert(vector, row = {}) {
    const id = this.#changing();
    checkRow(row, ["key", "columns"]);
    this.#check("vector", vector);
    const values = toRow(this.#shape.columns, row.columns);
    this.#filter = undefined;
    const wasm = this.#wasm;
    return wasm.guard(() => {
      this.#stage(id, vector);
      wasm.giveValues([row.key, ...values]);
      return wasm.read(wasm.call("opened_insert", id))[0];
    });
  }

  update(key, vector, row = {}) {
    const id = this.#changing();
    checkRow(row, ["columns"]);
    this.#check("vector", vector);
    const values = toRow(this.#shape.columns, row.columns, KEPT_VALUE);
    this.#filter = undefined;
    const wasm = this.#wasm;
    wasm.guard(() => {
      this.#stage(id, vector);
      wasm.giveValues([key, ...values]);
      wasm.call("opened_update", id);
    });
  }

  remove(key) {
    const id = this.#changing();
    this.#filter = undefined;
    const wasm = this.#wasm;
    return wasm.guard(() => {
      wasm.giveValues([key]);
      return wasm.call("opened_remove", id) === 1;
    });
  }

  async save(options = {}) {
    checkOptions(options, ["form", "onProgress", "signal"]);
    const { form = "compact" } = options;
    if (form !== "compact" && form !== "delta") {
      throw new HitherError("invalid_parameter", `form: ${shown(form)} is none of "compact", "delta"`);
    }
    const id = this.#changing();
    const write = writer(options);
    this.#busy = true;
    try {
      return write(this.#wasm, () => this.#wasm.call("opened_save", id, form === "delta"));
    } finally {
      this.#busy = false;
    }
  }

  free() {
    if (!this.#opened) return;
    const opened = this.#opened;
    if (this.#busy) this.#live();
    this.#opened = undefined;
    opened.free();
  }

  /** Has the vector where WebAssembly reads it. */
  #stage(id, vector) {
    const place = this.#wasm.call("opened_vector", id, vector.length);
    this.#wasm.view(Float32Array, place, vector.length).set(vector);
  }

  /** Where the vector of the row with this key lies; 0 if there is none. */
  #find(id, key) {
    this.#wasm.giveValues([key]);
    return this.#wasm.call("opened_get", id);
  }
}

if (Symbol.dispose) Index.prototype[Symbol.dispose] = Index.prototype.free;

function checkInclude(include) {
  const named = Array.isArray(include) && include.every((name) => typeof name === "string");
  if (named || include === undefined || typeof include === "boolean") return;
  throw new HitherError("invalid_parameter", "include: give true, false or an array of names of columns");
}
