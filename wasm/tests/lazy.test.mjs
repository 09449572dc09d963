// A file that is searched on its server: its answers, compared with those of the whole file; what is downloaded of
// it, compared with the command; and questions that are given up.
import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import { Builder, memory, open } from "hither";
import { open as openToSearch } from "hither/search";
import { open as openInWorker } from "hither/worker";
import { code } from "./code.mjs";
import { measureRanges } from "./measure-ranges.mjs";
import { randomOf } from "./random.mjs";
import { serveRanges } from "./range-server.mjs";
import { SAMPLE, WORK, command, dimensions, queries } from "./sample.mjs";
import { readFileSync } from "node:fs";

const path = `${WORK}/ranges.hither`;
command("build", `${SAMPLE}/words.npy`, "--attributes", `${SAMPLE}/words.tsv`, "--property", "model=all-MiniLM-L6-v2", "--ranges", "-o", path);
const file = readFileSync(path);
const whole = await open(file);
const { state, url, close } = await serveRanges(file);
after(() => (whole.free(), close()));
afterEach(() => (state.instead = undefined));
const query = (at) => queries.subarray(at * dimensions, (at + 1) * dimensions);

/** The comparable parts of an answer: the rows, their distances and values. */
const told = (result) => ({ ...result, stats: undefined, rows: result.rows() });

test("every vector read, it answers as the whole file does, whatever is kept and how many requests go together", async () => {
  for (const options of [{}, { cacheBytes: 0, concurrency: 1 }, { cacheBytes: 300_000, concurrency: 20 }]) {
    const index = await open(url, { lazy: true, model: "all-MiniLM-L6-v2", ...options });
    assert.deepEqual(index.info, whole.info);
    assert.deepEqual([index.length, index.dimensions, index.metric, index.complete], [10_000, 384, "cosine", false]);
    for (const at of [state.asked.length % 200]) {
      const filter = { pos: { $in: ["verb", "adj"] } };
      for (const asked of [{ k: 5 }, { k: 12, filter, include: ["words"] }, { radius: 0.5, include: false }, { k: 3, radius: 0.4 }, { k: 4, metric: "l2" }]) {
        assert.deepEqual(told(await index.search(query(at), { ...asked, exact: true })), told(whole.search(query(at), { ...asked, exact: true })));
      }
      // By lists it may miss rows, but the rows that it finds are right.
      const found = await index.search(query(at), { filter });
      const all = new Map([...whole.search(query(at), { k: 2000, exact: true, filter })].map((row) => [row.key, row]));
      assert.equal(found.length, 10);
      for (const row of found) assert.deepEqual(row, all.get(row.key));
    }
    assert.deepEqual(told(await index.search(4242, { exact: true })), told(whole.search(4242, { exact: true })));
    for (const key of [0, 9999, 10_000]) {
      assert.deepEqual(await index.get(key), whole.get(key));
      assert.equal(await index.has(key), whole.has(key));
    }
    assert.deepEqual(await index.getMany([3, 10_001, 5], { include: ["pos"] }), whole.getMany([3, 10_001, 5], { include: ["pos"] }));
    assert.equal(await code(() => index.search(10_000)), "key_not_found");
    index.free();
  }
});

test("rows with keys, columns of each type and without values are those of the whole file", async () => {
  const { below } = randomOf(7);
  const types = { b: "bool", i: "int64", f: "float64", t: "text", at: "timestamp", u: "uuid", y: "bytes", j: "json" };
  const uuid = (at) => `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`;
  for (const [keys, keyOf] of [["text", (at) => `row ${at}`], ["uuid", uuid], ["int64", (at) => at * 1_000_003], ["row number", () => undefined]]) {
    const builder = new Builder({ dimensions: 4, metric: "l2", keys, columns: types, ranges: true });
    for (let at = 0; at < 2500; at += 1) {
      const values = { b: at % 2 === 0, i: at, f: at / 3, t: `t${at % 50}`, at: new Date(at * 1e9), u: uuid(at), y: Uint8Array.of(at), j: { at } };
      const columns = Object.fromEntries(Object.entries(values).filter(() => below(4) > 0));
      builder.add([below(100), below(100), below(100), at % 97], { key: keyOf(at), columns });
    }
    const bytes = await builder.finish();
    const here = await open(bytes);
    const server = await serveRanges(bytes);
    const index = await open(server.url, { lazy: true });
    assert.deepEqual(index.info, here.info);
    for (const asked of [{ k: 7 }, { k: 9, filter: { t: { $prefix: "t1" } } }, { k: 9, filter: { $or: [{ b: null }, { i: { $lt: 30 } }] } }]) {
      const point = [below(100), below(100), below(100), 5];
      assert.deepEqual(told(await index.search(point, { ...asked, exact: true })), told(here.search(point, { ...asked, exact: true })));
    }
    for (const at of [0, 17, 2499]) {
      const key = keyOf(at) ?? at;
      assert.deepEqual(await index.get(key), here.get(key));
      assert.deepEqual(told(await index.search(key, { k: 3, exact: true })), told(here.search(key, { k: 3, exact: true })));
    }
    index.free();
    here.free();
    server.close();
  }
});

test("the ranges that are brought are those that the command would bring", async () => {
  const report = JSON.parse(command("bench", path, "--queries", `${SAMPLE}/queries.npy`, "--ranges", "--probes", "8", "--json"));
  for (const { probes, first, second } of report.results) {
    const measured = await measureRanges(url, queries, { probes, sessions: 100 });
    assert.deepEqual(measured, { first, second });
  }
});

test("questions that nobody waits for end, and others go on", async () => {
  const index = await open(url, { lazy: true });
  let release;
  const held = new Promise((resolve) => (release = resolve));
  state.instead = async () => void (await held);
  const [first, second] = [new AbortController(), new AbortController()];
  const stopped = [code(() => index.search(query(0), { signal: first.signal })), code(() => index.search(query(1), { signal: second.signal }))];
  const third = index.search(query(2), { exact: true, k: 3, include: false });
  while (state.now === 0) await new Promise((resume) => setTimeout(resume, 5));
  second.abort();
  assert.equal(await stopped[1], "aborted");
  first.abort(new Error("mine"));
  assert.equal(await stopped[0], "aborted");
  release();
  state.instead = undefined;
  assert.deepEqual(told(await third), told(whole.search(query(2), { exact: true, k: 3, include: false })));
  const timed = AbortSignal.timeout(1);
  state.instead = () => new Promise(() => {});
  await assert.rejects(index.search(query(3), { signal: timed }), (error) => error.code === "aborted" && error.cause.name === "TimeoutError");
  assert.equal(await code(() => index.search(query(3), { signal: AbortSignal.abort() })), "aborted");
  assert.equal(await code(() => open(url, { lazy: true, signal: AbortSignal.abort() })), "aborted");
  const freed = code(() => index.search(query(4)));
  await new Promise((resume) => setImmediate(resume));
  index.free();
  assert.equal(await freed, "freed");
  state.instead = undefined;
  for (const call of [() => index.search(query(0)), () => index.get(1), () => index.info, () => index.length]) assert.equal(await code(call), "freed");
  index.free();
});

test("what it does not do it refuses, and changes nothing", async () => {
  const index = await open(new URL(url), { lazy: true });
  for (const [call, expected] of [
    [() => index.insert([1]), "unsupported"],
    [() => index.update(1, [1]), "unsupported"],
    [() => index.remove(1), "unsupported"],
    [() => index.save(), "unsupported"],
    [() => index.search(query(0), { efSearch: 40 }), "invalid_parameter"],
    [() => index.search(query(0), { k: 0 }), "invalid_parameter"],
    [() => index.search(query(0), { none: 1 }), "invalid_parameter"],
    [() => index.search(query(0), null), "invalid_parameter"],
    [() => index.search([1, 2]), "dimension_mismatch"],
    [() => index.search("a text"), "key_type"],
    [() => index.search(query(0), { filter: { none: 1 } }), "unknown_column"],
    [() => index.search(query(0), { filter: { pos: 3 } }), "column_type"],
    [() => index.search(query(0), { filter: { pos: { $like: 3 } } }), "invalid_filter"],
    [() => index.search(query(0), { include: ["none"] }), "unknown_column"],
    [() => index.search(query(0), { metric: "l1" }), "unsupported"],
    [() => index.get("x"), "key_type"],
    [() => open([url], { lazy: true }), "invalid_parameter"],
    [() => open(file, { lazy: true }), "invalid_parameter"],
    [() => open(path, { lazy: true }), "invalid_parameter"],
    [() => open(`file://${path}`, { lazy: true }), "invalid_parameter"],
    [() => open(url, { lazy: true, verify: "full" }), "invalid_parameter"],
    [() => open(url, { lazy: true, cacheBytes: -1 }), "invalid_parameter"],
    [() => open(url, { lazy: true, concurrency: 0 }), "invalid_parameter"],
    [() => open(url, { lazy: true, timeout: "1 s" }), "invalid_parameter"],
    [() => open(url, { lazy: true, complete: 1 }), "invalid_parameter"],
    [() => open(url, { lazy: true, model: "another" }), "wrong_model"],
    [() => open(url, { cacheBytes: 5 }), "invalid_parameter"],
    [() => openToSearch(url, { lazy: true }), "unsupported"],
  ]) {
    assert.equal(await code(call), expected, String(call));
  }
  assert.equal((await index.search(query(0))).length, 10);
  index.free();
});

test("no more requests go together than are allowed, and they carry no header that asks for leave", async () => {
  const safe = ["range", "host", "connection", "accept", "accept-language", "accept-encoding", "user-agent", "sec-fetch-mode", "cache-control", "pragma"];
  for (const [options, most] of [[{}, 6], [{ concurrency: 2 }, 2]]) {
    Object.assign(state, { most: 0, headers: [] });
    // They wait for one another, unless no more come.
    const waiting = new Set();
    const release = () => waiting.forEach((resume) => resume());
    state.instead = async () => {
      const turn = new Promise((resume) => waiting.add(resume));
      if (state.now >= most) release();
      const timer = setTimeout(release, 300);
      await turn;
      clearTimeout(timer);
    };
    const index = await open(url, { lazy: true, ...options });
    await index.search(query(0));
    assert.equal(state.most, most);
    for (const headers of state.headers) assert.deepEqual(Object.keys(headers).filter((name) => !safe.includes(name)), []);
    index.free();
  }
  Object.assign(state, { headers: [], instead: undefined });
  const index = await open(new Request(url, { headers: { authorization: "Bearer x" } }), { lazy: true });
  assert.equal(state.headers[0].authorization, "Bearer x");
  index.free();
});

test("hundreds of questions take no more memory than one, and what is kept is counted", async () => {
  const before = { ...memory(), reserved: 0 };
  const index = await open(url, { lazy: true, cacheBytes: 400_000 });
  let reserved;
  for (let at = 0; at < 400; at += 1) {
    const found = await index.search(query(at % 200), { k: 3, filter: at % 3 === 0 ? { pos: "noun" } : undefined, include: at % 5 === 0 });
    assert.equal(found.length, 3);
    if (at % 7 === 0) await index.get((at * 37) % 10_000);
    const { files } = memory();
    assert(files - before.files <= 400_000, `${files} bytes are kept`);
    if (at === 100) ({ reserved } = memory());
  }
  assert.equal(memory().reserved, reserved);
  index.free();
  assert.deepEqual({ ...memory(), reserved: 0 }, before);
});

test("it goes on with the whole file, where that was asked for and half of it has come", async () => {
  const index = await open(url, { lazy: true, complete: true });
  const asked = { k: 5, exact: true };
  for (let at = 0; !index.complete; at += 1) {
    assert.deepEqual(told(await index.search(query(at % 200), asked)), told(whole.search(query(at % 200), asked)));
    assert.equal(index.traffic.bytes <= 3 * file.length, true);
  }
  const { bytes } = index.traffic;
  assert.deepEqual(await index.search(query(5), { efSearch: 100 }), whole.search(query(5), { efSearch: 100 }));
  assert.deepEqual(await index.search(7), whole.search(7));
  assert.deepEqual([index.traffic.bytes, index.length, await index.get(7)], [bytes, 10_000, whole.get(7)]);
  assert.deepEqual(index.info, whole.info);
  index.free();
});

test("in a worker it answers the same, tells what came, and ends what nobody waits for", async () => {
  const index = await openInWorker(url, { lazy: true });
  assert.deepEqual(index.info, whole.info);
  assert.deepEqual(index.traffic, { requests: 1, bytes: 65_536, roundTrips: 1 });
  const asked = { k: 5, exact: true, filter: { pos: "noun" } };
  assert.deepEqual(told(await index.search(query(0), asked)), told(whole.search(query(0), asked)));
  assert.deepEqual((await index.searchBatch(queries.subarray(0, 2 * dimensions), asked)).map(told), whole.searchBatch(queries.subarray(0, 2 * dimensions), asked).map(told));
  assert.deepEqual(await index.getMany([7, 10_000]), whole.getMany([7, 10_000]));
  assert.deepEqual([await index.has(9), index.complete, index.traffic.bytes > 65_536], [true, false, true]);
  for (const call of [() => index.insert(query(0)), () => index.remove(3), () => index.save(), () => openInWorker([url, url], { lazy: true })]) {
    assert(["unsupported", "invalid_parameter"].includes(await code(call)));
  }
  state.instead = () => new Promise(() => {});
  const stop = new AbortController();
  const stopped = code(() => index.search(query(150), { signal: stop.signal }));
  while (state.now === 0) await new Promise((resume) => setTimeout(resume, 5));
  stop.abort();
  assert.equal(await stopped, "aborted");
  state.instead = undefined;
  // It does not wait for the questions that were stopped.
  assert.deepEqual(told(await index.search(query(1), asked)), told(whole.search(query(1), asked)));
  index.free();
});
