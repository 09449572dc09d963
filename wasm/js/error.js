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
