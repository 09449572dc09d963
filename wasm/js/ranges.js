// Reads ranges of a file on a server, all of one version of it. Requests carry no header but `Range`, so that a page
// may send them to another origin without asking it first; nothing relies on the headers of responses, which such a
// server may keep from a page.
import { HitherError, throwIfAborted } from "./error.js";
import { Patience, pause } from "./patience.js";
import { classOf, isAddress } from "./realm.js";
import { checkStatus, request } from "./request.js";
import { together } from "./together.js";

/**
 * How often a request is repeated, the pause before the first repetition in milliseconds, and the most time for all.
 */
const RETRIES = 3;
const PAUSE = 100;
const NO_LONGER = 10_000;
/** Statuses of servers that may answer otherwise later. */
const STUMBLES = [408, 425, 429, 500, 502, 503, 504];
/** The length of a file's header, in which the content id stands for the whole file. */
const HEADER = 64;

/** An error that may not come again, after this many milliseconds at least. Other errors come again. */
class Stumble {
  constructor(error, after = 0) {
    this.error = error;
    this.after = after;
  }
}

export class Ranges {
  traffic = { requests: 0, bytes: 0, roundTrips: 0 };
  #request;
  #timeout;
  #concurrency;
  /** The file's header, its length if the server tells it, and the tags that the server gave this version of it. */
  #header;
  #length;
  #tags = new Set();

  constructor(source, { timeout, concurrency }) {
    this.#request = requestOf(source);
    this.#timeout = timeout;
    this.#concurrency = concurrency;
  }

  /** The request for the whole file. */
  get request() {
    return this.#request.clone();
  }

  /**
   * The first `length` bytes of the file, or all it has; or, if the server sends no ranges, its response, of which
   * nothing is read yet.
   */
  async first(length, signal) {
    this.traffic.roundTrips += 1;
    return this.#repeat(signal, async () => {
      const came = await this.#once(0, length, signal, true);
      if (came.response) return came;
      const { bytes, total, tag } = came;
      if (total !== undefined) this.#checkLength(bytes, Math.min(length, total));
      this.#header = bytes.slice(0, HEADER);
      this.#length = total;
      if (tag) this.#tags.add(tag);
      return { bytes };
    });
  }

  /**
   * Fetches ranges, each `[start, end]`. `take(start, bytes)` gets them as they come, and throws where they are
   * wrong.
   */
  async read(ranges, signal, take) {
    this.traffic.roundTrips += 1;
    await together(ranges, this.#concurrency, signal, ([start, end], _, signal) =>
      this.#repeat(signal, async () => {
        if (end > this.#length) throw this.#error("truncated", `it has ${this.#length} bytes, and says that it has more`);
        const { bytes, total, tag } = await this.#once(start, end, signal);
        const isOther = tag !== undefined && !this.#tags.has(tag);
        if (isOther || (total !== undefined && total !== this.#length)) await this.#confirm(signal);
        // Servers behind one address may each give another tag.
        if (isOther) this.#tags.add(tag);
        this.#checkLength(bytes, end - start);
        try {
          take(start, bytes);
        } catch (error) {
          if (error.code !== "corrupt") throw error;
          await this.#confirm(signal);
          throw new Stumble(error);
        }
      }),
    );
  }

  /** Throws unless the server still has the file that was opened, judged by its header. */
  async confirm(signal) {
    await this.#repeat(signal, () => this.#confirm(signal));
  }

  async #confirm(signal) {
    const { bytes } = await this.#once(0, this.#header.length, signal);
    this.#checkLength(bytes, this.#header.length);
    if (bytes.every((byte, at) => byte === this.#header[at])) return;
    throw this.#error("replaced", "the file was replaced by another version: open it again");
  }

  /** Does something again after a stumble. */
  async #repeat(signal, work) {
    const begun = performance.now();
    for (let retry = 0, wait = PAUSE; ; retry += 1, wait *= 2) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Stumble)) throw error;
        // Clients that were cut off at once do not ask again at once. A server that names a time is not asked before
        // that.
        const time = Math.max(wait * (1 + Math.random() / 2), error.after);
        if (retry === RETRIES || performance.now() - begun + time > NO_LONGER) throw error.error;
        await pause(time, signal);
      }
    }
  }

  /** Requests a range once. With `isFirst`, the whole file is taken where the server sends no ranges. */
  async #once(start, end, signal, isFirst = false) {
    const patience = new Patience(this.#timeout, signal);
    this.traffic.requests += 1;
    try {
      const response = await this.#ask(start, end, patience.signal);
      patience.hear();
      if (isFirst && response.status === 200) return { response };
      this.#checkStatus(response);
      const total = this.#checkRange(response, start, end);
      const bytes = await this.#body(response, end - start, patience);
      // A weak tag will do: the checks find what it does not tell apart.
      const tag = response.headers.get("ETag") ?? response.headers.get("Last-Modified") ?? undefined;
      return { bytes, total, tag: tag?.replace(/^W\//, "") };
    } catch (error) {
      patience.stop();
      throwIfAborted(signal);
      if (!patience.hasEnded) throw error;
      throw new Stumble(this.#error("network", `sent nothing for ${this.#timeout / 1000} seconds`, error));
    } finally {
      patience.end();
    }
  }

  async #ask(start, end, signal) {
    const headers = new Headers(this.#request.headers);
    headers.set("Range", `bytes=${start}-${end - 1}`);
    try {
      return await request(new Request(this.#request, { headers, signal }), { signal }, this.#request.url);
    } catch (error) {
      throw error.code === "network" ? new Stumble(error) : error;
    }
  }

  #checkStatus(response) {
    const { status } = response;
    if (status === 206) return;
    try {
      checkStatus(response, this.#request.url);
    } catch (error) {
      throw STUMBLES.includes(status) ? new Stumble(error, laterBy(response.headers.get("Retry-After"))) : error;
    }
    const error = this.#error("http", `answered ${status} to who asks for a range`, undefined, status);
    // Some servers that do not have a range at hand send the whole file, and the range the next time.
    throw status === 200 ? new Stumble(error) : error;
  }

  /** The file's length, if the response names it; throws if it is of another range. */
  #checkRange(response, start, end) {
    const said = response.headers.get("Content-Range");
    if (said === null) return undefined;
    const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(said.trim()) ?? [];
    const length = total === "*" ? undefined : Number(total);
    if (Number(first) === start && Number(last) === Math.min(end, length ?? end) - 1) return length;
    throw this.#error("network", `who asks for bytes ${start}-${end - 1} gets "${said}"`);
  }

  /** The bytes of a response, at most `most`. */
  async #body(response, most, patience) {
    const pieces = [];
    let length = 0;
    const reader = response.body?.getReader();
    for (;;) {
      const { done, value } = await this.#piece(reader, response);
      if (done) break;
      patience.hear();
      pieces.push(value);
      length += value.length;
      this.traffic.bytes += value.length;
      if (length > most) throw this.#packed(response) ?? this.#error("network", `it sends more than the ${most} bytes that it was asked for`);
    }
    if (length < most && this.#packed(response)) throw this.#packed(response);
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  async #piece(reader, response) {
    try {
      return (await reader?.read()) ?? { done: true };
    } catch (cause) {
      throw this.#packed(response) ?? new Stumble(this.#error("network", `broke off: ${cause?.message ?? cause}`, cause));
    }
  }

  /** What is wrong with a range that was compressed: it is part of something else. */
  #packed(response) {
    const encoding = response.headers.get("Content-Encoding") ?? "identity";
    if (encoding === "identity") return undefined;
    return this.#error("network", `ranges come in encoding "${encoding}": have the server send index files as they are`);
  }

  #checkLength(bytes, wanted) {
    if (bytes.length < wanted) throw new Stumble(this.#error("network", `broke off: ${bytes.length} of ${wanted} bytes came`));
  }

  #error(code, message, cause, status) {
    return new HitherError(code, `${this.#request.url}: ${message}`, { cause, status });
  }
}

/** How many milliseconds a server wants to be left alone. */
function laterBy(said) {
  const seconds = /^\d+$/.test(said ?? "") ? Number(said) : (Date.parse(said) - Date.now()) / 1000;
  return seconds > 0 ? seconds * 1000 : 0;
}

function requestOf(source) {
  const refuse = (what, cause) => {
    throw new HitherError("invalid_parameter", `source: with lazy give the URL of a file on a server, not ${what}`, { cause });
  };
  if (Array.isArray(source)) refuse("several");
  if (!isAddress(source)) refuse(classOf(source));
  if (typeof Request !== "function") throw new HitherError("unavailable", "lazy: nothing fetches here, as in jsdom");
  let made;
  try {
    made = new Request(source);
  } catch (cause) {
    refuse(`"${source}"`, cause);
  }
  if (made.url.startsWith("file:")) refuse(`"${made.url}"`);
  // If Chromium may cache the ranges of one address, it fetches them one after another.
  try {
    return made.cache === "default" ? new Request(made, { cache: "no-store" }) : made;
  } catch {
    // Older versions of workerd know no caches.
    return made;
  }
}
