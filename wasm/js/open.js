import { HitherError } from "./error.js";
import { readInfo } from "./info.js";
import { SearchResult } from "./result.js";
import { Handle, check, give, giveValues } from "./handle.js";
import { guard, load, open as counted, view, wasm } from "./runtime.js";
import { METRICS, choice } from "./options.js";
import { read } from "./source.js";
import { Tokens, decode } from "./token.js";
import { checkArray, checkNames, checkNumbers, checkOptions, checkType, checkWhole, fromColumn, parseJson, shown, toJson, toRow } from "./value.js";
import { writer } from "./writer.js";

const OPEN = ["onProgress", "signal", "verify", "model"];
const SEARCH = ["k", "efSearch", "probes", "recall", "exact", "filter", "radius", "metric", "include"];
const made = Symbol();

/** Opens an index file, or several that answer as one. */
export async function open(source, options = {}) {
  checkOptions(options, OPEN);
  const { verify = "open", model, onProgress, signal } = options;
  if (verify !== "open" && verify !== "full") {
    throw new HitherError("invalid_parameter", `verify: ${shown(verify)} is none of "open", "full"`);
  }
  checkType("model", model, "string");
  await load();
  const sources = Array.isArray(source) ? source : [source];
  if (sources.length === 0) throw new HitherError("invalid_parameter", "source: no file is given");
  const opened = guard(() => new Handle(wasm.opened_new()));
  let before = { loaded: 0, total: 0 };
  try {
    for (const each of sources) {
      let last = { loaded: 0, total: 0 };
      const progress = (step) => {
        last = step;
        onProgress?.({ loaded: before.loaded + step.loaded, total: before.total + step.total });
      };
      const bytes = await read(each, { signal, onProgress: progress });
      guard(() => {
        giveValues([model]);
        check(wasm.opened_push(opened.id, bytes.take(), verify === "full"));
      });
      before = { loaded: before.loaded + last.loaded, total: before.total + last.total };
    }
    return new Index(made, opened);
  } catch (error) {
    opened.free();
    throw error;
  }
}

/** An open index. */
export class Index {
  #opened;
  #shape;
  #bytes;
  /** The JSON of the filter that is bound. */
  #filter;
  #busy = false;

  constructor(key, opened) {
    if (key !== made) throw new TypeError("an Index comes from open()");
    this.#opened = opened;
    this.#shape = this.info;
    this.#bytes = this.#shape.bytes;
    counted.files += this.#bytes;
    counted.indexes += 1;
  }

  /** Its number in WebAssembly. */
  #live() {
    if (!this.#opened) throw new HitherError("freed", "this index was freed");
    if (this.#busy) throw new HitherError("busy", "this index is being saved: use it again when save() is done");
    return this.#opened.id;
  }

  get info() {
    const id = this.#live();
    return guard(() => readInfo(check(wasm.opened_info(id))));
  }

  get length() {
    const id = this.#live();
    return guard(() => check(wasm.opened_rows(id)));
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
    return guard(() => {
      if (filtered) this.#bind(id, typeof filter === "string" ? filter : toJson(filter));
      if (!isKey) stage(id, query);
      else if (find(id, query) === 0) {
        throw new HitherError("key_not_found", `no row has the key ${query}`);
      }
      const told = wasm.opened_search(id, isKey, k, efSearch, probes, recall ?? NaN, exact, measured, filtered, radius ?? NaN);
      return this.#answer(id, include, check(told));
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

  #bind(id, json) {
    if (json === this.#filter) return;
    this.#filter = undefined;
    let parsed;
    try {
      parsed = parseJson(json);
    } catch ({ message }) {
      throw new HitherError("invalid_filter", `invalid filter: it is no JSON: ${message}`);
    }
    const tokens = new Tokens();
    tokens.addJson(parsed);
    give(tokens.bytes);
    check(wasm.opened_filter(id));
    this.#filter = json;
  }

  #check(name, vector) {
    checkNumbers(name, vector, this.#shape.dimensions);
  }

  #answer(id, include, told) {
    const [found, distancesAt, numbersAt, visited, compared] = view(Float64Array, told, 5);
    const distances = view(Float32Array, distancesAt, found).slice();
    const kind = this.#shape.keys;
    let keys;
    if (kind === "row number") {
      // Less than 2⁵³, so two halves make each: bigints on the way would cost more than the rest.
      const halves = view(Uint32Array, numbersAt, 2 * found);
      keys = new Float64Array(found);
      for (let at = 0; at < found; at += 1) keys[at] = halves[2 * at] + halves[2 * at + 1] * 2 ** 32;
    } else if (kind === "int64") {
      keys = view(BigInt64Array, numbersAt, found).slice();
    } else {
      keys = decode(check(wasm.opened_keys(id)));
    }
    return new SearchResult(keys, distances, this.#columns(id, include), { visited, compared });
  }

  #columns(id, include = true) {
    const columns = {};
    const all = this.#shape.columns;
    const names = include === true ? all.map(({ name }) => name) : include || [];
    for (const name of names) {
      const number = all.findIndex((column) => column.name === name);
      if (number < 0) checkNames(all, { [name]: null });
      columns[name] = fromColumn(all[number].type, decode(check(wasm.opened_column(id, number))));
    }
    return columns;
  }

  get(key, options = {}) {
    const id = this.#live();
    checkOptions(options, ["include"]);
    checkInclude(options.include);
    return guard(() => {
      const place = find(id, key);
      if (place === 0) return undefined;
      const vector = view(Float32Array, place, this.#shape.dimensions).slice();
      const columns = this.#columns(id, options.include);
      const row = {};
      for (const name in columns) row[name] = columns[name][0];
      return Object.assign(row, { key: decode(check(wasm.opened_keys(id)))[0], vector });
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
    return guard(() => {
      giveValues([key]);
      return check(wasm.opened_has(id)) === 1;
    });
  }

  insert(vector, row = {}) {
    const id = this.#live();
    checkOptions(row, ["key", "columns"]);
    this.#check("vector", vector);
    const values = toRow(this.#shape.columns, row.columns);
    this.#filter = undefined;
    return guard(() => {
      stage(id, vector);
      giveValues([row.key, ...values]);
      return decode(check(wasm.opened_insert(id)))[0];
    });
  }

  update(key, vector, row = {}) {
    const id = this.#live();
    checkOptions(row, ["columns"]);
    this.#check("vector", vector);
    const values = toRow(this.#shape.columns, row.columns);
    this.#filter = undefined;
    guard(() => {
      stage(id, vector);
      giveValues([key, ...values]);
      check(wasm.opened_update(id));
    });
  }

  remove(key) {
    const id = this.#live();
    this.#filter = undefined;
    return guard(() => {
      giveValues([key]);
      return check(wasm.opened_remove(id)) === 1;
    });
  }

  async save(options = {}) {
    checkOptions(options, ["form", "onProgress", "signal"]);
    const { form = "compact" } = options;
    if (form !== "compact" && form !== "delta") {
      throw new HitherError("invalid_parameter", `form: ${shown(form)} is none of "compact", "delta"`);
    }
    const id = this.#live();
    const write = writer(options);
    this.#busy = true;
    try {
      return write(() => wasm.opened_save(id, form === "delta"));
    } finally {
      this.#busy = false;
    }
  }

  free() {
    if (!this.#opened) return;
    const opened = this.#opened;
    if (this.#busy) this.#live();
    this.#opened = undefined;
    if (!opened.free()) return;
    counted.files -= this.#bytes;
    counted.indexes -= 1;
  }
}

if (Symbol.dispose) Index.prototype[Symbol.dispose] = Index.prototype.free;

/** Has the vector where WebAssembly reads it. */
function stage(id, vector) {
  const place = check(wasm.opened_vector(id, vector.length));
  view(Float32Array, place, vector.length).set(vector);
}

/** Where the vector of the row with this key lies; 0 if there is none. */
function find(id, key) {
  giveValues([key]);
  return check(wasm.opened_get(id));
}

function checkInclude(include) {
  const named = Array.isArray(include) && include.every((name) => typeof name === "string");
  if (named || include === undefined || typeof include === "boolean") return;
  throw new HitherError("invalid_parameter", "include: give true, false or an array of names of columns");
}
