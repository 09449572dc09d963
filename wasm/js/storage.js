import { HitherError } from "./error.js";
import { configure, ready } from "./runtime.js";
import { pour } from "./source.js";
import { open as openIndex } from "./open.js";
import { checkOptions, shown } from "./value.js";

configure({ rank: 1, module: () => new URL("./hither_bg.wasm", import.meta.url) });

const NAME = "hither";
const OPTIONS = ["onProgress", "signal"];

function failed(cause) {
  if (cause instanceof HitherError) return cause;
  const message = `the browser's storage refused: ${cause?.message ?? cause}`;
  return new HitherError("storage", message, { cause });
}

/** Files in the origin private file system; what is known of them lies beside, as JSON. */
const opfs = {
  async folder() {
    const root = await navigator.storage.getDirectory();
    return root.getDirectoryHandle(NAME, { create: true });
  },
  // Names are the caller's: encoded, they are none of a path.
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
    // Written beside the file, which it replaces when it is closed.
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
      async abort() {
        await file.abort().catch(() => {});
        // A name that was new has an empty file now.
        if (!(await opfs.read(name))) await folder.removeEntry(opfs.file(name)).catch(() => {});
      },
    };
  },
  async list() {
    const all = [];
    for await (const entry of (await this.folder()).keys()) {
      if (!entry.endsWith(".json")) continue;
      const found = await this.read(decodeURIComponent(entry.slice(0, -5)));
      if (found) all.push(found.facts);
    }
    return all;
  },
  async remove(name) {
    const folder = await this.folder();
    const found = (await this.read(name)) !== undefined;
    for (const entry of [this.facts(name), this.file(name)]) {
      await folder.removeEntry(entry).catch(() => {});
    }
    return found;
  },
};

/** Files in IndexedDB, each a record with its Blob, or with its parts where Blobs are refused. */
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
        // Private windows of WebKit take no Blobs.
        await put({ blob: new Blob(chunks) }).catch(() => put({ parts: chunks }));
      },
      abort: async () => void (chunks = []),
    };
  },
  async list() {
    return (await this.store("readonly", (files) => files.getAll())).map(({ facts }) => facts);
  },
  async remove(name) {
    const found = (await this.read(name)) !== undefined;
    await this.store("readwrite", (files) => files.delete(name));
    return found;
  },
};

let chosen;

/** Where files are kept: OPFS where it can be used and written, which private windows refuse. */
function choose() {
  chosen ??= (async () => {
    try {
      const writable = typeof FileSystemFileHandle !== "undefined" && "createWritable" in FileSystemFileHandle.prototype;
      if (writable && (await opfs.folder())) return opfs;
    } catch {
      // Refused: IndexedDB then.
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
  if (typeof source === "string") return new URL(source, location.href).href;
  if (source instanceof URL) return source.href;
  return source?.url || null;
}

async function store(name, source, options) {
  checkName(name);
  const files = await choose();
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
    await target.close(facts);
    return revealed(facts);
  } catch (error) {
    await target?.abort();
    throw failed(error);
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

async function found(name) {
  checkName(name);
  const file = await ask((files) => files.read(name));
  if (!file) throw new HitherError("not_stored", `no file is stored under the name "${name}"`);
  return file;
}

export async function open(name, options) {
  return openIndex((await found(name)).blob, options);
}

export async function get(name) {
  checkName(name);
  return (await ask((files) => files.read(name)))?.blob;
}

export async function list() {
  const all = await ask((files) => files.list());
  return all.map(revealed).sort((a, b) => (a.name < b.name ? -1 : 1));
}

export async function remove(name) {
  checkName(name);
  return ask((files) => files.remove(name));
}

export { remove as delete };

export async function update(name, options = {}) {
  checkOptions(options, OPTIONS);
  const { url, etag } = (await found(name)).facts;
  if (!url) throw new HitherError("storage", `"${name}" was not stored from a URL: put() it again`);
  const isDate = etag !== null && !/^(W\/)?"/.test(etag);
  const headers = etag ? { [isDate ? "If-Modified-Since" : "If-None-Match"]: etag } : {};
  const stored = await store(name, url, { ...options, headers });
  return stored !== undefined;
}
