// One instance of the WebAssembly module, and calls into it.
import { HitherError } from "./error.js";

/** `bindings` makes the exports of `src/` for a module. */
export class Instance {
  crashed = false;
  /** The classes and functions that `src/` exports, for this instance alone. */
  wasm;
  #exports;

  constructor(module, rank, bindings) {
    this.module = module;
    this.rank = rank;
    const { FinalizationRegistry } = globalThis;
    const instance = this;
    // Freeing something in an instance that crashed might trap again.
    const Registry = FinalizationRegistry && class extends FinalizationRegistry {
      constructor(free) {
        super((held) => instance.crashed || free(held));
      }
    };
    this.wasm = bindings(Registry);
    this.#exports = this.wasm.initSync({ module });
  }

  /** Whether it can change and build indexes. */
  get builds() {
    return this.#exports.filebuilder_new !== undefined;
  }

  /** The bytes of its memory. */
  get reserved() {
    return this.#exports.memory.buffer.byteLength;
  }

  /** How many indexes are open, and the bytes of their files. */
  get open() {
    return this.crashed ? { indexes: 0, files: 0 } : { indexes: this.wasm.openIndexes(), files: this.wasm.openBytes() };
  }

  /** Frees an object in WebAssembly. */
  free(held) {
    if (!this.crashed) held.free();
  }

  /** Calls into WebAssembly; turns its errors and traps into a HitherError. */
  guard(call) {
    if (this.crashed) throw new HitherError("crashed", "WebAssembly ended with an error; what was open is lost: open it again");
    try {
      return call(this.wasm);
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translate(error) {
    if (error instanceof this.wasm.Failure) {
      const { code, message } = error;
      error.free();
      return new HitherError(code, message);
    }
    if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) return error;
    this.crashed = true;
    // A trap does not give its reason. If memory cannot grow now, it was lack of memory.
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
