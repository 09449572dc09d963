// How files and the module are loaded: concurrently, within a limit, in order; responses that are no file; and
// sources of other realms, and Blobs without streams.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { after, test } from "node:test";
import vm from "node:vm";
import { memory, open } from "hither";
import { open as openInWorker } from "hither/worker";
import { code } from "./code.mjs";
import { fileOf } from "./rows.mjs";

const rows = (from) => Array.from({ length: 10 }, (_, at) => ({ key: from + at, n: from + at }));
const files = await Promise.all(Array.from({ length: 20 }, (_, at) => fileOf({ n: "int64" }, rows(10 * at), { keys: "int64" })));

/** A server whose answers wait for `open`; it counts the answers that it has yet to give, now and at most. */
const waiting = { now: 0, most: 0, paths: [] };
let hold = async () => {};
const server = createServer(async (request, answer) => {
  const [, kind, number] = request.url.split("/");
  waiting.paths.push(request.url);
  waiting.now += 1;
  waiting.most = Math.max(waiting.most, waiting.now);
  await hold(Number(number));
  waiting.now -= 1;
  if (kind === "file") answer.end(files[number]);
  else answer.writeHead(Number(kind)).end();
});
// Otherwise it ends connections after 5 s, just when a busy machine uses them again.
server.keepAliveTimeout = 0;
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
after(() => (server.closeAllConnections(), server.close()));
const url = (path) => `http://127.0.0.1:${server.address().port}${path}`;
const all = files.map((_, at) => url(`/file/${at}`));

function again() {
  Object.assign(waiting, { now: 0, most: 0, paths: [] });
}

test("several files are asked for together, six at a time, and answer in their order", async () => {
  again();
  // Each answer waits until six files are requested, or all that are left; the first is answered last.
  let release;
  let together = new Promise((resolve) => (release = resolve));
  hold = async (number) => {
    if (waiting.now === 6 || waiting.paths.length === 20) release();
    await together;
    for (let turns = 20 - number; turns > 0; turns -= 1) await new Promise((resume) => setImmediate(resume));
  };
  const steps = [];
  const index = await open(all, { onProgress: (step) => steps.push(step) });
  assert.deepEqual([waiting.most, waiting.paths.length], [6, 20]);
  assert.deepEqual(index.info.files.map(({ bytes }) => bytes), files.map(({ length }) => length));
  assert.deepEqual([index.length, index.get(137).n, index.search([0, 1], { k: 200 }).length], [200, 137, 200]);
  const { loaded, total } = steps.at(-1);
  assert(loaded === index.info.bytes && total === loaded && steps.every((step, at) => at === 0 || step.loaded >= steps[at - 1].loaded));
  index.free();
});

/** In a page: the module and the file are each given only after both are requested. */
const PAGE = `
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
const file = readFileSync(0);
const asked = new Set();
let release;
const both = new Promise((resolve) => (release = resolve));
globalThis.fetch = async (address) => {
  const { href } = new URL(address);
  const isModule = href.endsWith(".wasm");
  if (asked.add(isModule).size === 2) release();
  await both;
  return new Response(isModule ? readFileSync(fileURLToPath(href)) : file);
};
const { open } = await import(process.argv[1]);
const index = await open("http://files.test/a.hither");
console.log(index.length);`;

test("a file is asked for before the module has come, and the module before the file", () => {
  for (const entry of ["hither", "hither/search"]) {
    // If one waited for the other, it would wait for ever; Node then ends, because nothing is left to do, and says
    // so.
    const said = execFileSync(process.execPath, ["--conditions=browser", "--input-type=module", "--eval", PAGE, entry], { input: files[0] });
    assert.equal(`${said}`, "10\n", entry);
  }
});

test("the first error stops what is on its way, names its file, and leaves nothing", async () => {
  const before = { ...memory(), reserved: 0 };
  again();
  hold = (number) => (number === 3 ? Promise.resolve() : new Promise(() => {}));
  const sources = all.map((it, at) => (at === 3 ? url("/404/3") : it));
  await assert.rejects(open(sources), (error) => error.code === "http" && error.status === 404 && error.message.includes("/404/3"));
  assert.equal(waiting.paths.length, 6);
  again();
  const stop = new AbortController();
  const stopped = open(all, { signal: stop.signal });
  while (waiting.now < 5) await new Promise((resume) => setTimeout(resume, 5));
  stop.abort(new Error("mine"));
  await assert.rejects(stopped, (error) => error.name === "AbortError" && error.code === "aborted" && error.cause.message === "mine");
  hold = async () => {};
  const other = await fileOf({ m: "text" }, [{ key: 1 }], { keys: "int64" });
  await assert.rejects(open([files[0], other, files[1]]), (error) => error.code === "unsupported" && error.message.includes("file 1"));
  assert.deepEqual({ ...memory(), reserved: 0 }, before);
});

test("what a server answers beside a file is an error that says its status", async () => {
  for (const [status, expected] of [[304, "http"], [404, "http"], [500, "http"], [204, "truncated|not_an_index"], [205, "truncated|not_an_index"]]) {
    for (const call of [() => open(url(`/${status}`)), async () => open(await fetch(url(`/${status}`))), () => openInWorker(url(`/${status}`))]) {
      assert(expected.split("|").includes(await code(call)), `${status}: ${await code(call)}`);
    }
  }
  assert.equal(await code(() => open(new Response(null, { status: 304 }))), "http");
});

test("values of another realm are taken as those of this one", async () => {
  const context = vm.createContext({ bytes: files[0] });
  const alien = (source) => vm.runInContext(source, context);
  for (const source of ["new Uint8Array(bytes)", "new Uint8Array(bytes).buffer", "new DataView(new Uint8Array(bytes).buffer)", "[new Uint8Array(bytes)]"]) {
    const index = await open(alien(source));
    assert.equal(index.length, 10);
    assert.equal(index.search(alien("new Float32Array([3, 1])"), alien("({ k: 1, filter: { n: { $in: [3] } } })"))[0].n, 3);
    index.update(3, alien("[3, 1]"), alien("({ columns: { n: 5 } })"));
    index.free();
  }
  const index = await open(files[0]);
  const inWorker = await openInWorker(alien("new Uint8Array(bytes).buffer"));
  for (const nothing of ["new Map([['n', 3]])", "new Set([3])", "new (class Condition { n = 3 })()", "(() => 3)", "Symbol()", "({ n: undefined })", "({ n: new Map() })", "({ n: { $in: [new Set([3])] } })"]) {
    const filter = alien(nothing);
    assert.equal(await code(() => index.search(3, { filter })), "invalid_filter", nothing);
    assert.equal(await code(() => inWorker.search(3, { filter })), "invalid_filter", nothing);
  }
  for (const some of ["({ n: { $in: [3, 4n] } })", "Object.assign(Object.create(null), { n: 3 })", "({ $or: [{ n: 3 }] })", "({ toJSON: () => ({ n: 3 }) })"]) {
    const filter = alien(some);
    assert.equal(index.search([3, 1], { filter })[0].n, 3, some);
    assert.equal((await inWorker.search(alien("[3, 1]"), { filter }))[0].n, 3, some);
  }
  index.free();
  inWorker.free();
});

test("a stream of another realm is read, which gives a reader of its own", async () => {
  // Like an iframe's: of the same kind, but no instance of the class here.
  const { ReadableStreamBYOBReader } = globalThis;
  globalThis.ReadableStreamBYOBReader = class {};
  try {
    const index = await open(new Blob([files[0]]));
    assert.equal(index.length, 10);
    index.free();
  } finally {
    globalThis.ReadableStreamBYOBReader = ReadableStreamBYOBReader;
  }
});

test("a Blob without streams is read, as jsdom's", async () => {
  class Blob {
    get [Symbol.toStringTag]() {
      return "Blob";
    }
    arrayBuffer = async () => files[0].slice().buffer;
  }
  const index = await open(new Blob());
  assert.equal(index.length, 10);
  index.free();
});

test("options that are none are refused in a worker too, and a missing path is one of a file", async () => {
  const index = await openInWorker(files[0]);
  for (const none of [null, 5, "x", new Map()]) {
    for (const call of [() => index.search([0, 1], none), () => index.searchBatch([[0, 1]], none), () => index.save(none), () => openInWorker(files[0], none)]) {
      assert.equal(await code(call), "invalid_parameter");
    }
  }
  assert.equal(index.metric, "l2");
  index.free();
  await assert.rejects(open("/none/none.hither"), (error) => error.code === "file" && error.cause.code === "ENOENT");
});

test("what the collector took is counted no longer", async () => {
  const before = memory().indexes;
  for (let at = 0; at < 30; at += 1) await open(files[0]);
  for (let turns = 0; turns < 100 && memory().indexes > before; turns += 1) {
    globalThis.gc();
    await new Promise((resume) => setTimeout(resume));
  }
  assert.equal(memory().indexes, before);
});

test("errors and classes have their names in stack traces, and source maps lead to the source", async () => {
  const { Builder, HitherError, Index } = await import("hither");
  assert.deepEqual([HitherError, Index, Builder].map(({ name }) => name), ["HitherError", "Index", "Builder"]);
  const index = await open(files[0]);
  const { stack } = await Promise.resolve().then(() => index.search([1])).catch((error) => error);
  assert(stack.startsWith("HitherError: expected 2 dimensions") && stack.includes("at Index.search"), stack);
  assert.equal(index.search([0, 1]).constructor.name, "SearchResult");
  index.free();
  const { readFileSync } = await import("node:fs");
  const entry = new URL(import.meta.resolve("hither"));
  const [chunk] = /chunk-[A-Z0-9]+\.js/.exec(readFileSync(entry, "utf8"));
  const { sources, sourcesContent } = JSON.parse(readFileSync(new URL(`${chunk}.map`, entry), "utf8"));
  assert(sources.length > 0 && sources.length === sourcesContent.length && sources.every((name) => !name.includes("..") || /^\.\.\/js\/(entries\/)?[a-z-]+\.js$/.test(name)), sources.join());
});
