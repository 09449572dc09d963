import { HitherError, aborted, throwIfAborted } from "./error.js";
import { glue, guard, isReady, load, view } from "./runtime.js";
import { toSchema, toValues } from "./options.js";
import { Tokens, encode } from "./token.js";
import { checkNames, checkNumbers, checkOptions, own, toRow } from "./value.js";

/** Rows that cross to WebAssembly at a time, and about how many bytes of keys and values. */
const BATCH = 1024;
const BYTES = 1 << 18;

const ROW = ["key", "columns"];

/**
 * How WebAssembly writes a file: it calls `report` to tell its progress and to hear whether to stop,
 * `begin` with how many bytes there will be, and `take` with each piece and where it lies.
 */
export function writer({ onProgress, signal } = {}) {
  let thrown;
  const report = (stage, done, total) => {
    try {
      onProgress?.({ stage, done, total });
    } catch (error) {
      thrown = { error };
    }
    return thrown !== undefined || signal?.aborted === true;
  };
  let bytes;
  let at = 0;
  const begin = (length) => {
    bytes = new Uint8Array(length);
  };
  const take = (length, pointer) => {
    bytes.set(view(Uint8Array, pointer, length), at);
    at += length;
  };
  return (write) => {
    throwIfAborted(signal);
    try {
      guard(() => write({ report, begin, take }));
    } catch (error) {
      if (thrown) throw thrown.error;
      throw error.code === "aborted" ? aborted(signal) : error;
    }
    return bytes;
  };
}

/** Gathers rows and builds an index file. */
export class Builder {
  #options;
  #schema;
  #dimensions;
  #building;
  #waiting = [];
  #length = 0;
  #freed = false;
  #busy = false;

  constructor(options) {
    this.#schema = toSchema(options?.columns);
    this.#options = toValues(options, this.#schema);
    this.#dimensions = options.dimensions;
    if (isReady()) this.#start();
    else load().catch(() => {});
  }

  #start() {
    this.#building = guard(() => new glue.Building(encode(this.#options)));
  }

  #check() {
    if (this.#freed) throw new HitherError("freed", "this builder has finished or was freed");
    if (this.#busy) throw new HitherError("busy", "this builder is building: it takes no more rows");
  }

  get length() {
    this.#check();
    return this.#building && this.#waiting.length === 0 ? guard(() => this.#building.rows()) : this.#length;
  }

  add(vector, row = {}) {
    checkOptions(row, ROW);
    this.#check();
    checkNumbers("vector", vector, this.#dimensions);
    const values = toRow(this.#schema, row.columns);
    this.#push(vector, encode([row.key, ...values]), 1);
  }

  addMany(vectors, rows = {}) {
    checkOptions(rows, ["keys", "columns"]);
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
      if (list === undefined || list.length === count) continue;
      throw new HitherError("invalid_parameter", `${name}: ${list.length} values for ${count} vectors`);
    }
    if (isReady()) {
      // Room that grows as rows come takes more memory.
      this.#flush();
      guard(() => this.#building.reserve(count));
    }
    const slice = (from, to) => (vectors.subarray ?? vectors.slice).call(vectors, from, to);
    for (let first = 0, at = 0; first < count; first = at) {
      const values = new Tokens();
      for (; at < count && at < first + BATCH && values.length < BYTES; at += 1) {
        values.add(keys?.[at]);
        const row = {};
        for (const { name } of this.#schema) row[name] = own(columns, name)?.[at];
        for (const value of toRow(this.#schema, row)) values.add(value);
      }
      this.#push(slice(first * dimensions, at * dimensions), values.bytes, at - first);
    }
  }

  #push(vectors, values, rows) {
    this.#check();
    if (isReady()) {
      this.#flush();
      this.#write(vectors, values);
    } else {
      this.#waiting.push([Float32Array.from(vectors), values.slice()]);
    }
    this.#length += rows;
  }

  #flush() {
    if (!this.#building) this.#start();
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    guard(() => this.#building.reserve(this.#length));
    for (const rows of waiting) this.#write(...rows);
  }

  #write(vectors, values) {
    guard(() => {
      const pointer = this.#building.stage(vectors.length, values.length);
      view(Float32Array, pointer, vectors.length).set(vectors);
      this.#building.push(values);
    });
  }

  async finish(options = {}) {
    checkOptions(options, ["onProgress", "signal"]);
    this.#check();
    const write = writer(options);
    await load();
    this.#check();
    this.#flush();
    this.#busy = true;
    let bytes;
    try {
      bytes = write((host) => this.#building.finish(host));
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
    const building = this.#building;
    this.#building = undefined;
    if (building && isReady()) guard(() => building.free());
  }
}

if (Symbol.dispose) Builder.prototype[Symbol.dispose] = Builder.prototype.free;
