// What lives in WebAssembly, by the number that it has in its instance.
import { HitherError } from "./error.js";

const forgotten =
  globalThis.FinalizationRegistry && new FinalizationRegistry(([instance, id]) => instance.release(id));

/** Something that lives in WebAssembly until it is freed, or nobody has its handle. */
export class Handle {
  #id;

  constructor(instance, id) {
    this.instance = instance;
    this.#id = id;
    forgotten?.register(this, [instance, id], this);
  }

  /** Its number, for the next call. */
  get id() {
    if (!this.instance.crashed) return this.#id;
    throw new HitherError("crashed", "this was lost when WebAssembly ended with an error");
  }

  /** Its number, for the call that uses it up. */
  take() {
    forgotten?.unregister(this);
    return this.id;
  }

  free() {
    forgotten?.unregister(this);
    this.instance.release(this.#id);
  }
}
