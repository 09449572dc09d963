// Requests to servers.
import { HitherError, throwIfAborted } from "./error.js";

/** The response to a request, whatever its status. `what` names the source in messages. */
export async function request(source, options, what = `${source.url ?? source}`) {
  if (typeof fetch !== "function") {
    throw new HitherError("unavailable", `${what}: nothing fetches here, as in jsdom: give its bytes, or a path`);
  }
  try {
    return await fetch(source, options);
  } catch (cause) {
    throwIfAborted(options?.signal);
    throw new HitherError("network", `${what}: ${cause?.message ?? cause}`, { cause });
  }
}

/** Throws unless a response is successful. */
export function checkStatus(response, what = response.url || "the server") {
  if (response.ok) return;
  response.body?.cancel().catch(() => {});
  const message = `${what}: answered ${response.status} ${response.statusText}`.trimEnd();
  throw new HitherError("http", message, { status: response.status });
}
