import { HitherError } from "./error.js";
import { writer } from "./builder.js";
import { readInfo } from "./info.js";
import { SearchResult } from "./result.js";
import { glue, guard, isReady, load, open as counted, view } from "./runtime.js";
import { METRICS, choice } from "./options.js";
import { read } from "./source.js";
import { Tokens, decode, encode } from "./token.js";
import { checkNames, checkNumbers, checkOptions, checkType, checkWhole, fromColumn, parseJson, toJson, toRow } from "./value.js";

const OPEN = ["onProgress", "signal", "verify", "model"];
const SEARCH = ["k", "efSearch", "probes", "recall", "exact", "filter", "radius", "metric", "include"];
const made = Symbol();

/** Opens an index file, or several that answer as one. */
export async function open(source, options = {}) {
  checkOptions(options, OPEN);
  const { verify = "open", model, onProgress, signal } = options;
  if (verify !== "open" && verify !== "full") {
    throw new HitherError("invalid_parameter", `verify: "${verify}" is none of "open", "full"`);
  }
  checkType("model", model, "string");
  await load();
  const sources = Array.isArray(source) ? source : [source];
  if (sources.length === 0) throw new HitherError("invalid_parameter", "source: no file is given");
  const opened = guard(() => new glue.Opened());
  let before = { loaded: 0, total: 0 };
  try {
    for (const each of sources) {
      let last = { loaded: 0, total: 0 };
      const progress = (step) => {
        last = step;
        onProgress?.({ loaded: before.loaded + step.loaded, total: before.total + step.total });
      };
      const bytes = await read(each, { signal, onProgress: progress });
      guard(() => opened.push(bytes, verify === "full", encode([model])));
      before = { loaded: before.loaded + last.loaded, total: before.total + last.total };
    }
    return new Index(made, opened);
  } catch (error) {
    if (isReady()) opened.free();
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

  #live() {
    if (!this.#opened) throw new HitherError("freed", "this index was freed");
    if (this.#busy) throw new HitherError("busy", "this index is being saved: use it again when save() is done");
    return this.#opened;
  }

  get info() {
    const opened = this.#live();
    return guard(() => readInfo(opened.info()));
  }

  get length() {
    const opened = this.#live();
    return guard(() => opened.rows());
  }

  get dimensions() {
    return this.#shape.dimensions;
  }

  get metric() {
    return this.#shape.metric;
  }

  search(query, options = {}) {
    const opened = this.#live();
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
      if (filtered) this.#bind(typeof filter === "string" ? filter : toJson(filter));
      if (!isKey) this.#stage(query);
      else if (opened.get(encode([query])) === 0) {
        throw new HitherError("key_not_found", `no row has the key ${query}`);
      }
      const told = opened.search(isKey, k, efSearch, probes, recall ?? NaN, exact, measured, filtered, radius ?? NaN);
      return this.#answer(include, told);
    });
  }

  searchBatch(queries, options = {}) {
    this.#live();
    checkNumbers("queries", queries);
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

  #bind(json) {
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
    this.#opened.filter(tokens.bytes);
    this.#filter = json;
  }

  #check(name, vector) {
    checkNumbers(name, vector, this.#shape.dimensions);
  }

  /** Has the vector where it is read, and room for the bytes that come with it, if any. */
  #stage(vector, bytes) {
    const pointer = this.#opened.vector(vector.length, bytes?.length ?? 0);
    view(Float32Array, pointer, vector.length).set(vector);
    return bytes;
  }

  #answer(include, told) {
    const [found, distancesAt, numbersAt, visited, compared] = view(Float64Array, told, 5);
    const distances = view(Float32Array, distancesAt, found).slice();
    const kind = this.#shape.keys;
    let keys;
    if (kind === "row number") {
      // Less than 2⁵³, so two halves make each: bigints on the way would cost more than the rest.
      const halves = view(Uint32Array, numbersAt, 2 * found);
      keys = new Float64Array(found);
      for (let at = 0; at < keys.length; at += 1) keys[at] = halves[2 * at] + halves[2 * at + 1] * 2 ** 32;
    } else if (kind === "int64") {
      keys = view(BigInt64Array, numbersAt, found).slice();
    } else {
      keys = decode(this.#opened.keys());
    }
    return new SearchResult(keys, distances, this.#columns(include), { visited, compared });
  }

  #columns(include = true) {
    const columns = {};
    const all = this.#shape.columns;
    const names = include === true ? all.map(({ name }) => name) : include || [];
    for (const name of names) {
      const number = all.findIndex((column) => column.name === name);
      if (number < 0) checkNames(all, { [name]: null });
      columns[name] = fromColumn(all[number].type, decode(this.#opened.column(number)));
    }
    return columns;
  }

  get(key, options = {}) {
    const opened = this.#live();
    checkOptions(options, ["include"]);
    checkInclude(options.include);
    return guard(() => {
      const place = opened.get(encode([key]));
      if (place === 0) return undefined;
      const vector = view(Float32Array, place, this.#shape.dimensions).slice();
      const columns = this.#columns(options.include);
      const row = {};
      for (const name in columns) row[name] = columns[name][0];
      return Object.assign(row, { key: decode(opened.keys())[0], vector });
    });
  }

  getMany(keys, options = {}) {
    this.#live();
    if (typeof keys?.length !== "number" || typeof keys === "string") {
      throw new HitherError("invalid_parameter", "keys: give an array of keys; get() takes one");
    }
    return Array.from(keys, (key) => this.get(key, options));
  }

  has(key) {
    const opened = this.#live();
    return guard(() => opened.has(encode([key])));
  }

  insert(vector, row = {}) {
    const opened = this.#live();
    checkOptions(row, ["key", "columns"]);
    this.#check("vector", vector);
    const values = toRow(this.#shape.columns, row.columns);
    this.#filter = undefined;
    return guard(() => decode(opened.insert(this.#stage(vector, encode([row.key, ...values]))))[0]);
  }

  update(key, vector, row = {}) {
    const opened = this.#live();
    checkOptions(row, ["columns"]);
    this.#check("vector", vector);
    const values = toRow(this.#shape.columns, row.columns);
    this.#filter = undefined;
    guard(() => opened.update(this.#stage(vector, encode([key, ...values]))));
  }

  remove(key) {
    const opened = this.#live();
    this.#filter = undefined;
    return guard(() => opened.remove(encode([key])));
  }

  async save(options = {}) {
    checkOptions(options, ["form", "onProgress", "signal"]);
    const { form = "compact" } = options;
    if (form !== "compact" && form !== "delta") {
      throw new HitherError("invalid_parameter", `form: "${form}" is none of "compact", "delta"`);
    }
    const opened = this.#live();
    const write = writer(options);
    this.#busy = true;
    try {
      return write((host) => opened.save(form === "delta", host));
    } finally {
      this.#busy = false;
    }
  }

  free() {
    if (!this.#opened) return;
    const opened = this.#live();
    this.#opened = undefined;
    if (!isReady()) return;
    try {
      guard(() => opened.free());
    } catch (error) {
      // What WebAssembly lost when it crashed needs no freeing.
      if (error.code !== "crashed") throw error;
      return;
    }
    counted.files -= this.#bytes;
    counted.indexes -= 1;
  }
}

if (Symbol.dispose) Index.prototype[Symbol.dispose] = Index.prototype.free;

function checkInclude(include) {
  const named = Array.isArray(include) && include.every((name) => typeof name === "string");
  if (named || include === undefined || typeof include === "boolean") return;
  throw new HitherError("invalid_parameter", "include: give true, false or an array of names of columns");
}
