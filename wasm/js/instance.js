// One instance of the WebAssembly module, and calls of it: `src/export.rs` is the other side.
import { HitherError } from "./error.js";
import { decode, encode } from "./token.js";

export class Instance {
  crashed = false;
  /** How many bytes the files of each open index have, by its number. */
  files = new Map();
  #exports;
  /** Who hears of the file that is being written. One may be written while another's progress is told. */
  #host;

  constructor(module, rank) {
    this.module = module;
    this.rank = rank;
    const host = {
      begin: (length) => this.#host.begin(length),
      take: (length, place) => this.#host.take(this.view(Uint8Array, place, length)),
      report: (length, place, done, total) => this.#host.report(String.fromCharCode(...this.view(Uint8Array, place, length)), done, total),
    };
    this.#exports = new WebAssembly.Instance(module, { host }).exports;
  }

  /** Whether it can change an index, and build one. */
  get builds() {
    return this.#exports.building_new !== undefined;
  }

  /** Bytes of its memory. */
  get reserved() {
    return this.#exports.memory.buffer.byteLength;
  }

  /** What a function gave; throws the error that it stands for. */
  call(name, ...given) {
    const answer = this.#exports[name](...given);
    if (!Number.isNaN(answer)) return answer;
    throw new HitherError(...this.read(this.#exports.failure()));
  }

  /** A view of its memory. It is detached whenever memory grows: make it anew each time. */
  view(Type, place, length) {
    return new Type(this.#exports.memory.buffer, place, length);
  }

  /** The values that lie in its memory. */
  read(place) {
    return decode(this.#exports.memory.buffer, place);
  }

  /** Hands bytes to the next call. */
  give(bytes) {
    const place = this.call("input", bytes.length);
    this.view(Uint8Array, place, bytes.length).set(bytes);
  }

  /** Hands values to the next call. */
  giveValues(values) {
    this.give(encode(values));
  }

  /** Frees what a number stands for. */
  release(id) {
    this.files.delete(id);
    if (!this.crashed) this.#exports.release(id);
  }

  /** Has WebAssembly write a file to `taker`, none of whose functions may throw. */
  writeTo(taker, write) {
    const before = this.#host;
    this.#host = taker;
    try {
      return write();
    } finally {
      this.#host = before;
    }
  }

  /** Calls into WebAssembly; a trap becomes a HitherError. */
  guard(call) {
    if (this.crashed) throw new HitherError("crashed", "WebAssembly ended with an error; what was open is lost: open it again");
    try {
      return call();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translate(error) {
    if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) return error;
    this.crashed = true;
    // A trap does not say why; what memory will not grow by was not there.
    if (!this.#canGrow()) {
      const message = "out of memory; what was open is lost: open less at a time";
      return new HitherError("out_of_memory", message, { cause: error });
    }
    const message = `WebAssembly ended with an error (${error.message}), a bug of hither: please report it. What was open is lost`;
    return new HitherError("crashed", message, { cause: error });
  }

  #canGrow() {
    try {
      this.#exports.memory.grow(256);
      return true;
    } catch {
      return false;
    }
  }
}
