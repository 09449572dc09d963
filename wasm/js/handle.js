// What lives in WebAssembly, by the number that it has there, and what calls of it take and give:
// `src/export.rs` is the other side.
import { HitherError } from "./error.js";
import { generation, isReady, view, wasm } from "./runtime.js";
import { decode, encode } from "./token.js";

const forgotten =
  globalThis.FinalizationRegistry &&
  new FinalizationRegistry(([id, since]) => {
    if (since === generation && isReady()) wasm.release(id);
  });

/** Something that lives in WebAssembly until it is freed, or nobody has its handle. */
export class Handle {
  #id;
  #since = generation;

  constructor(id) {
    this.#id = check(id);
    forgotten?.register(this, [id, generation], this);
  }

  /** Its number, for the next call. */
  get id() {
    if (this.#since === generation) return this.#id;
    throw new HitherError("crashed", "this was lost when WebAssembly ended with an error");
  }

  /** Its number, for the call that uses it up. */
  take() {
    forgotten?.unregister(this);
    return this.id;
  }

  /** Frees it; false if it was lost. */
  free() {
    forgotten?.unregister(this);
    const lives = this.#since === generation && isReady();
    if (lives) wasm.release(this.#id);
    return lives;
  }
}

/** What a call gave; throws the error that it stands for. */
export function check(answer) {
  if (!Number.isNaN(answer)) return answer;
  throw new HitherError(...decode(wasm.failure()));
}

/** Hands bytes to the next call. */
export function give(bytes) {
  const place = check(wasm.input(bytes.length));
  view(Uint8Array, place, bytes.length).set(bytes);
}

/** Hands values to the next call. */
export function giveValues(values) {
  give(encode(values));
}
