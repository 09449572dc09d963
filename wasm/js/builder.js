import { HitherError } from "./error.js";
import { Handle } from "./handle.js";
import { isReady, ready } from "./runtime.js";
import { toSchema, toValues } from "./options.js";
import { setOwn } from "./result.js";
import { Tokens, encode } from "./token.js";
import { checkNames, checkNumbers, checkOptions, checkRow, own, shown, toRow } from "./value.js";
import { writer } from "./writer.js";

/** Rows that cross to WebAssembly at a time, and about how many bytes of keys and values. */
const BATCH = 1024;
const BYTES = 1 << 18;

const ROW = ["key", "columns"];

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
    else ready().catch(() => {});
  }

  #start() {
    const instance = isReady();
    if (!instance.builds) {
      throw new HitherError("unsupported", "the module that load() was given only searches: give it hither_bg.wasm, which builds");
    }
    instance.guard(() => {
      instance.giveValues(this.#options);
      this.#building = new Handle(instance, instance.call("building_new"));
    });
  }

  /** Calls a function for what is being built. */
  #call(name, ...given) {
    const { instance } = this.#building;
    return instance.guard(() => instance.call(name, this.#building.id, ...given));
  }

  #check() {
    if (this.#freed) throw new HitherError("freed", "this builder has finished or was freed");
    if (this.#busy) throw new HitherError("busy", "this builder is building: it takes no more rows");
  }

  get length() {
    this.#check();
    return this.#building && this.#waiting.length === 0 ? this.#call("building_rows") : this.#length;
  }

  add(vector, row = {}) {
    checkRow(row, ROW);
    this.#check();
    checkNumbers("vector", vector, this.#dimensions);
    const values = toRow(this.#schema, row.columns);
    this.#push(vector, encode([row.key, ...values]), 1);
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
      // Room that grows as rows come takes more memory.
      this.#flush();
      this.#reserve(count);
    }
    const slice = (from, to) => (vectors.subarray ?? vectors.slice).call(vectors, from, to);
    for (let first = 0, at = 0; first < count; first = at) {
      const values = new Tokens();
      for (; at < count && at < first + BATCH && values.length < BYTES; at += 1) {
        values.add(keys?.[at]);
        const row = {};
        for (const { name } of this.#schema) setOwn(row, name, own(columns, name)?.[at]);
        for (const value of toRow(this.#schema, row)) values.add(value);
      }
      this.#push(slice(first * dimensions, at * dimensions), values.bytes, at - first);
    }
  }

  #push(vectors, values, rows) {
    this.#check();
    if (this.#building || isReady()) {
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
    this.#reserve(this.#length);
    for (const rows of waiting) this.#write(...rows);
  }

  #reserve(rows) {
    this.#call("building_reserve", rows);
  }

  #write(vectors, values) {
    const { length } = vectors;
    const { instance, id } = this.#building;
    instance.guard(() => {
      const place = instance.call("building_stage", id, length);
      instance.view(Float32Array, place, length).set(vectors);
      instance.give(values);
      instance.call("building_push", id);
    });
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
      const { instance, id } = this.#building;
      bytes = write(instance, () => instance.call("building_finish", id));
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
    building?.free();
  }
}

if (Symbol.dispose) Builder.prototype[Symbol.dispose] = Builder.prototype.free;
