// Waiting with an end.
import { aborted, throwIfAborted } from "./error.js";

/** The most milliseconds of a timer: one of more goes off at once. */
const LONGEST = 2 ** 31 - 1;

const heeded = new WeakMap();

/**
 * Calls when a signal aborts; returns a function that ends that. However many calls wait for a signal, it has one
 * listener: Node warns where there are more than ten.
 */
export function heed(signal, call) {
  if (!signal) return () => {};
  let calls = heeded.get(signal);
  if (!calls) {
    calls = new Set();
    heeded.set(signal, calls);
    signal.addEventListener("abort", () => calls.forEach((call) => call()), { once: true });
  }
  calls.add(call);
  return () => calls.delete(call);
}

/** A signal that aborts with another signal, or when nothing was heard for this many milliseconds. */
export class Patience {
  hasEnded = false;
  #stop = new AbortController();
  #timeout;
  #timer;
  #leave;

  constructor(timeout, signal) {
    this.#timeout = timeout;
    const stop = () => this.#stop.abort(signal.reason);
    if (signal?.aborted) stop();
    this.#leave = heed(signal, stop);
    this.hear();
  }

  get signal() {
    return this.#stop.signal;
  }

  /** Starts the time anew, because something was heard. */
  hear() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.hasEnded = true;
      this.#stop.abort();
    }, Math.min(this.#timeout, LONGEST));
  }

  /** Aborts what is under way. */
  stop() {
    this.#stop.abort();
  }

  /** Ends the waiting. */
  end() {
    clearTimeout(this.#timer);
    this.#leave();
  }
}

/** Waits for this many milliseconds, unless a signal aborts. */
export async function pause(milliseconds, signal) {
  throwIfAborted(signal);
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      leave();
      resolve();
    }, milliseconds);
    const leave = heed(signal, () => {
      clearTimeout(timer);
      leave();
      reject(aborted(signal));
    });
  });
}
