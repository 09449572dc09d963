/** Every error that this package throws. */
export class HitherError extends Error {
  constructor(code, message, options = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = code === "aborted" ? "AbortError" : "HitherError";
    this.code = code;
    if (options.status !== undefined) this.status = options.status;
  }
}

export function aborted(signal) {
  return new HitherError("aborted", "aborted", { cause: signal?.reason });
}

export function throwIfAborted(signal) {
  if (signal?.aborted) throw aborted(signal);
}

/** The error for a source that is no file. */
export function noSource(given) {
  const not = typeof given?.then === "function" ? "a Promise: await it" : given === null ? "null" : typeof given;
  const message = `source: give a URL, Request, Response, Blob, ArrayBuffer, Uint8Array or stream, not ${not}`;
  return new HitherError("invalid_parameter", message);
}

export function beingRead(cause) {
  const message = "source: it is being read, or was read already; give it unread";
  return new HitherError("invalid_parameter", message, { cause });
}

/** Throws unless these are a function and an AbortSignal, as far as they are given. */
export function checkHearers({ onProgress, signal }) {
  const isGiven = (value) => value !== undefined && value !== null;
  if (isGiven(onProgress) && typeof onProgress !== "function") {
    throw new HitherError("invalid_parameter", "onProgress: give a function");
  }
  if (isGiven(signal) && typeof signal.addEventListener !== "function") {
    throw new HitherError("invalid_parameter", "signal: give an AbortSignal");
  }
}
