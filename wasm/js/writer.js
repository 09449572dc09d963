// Receives files that WebAssembly writes: built ones and saved ones.
import { aborted, throwIfAborted } from "./error.js";

/**
 * A sink for `src/sink.rs`, to which WebAssembly writes a file. It calls `report` to tell its progress and to learn
 * whether to go on, `begin` with the number of bytes, to learn whether there is room, and `take` with each piece.
 */
export function writer({ onProgress, signal } = {}) {
  let thrown;
  const report = (stage, done, total) => {
    try {
      onProgress?.({ stage, done, total });
    } catch (error) {
      thrown = { error };
    }
    return thrown === undefined && signal?.aborted !== true;
  };
  let bytes;
  let at = 0;
  const begin = (length) => {
    try {
      bytes = new Uint8Array(length);
      return true;
    } catch {
      return false;
    }
  };
  const take = (piece) => {
    bytes.set(piece, at);
    at += piece.length;
  };
  return (instance, write) => {
    throwIfAborted(signal);
    try {
      instance.guard(() => write({ report, begin, take }));
    } catch (error) {
      if (thrown) throw thrown.error;
      throw error.code === "aborted" ? aborted(signal) : error;
    }
    return bytes;
  };
}
