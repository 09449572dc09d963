// The instances of the WebAssembly module: which one is used, and how it starts.
import { bindings } from "./bindings.js";
import { HitherError, beingRead } from "./error.js";
import { Instance } from "./instance.js";
import { classOf, isAddress } from "./realm.js";
import { checkStatus, request } from "./request.js";

/** The version of the package, set by its build. */
export const version = VERSION;

let entry = { rank: 0 };
let openPath = () => undefined;
/** The instance for what is opened or built next. */
let current;
/** The instance for files that are searched on their server. */
let lazily;
/** These two, and earlier instances in which something is still open. */
const instances = new Set();
let pending;
let lazilyPending;

/**
 * Each entry says once where the module is: `module()` gives a WebAssembly.Module, synchronously if `sync`, or its
 * bytes, a URL or a Response; `path(source)` gives a stream of a file. Of several entries the one with the highest
 * `rank` counts: 3 where the module has everything, 2 where it only searches, 1 where no other says better. `lazy()`
 * gives the module that searches a file on its server.
 */
export function configure(other) {
  if (other.rank > entry.rank) entry = other;
  if (other.path) openPath = other.path;
  if (other.sync && !isReady()) start(other.module(), other.rank);
}

export function pathStream(source) {
  return openPath(source);
}

function start(module, rank) {
  current = started(module, rank, bindings);
}

function started(module, rank, bindings) {
  try {
    const instance = new Instance(module, rank, bindings);
    instances.add(instance);
    return instance;
  } catch (cause) {
    throw unavailable(cause);
  }
}

async function compile(given) {
  if (isAddress(given)) given = await fetched(given);
  const kind = classOf(given);
  // wasm-bindgen does not know a module of another realm; a clone is of this one.
  if (kind === "WebAssembly.Module") return given instanceof WebAssembly.Module ? given : structuredClone(given);
  if (kind !== "Response") return WebAssembly.compile(given);
  const what = called(given.url);
  checkStatus(given, what);
  if (given.bodyUsed) throw beingRead();
  try {
    // Compiling a stream takes no parameter beside the media type.
    const streams = given.headers.get("Content-Type")?.trim().toLowerCase() === "application/wasm";
    if (streams && WebAssembly.compileStreaming) return await WebAssembly.compileStreaming(given);
    // No `await` among its arguments: Next.js wraps the call in a function that is not async.
    return await given.arrayBuffer().then((bytes) => WebAssembly.compile(checked(bytes, what)));
  } catch (cause) {
    // WebAssembly reports what is wrong with the bytes; that they do not arrive is no error of its own.
    if (cause?.name !== "TypeError") throw cause;
    throw new HitherError("network", `${what}: broke off: ${cause.message}`, { cause });
  }
}

function fetched(address) {
  return request(address, undefined, called(address.url ?? address));
}

function called(address) {
  return `the WebAssembly module, ${address || "a Response"}`;
}

/** Returns the bytes if they begin like a module: servers answer with a page for addresses that they do not know. */
function checked(bytes, what) {
  const text = String.fromCharCode(...new Uint8Array(bytes, 0, Math.min(bytes.byteLength, 32)));
  if (text.startsWith("\0asm")) return bytes;
  const is = text.trimStart().startsWith("<") ? "a web page" : `${bytes.byteLength} bytes of something else`;
  throw new HitherError("unavailable", `${what}: this is no module, the server answered with ${is}`);
}

function unavailable(cause) {
  const advice = 'where the module was not found, import "hither/inline", or load() it';
  if (cause instanceof HitherError) {
    return new HitherError(cause.code, `${cause.message}; ${advice}`, { cause, status: cause.status });
  }
  const message = `WebAssembly cannot run here: ${cause?.message ?? cause}. With a Content-Security-Policy it needs script-src 'wasm-unsafe-eval'; ${advice}`;
  return new HitherError("unavailable", message, { cause });
}

/** The instance, if it is ready and of this rank. */
export function isReady(least = entry.rank) {
  return current !== undefined && !current.crashed && current.rank >= least ? current : undefined;
}

/** The instance, ready: a new one if the last crashed, or is of a lower rank. */
export async function ready(least = entry.rank, module) {
  while (!isReady(least)) {
    pending ??= begin(module).finally(() => {
      pending = undefined;
    });
    await pending;
  }
  return current;
}

async function begin(module) {
  // A module that the caller gives takes precedence.
  const rank = module === undefined ? entry.rank : Infinity;
  if (current?.crashed && current.rank >= rank) return start(current.module, current.rank);
  const made = await compiled(() => module ?? entry.module?.());
  if (!isReady(rank)) start(made, rank);
}

async function compiled(module) {
  try {
    return await compile(await module());
  } catch (cause) {
    throw unavailable(cause);
  }
}

/** The instance that searches files on their server, ready: a new one if the last crashed. */
export async function readyLazily(bindings) {
  while (!lazily || lazily.crashed) {
    lazilyPending ??= compiled(() => lazily?.module ?? entry.lazy?.())
      .then((module) => void (lazily = started(module, 0, bindings)))
      .finally(() => (lazilyPending = undefined));
    await lazilyPending;
  }
  return lazily;
}

/** Makes the module ready. */
export async function load(module) {
  await ready(entry.rank, module);
}

export function memory() {
  const total = { reserved: 0, files: 0, indexes: 0 };
  for (const instance of instances) {
    const { indexes, files } = instance.open;
    if (instance !== current && instance !== lazily && indexes === 0) {
      instances.delete(instance);
      continue;
    }
    total.reserved += instance.reserved;
    total.files += files;
    total.indexes += indexes;
  }
  return total;
}
