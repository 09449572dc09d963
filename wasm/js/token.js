// Values as bytes, to and from WebAssembly: `src/token.rs` reads and writes the same.
import { HitherError } from "./error.js";
import { classOf } from "./realm.js";

/** Stands for the value that a row has already. */
export const KEPT_VALUE = Symbol("kept");

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes of memory to begin with, and to keep. */
const LEAST = 1024;
const KEPT = 1 << 20;

/** Values on their way to WebAssembly. */
export class Tokens {
  #memory;
  #view;
  length = 0;

  constructor() {
    this.#move(LEAST);
  }

  /** What was written, until it is cleared. */
  get bytes() {
    return this.#memory.subarray(0, this.length);
  }

  clear() {
    this.length = 0;
    if (this.#memory.length > KEPT) this.#move(LEAST);
  }

  /** Makes room for so many bytes, and gives where. */
  #room(size) {
    const at = this.length;
    const needed = at + size;
    if (needed > this.#memory.length) this.#move(Math.max(needed, 2 * this.#memory.length));
    this.length = needed;
    return at;
  }

  #move(capacity) {
    const written = this.length > 0 ? this.bytes : [];
    try {
      this.#memory = new Uint8Array(capacity);
    } catch (cause) {
      throw new HitherError("out_of_memory", `${capacity} bytes of values find no memory`, { cause });
    }
    this.#memory.set(written);
    this.#view = new DataView(this.#memory.buffer);
  }

  #tag(tag, size = 0) {
    const at = this.#room(1 + size);
    this.#memory[at] = tag;
    return at + 1;
  }

  #count(tag, count) {
    this.#view.setUint32(this.#tag(tag, 4), count, true);
  }

  #text(tag, text) {
    const { length } = text;
    // UTF-8 takes at most 3 bytes for each of a string's units.
    const start = this.#tag(tag, 4 + 3 * length) + 4;
    let at = 0;
    for (let code; at < length && (code = text.charCodeAt(at)) < 128; at += 1) this.#memory[start + at] = code;
    if (at < length) at += encoder.encodeInto(text.slice(at), this.#memory.subarray(start + at)).written;
    this.#view.setUint32(start - 4, at, true);
    this.length = start + at;
  }

  add(value) {
    if (value === undefined || value === null) {
      this.#tag(0);
    } else if (typeof value === "string") {
      this.#text(5, value);
    } else if (typeof value === "number") {
      const at = this.#tag(3, 8);
      this.#view.setFloat64(at, value, true);
    } else if (typeof value === "boolean") {
      this.#tag(value ? 2 : 1);
    } else if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) {
      const at = this.#tag(4, 8);
      this.#view.setBigInt64(at, value, true);
    } else if (classOf(value) === "Uint8Array") {
      this.#count(6, value.length);
      const at = this.#room(value.length);
      this.#memory.set(value, at);
    } else if (value === KEPT_VALUE) {
      this.#tag(10);
    } else {
      this.#text(9, typeof value === "bigint" ? "a bigint beyond 64 bits" : "an object");
    }
  }

  /** So many values come next. */
  list(count) {
    this.#count(7, count);
  }

  /** So many names come next, each with its value. */
  object(count) {
    this.#count(8, count);
  }
}

const scratch = new Tokens();

/** A few values as bytes, until the next call. */
export function encode(values) {
  scratch.clear();
  for (const value of values) scratch.add(value);
  return scratch.bytes;
}

/** The values that lie in WebAssembly's memory, behind their count; none is a list or an object. */
export function decode(memory, place) {
  const written = new DataView(memory, place);
  const values = [];
  let at = 4;
  for (let left = written.getUint32(0, true); left > 0; left -= 1) {
    const tag = written.getUint8(at++);
    if (tag < 3) {
      values.push(tag === 0 ? null : tag === 2);
    } else if (tag < 5) {
      values.push(tag === 3 ? written.getFloat64(at, true) : written.getBigInt64(at, true));
      at += 8;
    } else {
      const bytes = new Uint8Array(memory, place + at + 4, written.getUint32(at, true));
      values.push(tag === 5 ? decoder.decode(bytes) : bytes.slice());
      at += 4 + bytes.length;
    }
  }
  return values;
}
