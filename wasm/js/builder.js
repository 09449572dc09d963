import { HitherError } from "./error.js";
import { isReady, ready } from "./runtime.js";
import { checkBuilderOptions, toSchema } from "./options.js";
import { setOwn } from "./result.js";
import { checkNames, checkNumbers, checkOptions, checkRow, own, shown, toRow } from "./value.js";
import { writer } from "./writer.js";

/** How many rows, and numbers of their vectors, cross to WebAssembly at a time, unless one row has more. */
const BATCH = 1024;
const NUMBERS = 1 << 19;

const ROW = ["key", "columns"];

/** Gathers rows and builds an index file. */
export class Builder {
  #options;
  #schema;
  #dimensions;
  /** The builder in WebAssembly, and the instance that it is in. */
  #builder;
  #instance;
  #waiting = [];
  #length = 0;
  #freed = false;
  #busy = false;

  constructor(options) {
    this.#schema = toSchema(options?.columns);
    this.#options = checkBuilderOptions(options, this.#schema);
    this.#dimensions = options.dimensions;
    if (isReady()) this.#start();
    else ready().catch(() => {});
  }

  #start() {
    const instance = isReady();
    if (!instance.builds) {
      throw new HitherError("unsupported", "the module that load() was given only searches: give it hither_bg.wasm, which builds");
    }
    this.#builder = instance.guard((wasm) => new wasm.FileBuilder(this.#options));
    this.#instance = instance;
  }

  /** Calls into WebAssembly with the builder. */
  #call(call) {
    return this.#instance.guard(() => call(this.#builder));
  }

  #check() {
    if (this.#freed) throw new HitherError("freed", "this builder has finished or was freed");
    if (this.#busy) throw new HitherError("busy", "this builder is building: it takes no more rows");
  }

  get length() {
    this.#check();
    return this.#builder && this.#waiting.length === 0 ? this.#call((builder) => builder.rows) : this.#length;
  }

  add(vector, row = {}) {
    checkRow(row, ROW);
    this.#check();
    checkNumbers("vector", vector, this.#dimensions);
    const values = toRow(this.#schema, row.columns);
    this.#push(vector, [row.key, ...values], 1);
  }

  addMany(vectors, rows = {}) {
    checkRow(rows, ["keys", "columns"]);
    this.#check();
    checkNumbers("vectors", vectors);
    const dimensions = this.#dimensions;
    const count = vectors.length / dimensions;
    if (!Number.isInteger(count)) {
      throw new HitherError("dimension_mismatch", `${vectors.length} numbers are no whole vectors of ${dimensions} dimensions`);
    }
    const { keys } = rows;
    const columns = rows.columns ?? {};
    checkNames(this.#schema, columns);
    for (const [name, list] of [["keys", keys], ...Object.entries(columns)]) {
      if (list === undefined) continue;
      if (list === null || typeof list !== "object" || list.length === undefined) {
        throw new HitherError("invalid_parameter", `${name}: give an array with a value a vector, not ${shown(list)}`);
      }
      if (list.length === count) continue;
      throw new HitherError("invalid_parameter", `${name}: ${list.length} values for ${count} vectors`);
    }
    if (isReady()) {
      // Room that grows as rows arrive takes more memory.
      this.#flush();
      this.#reserve(count);
    }
    const batch = Math.max(1, Math.min(BATCH, Math.floor(NUMBERS / dimensions)));
    const slice = (from, to) => (vectors.subarray ?? vectors.slice).call(vectors, from, to);
    for (let first = 0, at = 0; first < count; first = at) {
      const values = [];
      for (; at < count && at < first + batch; at += 1) {
        const row = {};
        for (const { name } of this.#schema) setOwn(row, name, own(columns, name)?.[at]);
        values.push(keys?.[at], ...toRow(this.#schema, row));
      }
      this.#push(slice(first * dimensions, at * dimensions), values, at - first);
    }
  }

  #push(vectors, values, rows) {
    this.#check();
    if (this.#builder || isReady()) {
      this.#flush();
      this.#write(vectors, values);
    } else {
      this.#waiting.push([Float32Array.from(vectors), values]);
    }
    this.#length += rows;
  }

  #flush() {
    if (!this.#builder) this.#start();
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#reserve(this.#length);
    for (const rows of waiting) this.#write(...rows);
  }

  #reserve(rows) {
    this.#call((builder) => builder.reserve(rows));
  }

  #write(vectors, values) {
    this.#call((builder) => builder.push(vectors, values));
  }

  async finish(options = {}) {
    checkOptions(options, ["onProgress", "signal"]);
    this.#check();
    const write = writer(options);
    await ready();
    this.#check();
    this.#flush();
    this.#busy = true;
    let bytes;
    try {
      bytes = write(this.#instance, (sink) => this.#builder.finish(sink));
    } finally {
      this.#busy = false;
    }
    this.free();
    return bytes;
  }

  free() {
    if (this.#freed) return;
    this.#check();
    this.#freed = true;
    this.#waiting = [];
    if (this.#builder) this.#instance.free(this.#builder);
    this.#builder = undefined;
  }
}

if (Symbol.dispose) Builder.prototype[Symbol.dispose] = Builder.prototype.free;
