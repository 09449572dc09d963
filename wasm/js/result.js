// The rows of an answer, as objects and as JSON.
import { jsonable, plainInteger } from "./json.js";

const INDEX = /^(?:0|[1-9]\d*)$/;
const AS_JSON = {
  value() {
    return jsonable({ ...this });
  },
};

/**
 * The names of columns whose own names are taken: with underscores appended until the name is free.
 */
export function freeNames(columns, taken) {
  const used = new Set([...taken, ...columns.map(({ name }) => name)]);
  const names = new Map();
  for (const { name } of columns) {
    if (!taken.includes(name)) continue;
    let free = name;
    while (used.has(free)) free += "_";
    used.add(free);
    names.set(name, free);
  }
  return names;
}

/** Gives an object a property of its own, whatever its name. */
export function setOwn(object, name, value) {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Makes JSON.stringify write a row, whatever is in it. */
export function writable(row) {
  return Object.hasOwn(row, "toJSON") ? row : Object.defineProperty(row, "toJSON", AS_JSON);
}

/** The rows of an answer: plain data, valid whatever happens to the index. */
export class SearchResult {
  #names;
  #rows = [];

  static {
    // Rows by their numbers: behind the class, so that only what nothing else has is asked of it.
    const get = (target, name, receiver) =>
      typeof name === "string" && INDEX.test(name) && #rows in receiver ? receiver.at(Number(name)) : Reflect.get(target, name, receiver);
    Object.setPrototypeOf(SearchResult.prototype, new Proxy({}, { get }));
  }

  constructor(keys, distances, columns, stats, names) {
    this.keys = keys;
    this.distances = distances;
    this.columns = columns;
    this.stats = stats;
    this.#names = names;
  }

  get length() {
    return this.distances.length;
  }

  #row(at) {
    return (this.#rows[at] ??= this.#made(at));
  }

  #made(at) {
    const row = { key: plainKey(this.keys[at]), distance: this.distances[at] };
    for (const name in this.columns) setOwn(row, this.#names.get(name) ?? name, this.columns[name][at]);
    return writable(row);
  }

  at(index) {
    const whole = Math.trunc(index) || 0;
    const at = whole < 0 ? whole + this.length : whole;
    return at >= 0 && at < this.length ? this.#row(at) : undefined;
  }

  rows() {
    return Array.from({ length: this.length }, (_, at) => this.#row(at));
  }

  map(call, self) {
    return this.rows().map((row, at) => call.call(self, row, at, this));
  }

  toJSON() {
    return this.rows().map((row) => jsonable({ ...row }));
  }

  *[Symbol.iterator]() {
    for (let at = 0; at < this.length; at += 1) yield this.#row(at);
  }
}

function plainKey(key) {
  return typeof key === "bigint" ? (plainInteger(key) ?? key) : key;
}
