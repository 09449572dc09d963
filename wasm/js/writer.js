// Files that WebAssembly writes: what is built, and what is saved.
import { aborted, throwIfAborted } from "./error.js";

/**
 * How WebAssembly writes a file, to a sink as `src/sink.rs` knows it: it calls `report` to tell its progress and
 * to hear whether to go on, `begin` with how many bytes there will be, to hear whether there is room, and `take`
 * with each piece.
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
