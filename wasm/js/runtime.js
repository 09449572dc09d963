// The one instance of the WebAssembly module, and what happens when it ends.
import init, * as glue from "./hither.js";
import { HitherError } from "./error.js";

let provide;
let openPath = () => undefined;
let memoryObject;
let pending;
let crashed = false;
export const open = { files: 0, indexes: 0 };

/**
 * Each entry says once where the module is: `module()` gives a WebAssembly.Module, its bytes, a
 * URL or a Response; `sync` if it can be instantiated at once; `path(source)` a stream of a file.
 */
export function configure(entry) {
  provide ??= entry.module;
  if (entry.path) openPath = entry.path;
  if (entry.sync && !memoryObject) start(() => glue.initSync({ module: entry.module() }));
}

export function pathStream(source) {
  return openPath(source);
}

function start(instantiate) {
  try {
    instantiate();
    memoryObject = glue.wasmMemory();
  } catch (cause) {
    throw unavailable(cause);
  }
}

function unavailable(cause) {
  const message = `WebAssembly cannot run here: ${cause?.message ?? cause}. With a Content-Security-Policy it needs script-src 'wasm-unsafe-eval'; where the module was not found, import "hither/inline", or load() it`;
  return new HitherError("unavailable", message, { cause });
}

export function isReady() {
  return memoryObject !== undefined && !crashed;
}

/** Makes the module ready, anew if it crashed. */
export async function load(module) {
  if (crashed) restart();
  if (memoryObject) return;
  pending ??= (async () => {
    try {
      const given = await (module ?? provide?.());
      await init({ module_or_path: given });
      if (!memoryObject) memoryObject = glue.wasmMemory();
    } catch (cause) {
      pending = undefined;
      throw unavailable(cause);
    }
  })();
  await pending;
}

function restart() {
  start(() => glue.__wbg_reset_state());
  crashed = false;
  open.files = 0;
  open.indexes = 0;
}

/** A view of WebAssembly's memory. It is detached whenever memory grows: make it anew each time. */
export function view(Type, pointer, length) {
  return new Type(memoryObject.buffer, pointer, length);
}

export function memory() {
  return { reserved: memoryObject?.buffer.byteLength ?? 0, files: open.files, indexes: open.indexes };
}

/** Calls into WebAssembly; whatever it throws becomes a HitherError. */
export function guard(call) {
  if (crashed) throw new HitherError("crashed", "WebAssembly ended with an error; what was open is lost: open it again");
  try {
    return call();
  } catch (error) {
    throw translate(error);
  }
}

function translate(error) {
  if (typeof error === "string") {
    const end = error.indexOf("\n");
    return new HitherError(error.slice(0, end), error.slice(end + 1));
  }
  if (error instanceof HitherError) return error;
  if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) {
    crashed = true;
    // A trap does not say why; what memory will not grow by was not there.
    if (!canGrow()) {
      const message = "out of memory; what was open is lost: open less at a time";
      return new HitherError("out_of_memory", message, { cause: error });
    }
    const message = `WebAssembly ended with an error (${error.message}), a bug of hither: please report it. What was open is lost`;
    return new HitherError("crashed", message, { cause: error });
  }
  if (/stale object/.test(error?.message)) {
    return new HitherError("crashed", "this was lost when WebAssembly ended with an error", { cause: error });
  }
  return error;
}

function canGrow() {
  try {
    memoryObject.grow(256);
    return true;
  } catch {
    return false;
  }
}

export { glue };
