// The one instance of the WebAssembly module: how it begins, and what happens when it ends.
import { HitherError } from "./error.js";

/** The package's, as its build knows it. */
export const version = VERSION;

/** What the module exports: `src/export.rs` says what each function takes and gives. */
export let wasm;
/** Counts instances: what was made in one is lost in the next. */
export let generation = 0;

let entry = { rank: 0 };
let openPath = () => undefined;
let compiled;
let pending;
let crashed = false;
export const open = { files: 0, indexes: 0 };

/**
 * Each entry says once where the module is: `module()` gives a WebAssembly.Module, and at once if
 * `sync`, or its bytes, a URL or a Response; `path(source)` a stream of a file. Of several the highest
 * `rank` counts: 3 where the module has all, 2 where it only searches, 1 where no other says better.
 */
export function configure(other) {
  if (other.rank > entry.rank) entry = other;
  if (other.path) openPath = other.path;
  if (other.sync && !wasm) start(other.module());
}

export function pathStream(source) {
  return openPath(source);
}

/** What stands in for functions that a module lacks which only searches. */
const absent = {};
for (const name of ["opened_insert", "opened_update", "opened_remove", "opened_save", "building_new"]) {
  absent[name] = () => {
    throw new HitherError("unsupported", 'this module only searches: import "hither" to change or build an index');
  };
}

function start(module) {
  try {
    wasm = { ...absent, ...new WebAssembly.Instance(module, { host: imports }).exports };
  } catch (cause) {
    throw unavailable(cause);
  }
  compiled = module;
  generation += 1;
}

/** Who hears of the file that is being written. One may be written while another's progress is told. */
let host;
const imports = {
  begin: (length) => host.begin(length),
  take: (length, place) => host.take(view(Uint8Array, place, length)),
  report: (length, place, done, total) => host.report(String.fromCharCode(...view(Uint8Array, place, length)), done, total),
};

/** Has WebAssembly write a file to `taker`, none of whose functions may throw. */
export function writeTo(taker, write) {
  const before = host;
  host = taker;
  try {
    return write();
  } finally {
    host = before;
  }
}

async function compile(given) {
  if (typeof given === "string" || given instanceof URL || given instanceof Request) given = await fetch(given);
  if (given instanceof WebAssembly.Module) return given;
  if (!(given instanceof Response)) return WebAssembly.compile(given);
  if (!given.ok) throw new Error(`${given.url}: answered ${given.status}`);
  const streams = given.headers.get("Content-Type")?.startsWith("application/wasm");
  if (streams) return WebAssembly.compileStreaming(given);
  // No `await` among its arguments: Next.js wraps the call in a function that is not async.
  return given.arrayBuffer().then((bytes) => WebAssembly.compile(bytes));
}

function unavailable(cause) {
  const message = `WebAssembly cannot run here: ${cause?.message ?? cause}. With a Content-Security-Policy it needs script-src 'wasm-unsafe-eval'; where the module was not found, import "hither/inline", or load() it`;
  return new HitherError("unavailable", message, { cause });
}

export function isReady() {
  return wasm !== undefined && !crashed;
}

/** Makes the module ready, anew if it crashed. */
export async function load(module) {
  if (crashed) restart();
  if (wasm) return;
  pending ??= begin(module).finally(() => {
    pending = undefined;
  });
  await pending;
}

async function begin(module) {
  let made;
  try {
    made = await compile(await (module ?? entry.module?.()));
  } catch (cause) {
    throw unavailable(cause);
  }
  if (!wasm) start(made);
}

function restart() {
  start(compiled);
  crashed = false;
  open.files = 0;
  open.indexes = 0;
}

/** A view of WebAssembly's memory. It is detached whenever memory grows: make it anew each time. */
export function view(Type, place, length) {
  return new Type(wasm.memory.buffer, place, length);
}

export function memory() {
  return { reserved: wasm?.memory.buffer.byteLength ?? 0, files: open.files, indexes: open.indexes };
}

/** Calls into WebAssembly; a trap becomes a HitherError. */
export function guard(call) {
  if (crashed) throw new HitherError("crashed", "WebAssembly ended with an error; what was open is lost: open it again");
  try {
    return call();
  } catch (error) {
    throw translate(error);
  }
}

function translate(error) {
  if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) return error;
  crashed = true;
  // A trap does not say why; what memory will not grow by was not there.
  if (!canGrow()) {
    const message = "out of memory; what was open is lost: open less at a time";
    return new HitherError("out_of_memory", message, { cause: error });
  }
  const message = `WebAssembly ended with an error (${error.message}), a bug of hither: please report it. What was open is lost`;
  return new HitherError("crashed", message, { cause: error });
}

function canGrow() {
  try {
    wasm.memory.grow(256);
    return true;
  } catch {
    return false;
  }
}
