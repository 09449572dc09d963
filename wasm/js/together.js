// Does work on several things at once.

/**
 * Calls `work(item, at, signal)` for each item, for at most `most` at a time. The first error stops the
 * others, by the signal that they were given, and is thrown when they have stopped; so does `signal`.
 */
export async function together(items, most, signal, work) {
  const stop = new AbortController();
  const abort = () => stop.abort(signal.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  let next = 0;
  let failure;
  const worker = async () => {
    while (next < items.length && !failure) {
      const at = next;
      next += 1;
      try {
        await work(items[at], at, stop.signal);
      } catch (error) {
        failure ??= { error };
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  signal?.removeEventListener("abort", abort);
  if (failure) throw failure.error;
}
