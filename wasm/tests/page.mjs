// In a page: hither, hither/worker and hither/storage, with a file from the server.
import { open } from "hither";
import * as storage from "hither/storage";
import { Builder, open as openInWorker } from "hither/worker";
import { smoke } from "./smoke.mjs";
import { check, tell } from "./title.mjs";

const codeOf = (promise) => promise.then(() => "no error", (error) => error.code);

async function worker() {
  const index = await openInWorker("/words.hither", { verify: "full" });
  const here = await open("/words.hither");
  const streamed = await openInWorker(await fetch("/words.hither"));
  check(streamed.length === 10000, "a Response opened in a worker");
  streamed.free();
  const query = here.get(7).vector;
  const there = await index.search(query, { k: 5 });
  check(JSON.stringify(there.rows()) === JSON.stringify(here.search(query, { k: 5 }).rows()), "the worker answers otherwise");
  const got = await index.getMany([7, 10000], { include: ["pos"] });
  check(got[0].pos === here.get(7).pos && got[0].vector.join() === query.join() && got[1] === undefined, "getMany");
  const many = new Float32Array(384 * 2000).fill(0.1);
  const stop = new AbortController();
  const batch = codeOf(index.searchBatch(many, { signal: stop.signal, efSearch: 400 }));
  stop.abort();
  check((await batch) === "aborted", "a batch did not stop");
  check((await index.insert(query, { columns: { pos: "noun" } })) === 10000, "insert");
  check(index.length === 10001, "length");
  check((await codeOf(index.search([1]))) === "dimension_mismatch", "an error's code");
  index.free();
  check((await codeOf(index.search(query))) === "freed", "freed");
  check((await codeOf(openInWorker("/none.hither"))) === "http", "a 404");
  const builder = new Builder({ dimensions: 384, kind: "hnsw" });
  await builder.addMany(Float32Array.from({ length: 384 * 20000 }, (_, at) => Math.sin(at * at)));
  const abort = new AbortController();
  const build = codeOf(builder.finish({ signal: abort.signal, onProgress: () => abort.abort() }));
  check((await build) === "aborted", "a build did not stop");
  const small = new Builder({ dimensions: 2 });
  await small.add([1, 2]);
  const made = await open(await small.finish());
  check(made.length === 1, "a worker's file");
  made.free();
  here.free();
}

async function stored() {
  const facts = await storage.put("words", "/words.hither");
  check(/^"\d+"$/.test(facts.etag) && facts.bytes > 1e6, "what put says");
  check((await storage.list()).map(({ name }) => name).join() === "words", "list");
  const index = await storage.open("words");
  check(index.length === 10000, "open");
  index.free();
  check((await storage.update("words")) === false, "nothing new");
  await fetch("/next-version");
  check((await storage.update("words")) === true, "a new version");
  check((await storage.list())[0].etag !== facts.etag, "its ETag");
  check((await storage.update("words")) === false, "nothing new again");
  check((await codeOf(storage.put("page", "/"))) === "not_an_index", "a page is refused");
  check((await codeOf(storage.put("words", "/none"))) === "http", "a 404 is refused");
  const abort = new AbortController();
  const put = storage.put("words", "/words.hither", { signal: abort.signal, onProgress: () => abort.abort() });
  check((await codeOf(put)) === "aborted", "a put did not stop");
  const cut = (await storage.get("words")).slice(0, 5000);
  check((await codeOf(storage.put("cut", cut))) === "truncated", "a cut file is refused");
  check((await storage.get("words")).size === facts.bytes, "the old one stays");
  check((await storage.list()).length === 1, "nothing left behind");
  check((await storage.put("a/../b", await storage.get("words"))).url === null, "a name is no path");
  check((await codeOf(storage.update("a/../b"))) === "storage", "what has no URL is not updated");
  check((await storage.list()).map(({ name }) => name).join() === "a/../b,words", "by name");
  check((await storage.remove("a/../b")) && !(await storage.remove("a/../b")), "remove");
  check((await codeOf(storage.open("a/../b"))) === "not_stored", "removed");
  await unchanged();
  return storage.backend();
}

/** 304 means "nothing new" to a conditional request, and is no file for any other. */
async function unchanged() {
  const { fetch } = globalThis;
  const whole = await storage.get("words");
  let conditions;
  const answers = (make) => {
    globalThis.fetch = async (_, options) => {
      conditions = Object.keys(options?.headers ?? {}).join();
      return make();
    };
  };
  const none = () => new Response(null, { status: 304 });
  try {
    answers(() => new Response(whole));
    const facts = await storage.put("bare", "/bare.hither");
    check(facts.etag === null && conditions === "", "a server without ETags");
    answers(none);
    check((await codeOf(storage.put("bare", "/bare.hither"))) === "http", "a 304 that a put did not ask for");
    check((await codeOf(storage.put("new", none()))) === "http", "a Response of 304");
    check((await codeOf(storage.update("bare"))) === "http" && conditions === "", "a 304 that an update did not ask for");
    check((await storage.update("words")) === false && conditions === "If-None-Match", "a 304 that it asked for");
  } finally {
    globalThis.fetch = fetch;
  }
  check((await storage.get("bare")).size === whole.size, "the old one stays");
  check((await storage.list()).map(({ name }) => name).join() === "bare,words", "nothing is stored of a 304");
  await storage.remove("bare");
}

/** After a reload, with the index unreachable. */
async function again() {
  check((await codeOf(open("/words.hither"))) === "network", "the network is off");
  const index = await storage.open("words", { verify: "full" });
  check(index.search(7, { k: 5 }).length === 5, "what was stored answers");
  index.free();
  check((await codeOf(storage.update("words"))) === "network", "an update without a network");
  check((await storage.list())[0].bytes === (await storage.get("words")).size, "the old one stays");
  return storage.backend();
}

async function said() {
  if (location.hash === "#again") return `again, without a network, from ${await again()}: ok`;
  await smoke();
  await worker();
  return `page, worker, storage in ${await stored()}: ok`;
}

tell(said());
