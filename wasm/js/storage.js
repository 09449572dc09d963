import { HitherError, aborted } from "./error.js";
import { ready } from "./runtime.js";
import { pour } from "./source.js";
import { openWhole } from "./index.js";
import { classOf } from "./realm.js";
import { checkOptions, shown } from "./value.js";

const NAME = "hither";
const OPTIONS = ["onProgress", "signal"];

function failed(cause) {
  if (cause instanceof HitherError) return cause;
  const message = `the browser's storage refused: ${cause?.message ?? cause}`;
  return new HitherError("storage", message, { cause });
}

/**
 * Calls `call` while no other tab has the lock of this name; if `mode` is "shared", while others only share it. Where
 * there are no locks, as in pages that are not secure, it just calls. With `ifAvailable` it does not wait, and gives
 * undefined instead.
 */
async function locked(name, mode, call, { signal, ifAvailable = false } = {}) {
  const { locks } = navigator;
  if (!locks) return call();
  const options = signal ? { mode, signal } : { mode, ifAvailable };
  try {
    return await locks.request(`hither: ${name}`, options, (lock) => (lock ? call() : undefined));
  } catch (error) {
    throw signal?.aborted ? aborted(signal) : error;
  }
}

/** Reads, or replaces, what is stored under a name. */
const reading = (name, call) => locked(`content of ${name}`, "shared", call);
const replacing = (name, call, signal) => locked(`content of ${name}`, "exclusive", call, { signal });
/**
 * Writes the next content of a name: that takes long, and does not keep others from reading or removing the last one.
 */
const writing = (name, call, signal) => locked(`next of ${name}`, "shared", call, { signal });
const unlessWriting = (name, call) => locked(`next of ${name}`, "exclusive", call, { ifAvailable: true });

/** Files in the origin private file system; a JSON file beside each holds what is known of it. */
const opfs = {
  async folder() {
    const root = await navigator.storage.getDirectory();
    return root.getDirectoryHandle(NAME, { create: true });
  },
  // Callers choose the names: encoded, they contain no path.
  file: (name) => `${encodeURIComponent(name)}.hither`,
  facts: (name) => `${encodeURIComponent(name)}.json`,
  async read(name) {
    const folder = await this.folder();
    const file = async (entry) => (await folder.getFileHandle(entry)).getFile();
    try {
      const facts = file(this.facts(name)).then((facts) => facts.text());
      const [blob, text] = await Promise.all([file(this.file(name)), facts]);
      return { facts: JSON.parse(text), blob };
    } catch (error) {
      if (error.name === "NotFoundError" || error instanceof SyntaxError) return undefined;
      throw error;
    }
  },
  async write(name) {
    const folder = await this.folder();
    const handle = await folder.getFileHandle(this.file(name), { create: true });
    // The browser writes to a file beside it, which replaces it on close.
    const file = await handle.createWritable();
    return {
      take: (chunk) => file.write(chunk),
      async close(facts) {
        await file.close();
        const beside = await folder.getFileHandle(opfs.facts(name), { create: true });
        const text = await beside.createWritable();
        await text.write(JSON.stringify(facts));
        await text.close();
      },
      abort: () => file.abort().catch(() => {}),
    };
  },
  /** A file without its JSON is of a name that was removed, or was never complete. */
  async tidy(name) {
    if (await this.read(name)) return;
    const folder = await this.folder();
    await unlessWriting(name, () => folder.removeEntry(this.file(name)).catch(() => {}));
  },
  async list() {
    const all = [];
    for await (const entry of (await this.folder()).keys()) {
      if (!entry.endsWith(".json")) continue;
      const name = decodeURIComponent(entry.slice(0, -5));
      const found = await reading(name, () => this.read(name));
      if (found) all.push(found.facts);
    }
    return all;
  },
  async remove(name) {
    const folder = await this.folder();
    const found = (await this.read(name)) !== undefined;
    await folder.removeEntry(this.facts(name)).catch(() => {});
    await this.tidy(name);
    return found;
  },
};

/** Files in IndexedDB: a record each, with its Blob, or with its parts where Blobs are refused. */
const indexeddb = {
  async store(mode, use) {
    const database = await new Promise((resolve, reject) => {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => request.result.createObjectStore("files");
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    try {
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction("files", mode);
        const request = use(transaction.objectStore("files"));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => reject(transaction.error);
      });
    } finally {
      database.close();
    }
  },
  async read(name) {
    const record = await this.store("readonly", (files) => files.get(name));
    return record && { facts: record.facts, blob: record.blob ?? new Blob(record.parts) };
  },
  async write(name) {
    let chunks = [];
    return {
      take: (chunk) => void chunks.push(chunk.slice()),
      async close(facts) {
        const put = (bytes) => indexeddb.store("readwrite", (files) => files.put({ facts, ...bytes }, name));
        // Private windows of WebKit refuse Blobs.
        await put({ blob: new Blob(chunks) }).catch(() => put({ parts: chunks }));
      },
      abort: async () => void (chunks = []),
    };
  },
  /** Nothing is stored before a file is complete. */
  tidy: async () => {},
  async list() {
    return (await this.store("readonly", (files) => files.getAll())).map(({ facts }) => facts);
  },
  async remove(name) {
    return this.store("readwrite", (files) => {
      const found = files.count(name);
      files.delete(name);
      return found;
    }).then((count) => count > 0);
  },
};

let chosen;

/**
 * Where files are kept. OPFS, where it can be used and written (private windows refuse that) and there are locks
 * between tabs, without which replacing a file would cut it under its readers; else IndexedDB.
 */
function choose() {
  chosen ??= (async () => {
    try {
      const writable = typeof FileSystemFileHandle !== "undefined" && "createWritable" in FileSystemFileHandle.prototype;
      if (writable && navigator.locks && (await opfs.folder())) return opfs;
    } catch {
      // Refused: use IndexedDB.
    }
    if (typeof indexedDB !== "undefined") return indexeddb;
    throw new HitherError("storage", "there is neither OPFS nor IndexedDB here: hither/storage is for browsers");
  })();
  return chosen;
}

export async function backend() {
  return (await choose()) === opfs ? "opfs" : "indexeddb";
}

function revealed(facts) {
  return { ...facts, stored: new Date(facts.stored) };
}

function address(source) {
  if (classOf(source) === "String") return new URL(source, location.href).href;
  if (classOf(source) === "URL") return source.href;
  return source?.url || null;
}

async function store(name, source, options) {
  checkName(name);
  const files = await choose();
  try {
    return await writing(name, () => written(files, name, source, options), options.signal);
  } catch (error) {
    await replacing(name, () => files.tidy(name)).catch(() => {});
    throw failed(error);
  }
}

/** Writes a file beside the existing one, and replaces that once it is complete. */
async function written(files, name, source, options) {
  let target;
  let bytes = 0;
  try {
    const response = await pour(
      source,
      options,
      ready(),
      async (total) => {
        bytes = total;
        target = await files.write(name);
      },
      (chunk) => target.take(chunk),
    );
    if (response?.status === 304) return undefined;
    const etag = response?.headers.get("etag") ?? response?.headers.get("last-modified") ?? null;
    const facts = { name, bytes, url: address(source), etag, stored: Date.now() };
    await replacing(name, () => target.close(facts), options.signal);
    return revealed(facts);
  } catch (error) {
    await target?.abort();
    throw error;
  }
}

function checkName(name) {
  if (typeof name === "string" && name !== "") return;
  throw new HitherError("invalid_parameter", `name: give a text, not ${name === "" ? "an empty one" : shown(name)}`);
}

export async function put(name, source, options = {}) {
  checkOptions(options, OPTIONS);
  return store(name, source, options);
}

async function ask(question) {
  try {
    return await question(await choose());
  } catch (error) {
    throw failed(error);
  }
}

function found(file, name) {
  if (!file) throw new HitherError("not_stored", `no file is stored under the name "${name}"`);
  return file;
}

export async function open(name, options) {
  checkName(name);
  return ask((files) => reading(name, async () => openWhole(found(await files.read(name), name).blob, options)));
}

export async function get(name) {
  checkName(name);
  return (await ask((files) => reading(name, () => files.read(name))))?.blob;
}

export async function list() {
  const all = await ask((files) => files.list());
  return all.map(revealed).sort((a, b) => (a.name < b.name ? -1 : 1));
}

export async function remove(name) {
  checkName(name);
  return ask((files) => replacing(name, () => files.remove(name)));
}

export { remove as delete };

export async function update(name, options = {}) {
  checkOptions(options, OPTIONS);
  checkName(name);
  const { url, etag } = found(await ask((files) => reading(name, () => files.read(name))), name).facts;
  if (!url) throw new HitherError("storage", `"${name}" was not stored from a URL: put() it again`);
  const isDate = etag !== null && !/^(W\/)?"/.test(etag);
  // Without a tag the request is not conditional. A server that answers "not modified" gave no file.
  const headers = etag ? { [isDate ? "If-Modified-Since" : "If-None-Match"]: etag } : undefined;
  const stored = await store(name, url, { ...options, headers });
  return stored !== undefined;
}
