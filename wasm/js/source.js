// Reads the bytes of an index file from any source.
import { bufferOf } from "./blob.js";
import { HitherError, aborted, beingRead, noSource, throwIfAborted } from "./error.js";
import { classOf } from "./realm.js";
import { checkStatus, request } from "./request.js";
import { pathStream } from "./runtime.js";

const HEADER = 64;
/** The most bytes that a stream of bytes gives at a time. */
const BUFFER = 1 << 22;
/** Bytes that cross into WebAssembly at a time: few enough to stay in a core's cache. */
const PIECE = 1 << 18;

/** A stream of the source's bytes, or the bytes themselves, and the response that they come with. */
async function begin(source, signal, headers) {
  if (ArrayBuffer.isView(source)) return { bytes: octets(source.buffer, source.byteOffset, source.byteLength) };
  switch (classOf(source)) {
    case "ArrayBuffer":
    case "SharedArrayBuffer":
      return { bytes: octets(source) };
    case "Blob":
    case "File":
      return fromBlob(source);
    case "ReadableStream":
      return { stream: source };
    case "Response":
      return fromResponse(source);
    case "String":
    case "URL":
    case "Request": {
      const stream = await pathStream(source);
      if (stream) return { stream };
      return fromResponse(await request(source, headers ? { signal, headers } : { signal }), headers !== undefined);
    }
  }
  throw noSource(source);
}

function octets(buffer, ...range) {
  try {
    return new Uint8Array(buffer, ...range);
  } catch (cause) {
    throw new HitherError("invalid_parameter", "source: its memory was transferred away", { cause });
  }
}

async function fromBlob(blob) {
  return typeof blob.stream === "function" ? { stream: blob.stream() } : { bytes: octets(await bufferOf(blob)) };
}

/** Only a conditional request may be answered with "not modified". */
function fromResponse(response, isConditional = false) {
  if (isConditional && response.status === 304) return { response };
  checkStatus(response);
  return { response, bytes: response.body ? undefined : new Uint8Array(0), stream: response.body };
}

/**
 * Passes on the source's bytes as they come. Checks that they begin like an index file and are as many as its header
 * says; `signal` stops it. `instance` is a promise of the instance that reads the header: the bytes are requested at
 * once. `started` is told the length once, before the first chunk. A chunk is only lent: its memory is written over
 * once `take` is done.
 */
export async function pour(source, { signal, onProgress, headers }, instance, started, take) {
  // Whoever awaits the promise gets its error.
  instance.catch(() => {});
  throwIfAborted(signal);
  const { bytes, stream, response } = await begin(source, signal, headers);
  if (response?.status === 304) return response;
  const measure = async (start) => lengthOf(await unlessAborted(instance, signal), start);
  let head = new Uint8Array(0);
  let total;
  let loaded = 0;
  const step = async (chunk) => {
    if (total === undefined) {
      if (head.length > 0) {
        const joined = new Uint8Array(head.length + chunk.length);
        joined.set(head);
        joined.set(chunk, head.length);
        chunk = joined;
      }
      if (chunk.length < HEADER) {
        head = chunk.slice();
        return;
      }
      total = await measure(chunk);
      await started(total);
    }
    if (loaded + chunk.length > total) {
      throw new HitherError("truncated", `there are more bytes than the ${total} that the file's header says: fetch or build it again`);
    }
    await take(chunk);
    loaded += chunk.length;
    onProgress?.({ loaded, total });
  };
  if (bytes) {
    await step(bytes);
  } else {
    const reader = readerOf(stream);
    const read = readsOf(reader);
    const cancel = () => reader.cancel(signal.reason).catch(() => {});
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      for (;;) {
        const { done, value } = await next(read, signal, response);
        throwIfAborted(signal);
        if (done) break;
        if (!ArrayBuffer.isView(value)) throw new HitherError("invalid_parameter", "source: its stream gives something else than bytes");
        await step(octets(value.buffer, value.byteOffset, value.byteLength));
      }
    } catch (error) {
      reader.cancel(error).catch(() => {});
      throw error;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }
  if (total === undefined) total = await measure(head);
  if (loaded < total) {
    throw new HitherError("truncated", `${loaded} bytes came where the file's header says ${total}: the transfer broke off, or the file was cut`);
  }
  return response;
}

function readerOf(stream) {
  try {
    return stream.getReader({ mode: "byob" });
  } catch {
    // It is no stream of bytes, or it is being read, which the next attempt finds out.
  }
  try {
    return stream.getReader();
  } catch (cause) {
    throw beingRead(cause);
  }
}

/**
 * Makes a function that reads the next chunk. A stream of bytes fills the same memory each time: that took a quarter
 * off opening 142 MB from a browser's storage.
 */
function readsOf(reader) {
  if (classOf(reader) !== "ReadableStreamBYOBReader") return () => reader.read();
  let buffer = new ArrayBuffer(BUFFER);
  return async () => {
    const step = await reader.read(new Uint8Array(buffer));
    buffer = step.value?.buffer;
    return step;
  };
}

async function next(read, signal, response) {
  try {
    return await read();
  } catch (cause) {
    if (signal?.aborted) throw aborted(signal);
    throw new HitherError("network", `${response?.url || "the source"}: broke off: ${cause?.message ?? cause}`, { cause });
  }
}

function lengthOf(instance, head) {
  try {
    return instance.guard((wasm) => wasm.fileLength(head.subarray(0, HEADER)));
  } catch (error) {
    const text = String.fromCharCode(...head.subarray(0, 32)).trimStart();
    if (error.code === "not_an_index" && text.startsWith("<")) {
      throw new HitherError("not_an_index", "this is a web page and no index file: the server answers this address with HTML; check the URL");
    }
    throw error;
  }
}

/** The result of a promise, unless `signal` aborts before. */
export function unlessAborted(promise, signal) {
  throwIfAborted(signal);
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(aborted(signal));
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/**
 * Reads a source into one allocation of WebAssembly, in the instance that is promised. `options.most` is told the
 * length of the file before that is made, and may throw.
 */
export async function read(source, options, instance) {
  let bytes;
  let ready;
  try {
    await pour(
      source,
      options,
      instance,
      async (total) => {
        options.most?.(total);
        ready = await instance;
        bytes = ready.guard((wasm) => new wasm.FileBytes(total));
      },
      (chunk) => {
        ready.guard(() => {
          for (let at = 0; at < chunk.length; at += PIECE) bytes.append(chunk.subarray(at, at + PIECE));
        });
      },
    );
    return bytes;
  } catch (error) {
    if (bytes) ready.free(bytes);
    throw error;
  }
}
