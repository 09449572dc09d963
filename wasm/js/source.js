// The bytes of an index file, from wherever they come.
import { HitherError, aborted, beingRead, throwIfAborted } from "./error.js";
import { Handle, check, give } from "./handle.js";
import { guard, pathStream, wasm } from "./runtime.js";

const HEADER = 64;
/** Bytes that a stream of bytes gives at a time, at most. */
const BUFFER = 1 << 22;
/** Bytes that cross into WebAssembly at a time: few enough to stay in a core's cache. */
const PIECE = 1 << 18;

/** A stream of the source's bytes, or the bytes themselves, and the response they come with. */
async function begin(source, signal, headers) {
  if (ArrayBuffer.isView(source)) return { bytes: octets(source.buffer, source.byteOffset, source.byteLength) };
  if (source instanceof ArrayBuffer) return { bytes: octets(source) };
  if (typeof Blob !== "undefined" && source instanceof Blob) return { stream: source.stream() };
  if (source instanceof ReadableStream) return { stream: source };
  if (source instanceof Response) return fromResponse(source);
  if (typeof source !== "string" && !(source instanceof URL) && !(source instanceof Request)) {
    const message = "source: give a URL, Request, Response, Blob, ArrayBuffer, Uint8Array or stream";
    throw new HitherError("invalid_parameter", message);
  }
  const stream = await pathStream(source);
  if (stream) return { stream };
  let response;
  try {
    response = await fetch(source, headers ? { signal, headers } : { signal });
  } catch (cause) {
    throwIfAborted(signal);
    throw new HitherError("network", `${source.url ?? source}: ${cause?.message ?? cause}`, { cause });
  }
  return fromResponse(response);
}

function octets(buffer, ...range) {
  try {
    return new Uint8Array(buffer, ...range);
  } catch (cause) {
    throw new HitherError("invalid_parameter", "source: its memory was transferred away", { cause });
  }
}

function fromResponse(response) {
  if (response.status === 304) return { response };
  if (!response.ok) {
    response.body?.cancel().catch(() => {});
    const message = `${response.url || "the server"}: answered ${response.status} ${response.statusText}`.trimEnd();
    throw new HitherError("http", message, { status: response.status });
  }
  return { response, stream: response.body ?? new Blob([]).stream() };
}

/**
 * The source's bytes as they come: checked to begin like an index file, to be as many as its
 * header says, and stopped by `signal`. `started` hears the length once, before the first chunk. A
 * chunk is only lent: its memory is written over once `take` is done.
 */
export async function pour(source, { signal, onProgress, headers }, started, take) {
  throwIfAborted(signal);
  const { bytes, stream, response } = await begin(source, signal, headers);
  if (response?.status === 304) return response;
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
      total = lengthOf(chunk);
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
  if (total === undefined) total = lengthOf(head);
  if (loaded < total) {
    throw new HitherError("truncated", `${loaded} bytes came where the file's header says ${total}: the transfer broke off, or the file was cut`);
  }
  return response;
}

function readerOf(stream) {
  try {
    return stream.getReader({ mode: "byob" });
  } catch {
    // Not a stream of bytes, or being read, which comes out next.
  }
  try {
    return stream.getReader();
  } catch (cause) {
    throw beingRead(cause);
  }
}

/**
 * What gives the next chunk. A stream of bytes fills the same memory each time: that took a quarter
 * off opening 142 MB from a browser's storage.
 */
function readsOf(reader) {
  if (typeof ReadableStreamBYOBReader === "undefined" || !(reader instanceof ReadableStreamBYOBReader)) {
    return () => reader.read();
  }
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

function lengthOf(head) {
  try {
    return guard(() => {
      give(head.subarray(0, HEADER));
      return check(wasm.file_length());
    });
  } catch (error) {
    const text = String.fromCharCode(...head.subarray(0, 32)).trimStart();
    if (error.code === "not_an_index" && text.startsWith("<")) {
      throw new HitherError("not_an_index", "this is a web page and no index file: the server answers this address with HTML; check the URL");
    }
    throw error;
  }
}

/** Reads a source into one allocation of WebAssembly. */
export async function read(source, options) {
  let bytes;
  try {
    await pour(
      source,
      options,
      (total) => {
        bytes = guard(() => new Handle(wasm.bytes_new(total)));
      },
      (chunk) => {
        guard(() => {
          for (let at = 0; at < chunk.length; at += PIECE) {
            give(chunk.subarray(at, at + PIECE));
            check(wasm.bytes_append(bytes.id));
          }
        });
      },
    );
    return bytes;
  } catch (error) {
    bytes?.free();
    throw error;
  }
}
