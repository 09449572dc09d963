import { HitherError } from "./error.js";
import { reporter, taken } from "./builder.js";
import { SearchResult } from "./result.js";
import { glue, guard, isReady, load, open as counted, view } from "./runtime.js";
import { read } from "./source.js";
import { checkOptions, fromColumn, parseJson, toJson, toRow, toTokens } from "./value.js";

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
      guard(() => opened.push(bytes, verify === "full", model));
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
    return this.#opened;
  }

  get info() {
    const opened = this.#live();
    const info = guard(() => JSON.parse(opened.info()));
    for (const { calibrations } of info.files.flatMap((file) => file.segments)) {
      for (const { points } of calibrations) for (const point of points) point[1] = fromBits(point[1]);
    }
    const sum = (name) => info.files.reduce((total, file) => total + file[name], 0);
    return { rows: sum("rows"), bytes: sum("bytes"), ...info };
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
    const k = whole("k", options.k, radius === undefined ? 10 : 0);
    const efSearch = whole("efSearch", options.efSearch, 0);
    const probes = whole("probes", options.probes, 0);
    const filtered = filter !== undefined;
    return guard(() => {
      if (filtered) this.#bind(typeof filter === "string" ? filter : toJson(filter));
      const isKey = ["number", "bigint", "string"].includes(typeof query);
      if (!isKey) this.#stage(query);
      const like = isKey ? query : undefined;
      opened.search(like, k, efSearch, probes, recall ?? NaN, exact, metric, filtered, radius ?? NaN);
      return this.#answer(include);
    });
  }

  searchBatch(queries, options = {}) {
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
    this.#opened.filter(toTokens(parsed));
    this.#filter = json;
  }

  #stage(vector) {
    if (typeof vector?.length !== "number") {
      throw new HitherError("invalid_parameter", "query: give a vector (a typed array or an array of numbers) or a key");
    }
    const pointer = this.#opened.vector(vector.length);
    view(Float32Array, pointer, vector.length).set(vector);
  }

  #answer(include) {
    const opened = this.#opened;
    const distances = view(Float32Array, opened.distances(), opened.found()).slice();
    const kind = this.#shape.keys;
    let keys;
    if (kind === "row number" || kind === "int64") {
      const numbers = view(BigInt64Array, opened.numbers(), distances.length);
      keys = kind === "int64" ? numbers.slice() : Float64Array.from(numbers, Number);
    } else {
      keys = opened.keys();
    }
    const stats = { visited: opened.visited(), compared: opened.compared() };
    return new SearchResult(keys, distances, this.#columns(include), stats);
  }

  #columns(include = true) {
    const columns = {};
    const all = this.#shape.columns;
    const names = include === true ? all.map(({ name }) => name) : include || [];
    for (const name of names) {
      const values = this.#opened.column(name);
      columns[name] = fromColumn(all.find((column) => column.name === name).type, values);
    }
    return columns;
  }

  get(key, options = {}) {
    const opened = this.#live();
    checkOptions(options, ["include"]);
    return guard(() => {
      if (!opened.get(key)) return undefined;
      const { dimensions } = this.#shape;
      const vector = view(Float32Array, opened.place(), dimensions).slice();
      const columns = this.#columns(options.include);
      const row = {};
      for (const name in columns) row[name] = columns[name][0];
      return Object.assign(row, { key: opened.keys()[0], vector });
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
    return guard(() => opened.has(key));
  }

  insert(vector, row = {}) {
    const opened = this.#live();
    checkOptions(row, ["key", "columns"]);
    const values = toRow(this.#shape.columns, row.columns);
    this.#filter = undefined;
    return guard(() => {
      this.#stage(vector);
      return opened.insert(row.key, values);
    });
  }

  update(key, vector, row = {}) {
    const opened = this.#live();
    checkOptions(row, ["columns"]);
    const values = toRow(this.#shape.columns, row.columns);
    this.#filter = undefined;
    guard(() => {
      this.#stage(vector);
      opened.update(key, values);
    });
  }

  remove(key) {
    const opened = this.#live();
    this.#filter = undefined;
    return guard(() => opened.remove(key));
  }

  async save(options = {}) {
    checkOptions(options, ["form", "onProgress", "signal"]);
    const { form = "compact" } = options;
    if (form !== "compact" && form !== "delta") {
      throw new HitherError("invalid_parameter", `form: "${form}" is none of "compact", "delta"`);
    }
    const opened = this.#live();
    return reporter(options)((report) => taken(opened.save(form === "delta", report)));
  }

  free() {
    const opened = this.#opened;
    if (!opened) return;
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

const float = new Float32Array(1);

function fromBits(bits) {
  new Uint32Array(float.buffer)[0] = bits;
  return float[0];
}

function whole(name, value, absent) {
  if (value === undefined) return absent;
  if (Number.isInteger(value) && value > 0 && value < 2 ** 32) return value;
  throw new HitherError("invalid_parameter", `${name}: ${value} is no whole number from 1 on`);
}
