// Answers: rows by number, as an iterable and as JSON, columns whose names are taken, what an update keeps, how many
// rows several files have, and a recall that was not reached.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Builder, open } from "hither";
import { open as openInWorker } from "hither/worker";
import { fileOf, indexOf } from "./rows.mjs";

const BIG = 2n ** 60n + 1n;

test("an answer is written by JSON.stringify and Response.json as its rows, whatever lies in them", async () => {
  const types = { i: "int64", f: "float64", y: "bytes", j: "json", at: "timestamp", t: "text" };
  const row = { i: BIG, f: Infinity, y: Uint8Array.of(0, 255), j: { a: [BIG, 1.5, "x"] }, at: "2024-05-01T12:00:00Z", t: "é" };
  const file = await fileOf(types, [{ key: 7, ...row }, { key: BIG }], { keys: "int64" });
  const written = [
    { key: 7, distance: 0, i: String(BIG), f: "Infinity", y: "\\x00ff", j: { a: [String(BIG), 1.5, "x"] }, at: row.at, t: "é" },
    { key: String(BIG), distance: 1, i: null, f: null, y: null, j: null, at: null, t: null },
  ];
  const index = await open(file);
  const worker = await openInWorker(file);
  for (const result of [index.search([0, 1]), await worker.search([0, 1])]) {
    assert.deepEqual(JSON.parse(JSON.stringify(result)), written);
    assert.deepEqual(await Response.json({ result }).json(), { result: written });
    assert.deepEqual(JSON.parse(JSON.stringify(result.rows())), written);
    assert.deepEqual(JSON.parse(JSON.stringify(result[1])), written[1]);
    // The rows themselves lose nothing.
    assert.deepEqual(result.rows(), [{ key: 7, distance: 0, ...row }, { ...written[1], key: BIG }]);
  }
  const { distance, ...attributes } = written[0];
  const got = { ...attributes, vector: [0, 1] };
  assert.deepEqual(JSON.parse(JSON.stringify(index.get(7))), got);
  assert.deepEqual(JSON.parse(JSON.stringify([await worker.get(7), ...(await worker.getMany([7]))])), [got, got]);
  assert.deepEqual(structuredClone(index.get(7)), { key: 7, vector: Float32Array.of(0, 1), ...row });
  worker.free();
  index.free();
});

test("a document's numbers keep their digits, and those beyond float64 hinder no search", async () => {
  const text = `{"n":[${2n ** 63n},-${2n ** 64n}0,9007199254740993,1e400,-1e400]}`;
  const builder = new Builder({ dimensions: 2, metric: "l2", columns: [{ name: "j", type: "json", asText: true }] });
  builder.add([0, 1], { columns: { j: text } });
  const file = await builder.finish();
  const numbers = [2n ** 63n, -(2n ** 64n) * 10n, 9007199254740993n, Infinity, -Infinity];
  const index = await open(file);
  const worker = await openInWorker(file);
  for (const [found] of [index.search([0, 1]), await worker.search([0, 1])]) assert.deepEqual(found.j, { n: numbers });
  assert.deepEqual(JSON.parse(JSON.stringify(index.get(0))).j, { n: numbers.map(String) });
  worker.free();
  index.free();
});

test("rows of an answer are there by number, from the end, mapped and iterated", async () => {
  const names = ["a", "b", "c"];
  const index = await indexOf({ name: "text" }, names.map((name) => ({ name })));
  const found = index.search([0, 1]);
  assert.deepEqual([found[0].name, found[2].key, found[3], found[-1], found["00"]], ["a", 2, undefined, undefined, undefined]);
  assert.deepEqual([found.at(-1).name, found.at(0).name, found.at(3), found.at(-4), found.at("1").name], ["c", "a", undefined, undefined, "b"]);
  assert.deepEqual(found.map(({ name }, at, all) => [name, at, all === found]), names.map((name, at) => [name, at, true]));
  assert.deepEqual([...found].map(({ name }) => name), names);
  const [first, ...rest] = found;
  assert(first === found[0] && rest.length === 2 && found.rows()[0] === found[0]);
  assert.equal(index.search([0, 1], { filter: { name: "none" } })[0], undefined);
  assert(found instanceof Object && found.none === undefined && Object.keys(found).join() === "keys,distances,columns,stats");
  index.free();
});

test("a column whose name is taken has underscores behind it, and nothing is lost", async () => {
  const types = { key: "text", distance: "text", vector: "text", distance_: "text", ["__proto__"]: "text" };
  const row = JSON.parse('{ "key": "k", "distance": "d", "vector": "v", "distance_": "d_", "__proto__": "p" }');
  const builder = new Builder({ dimensions: 2, metric: "l2", columns: Object.entries(types).map(([name, type]) => ({ name, type })) });
  builder.addMany([0, 1, 1, 1], { columns: Object.fromEntries(Object.entries(row).map(([name, value]) => [name, [value, null]])) });
  const file = await builder.finish();
  const entries = ([...names]) => names.sort(([a], [b]) => (a < b ? -1 : 1));
  const found = [["__proto__", "p"], ["distance", 0], ["distance_", "d_"], ["distance__", "d"], ["key", 0], ["key_", "k"], ["vector", "v"]];
  const got = [["__proto__", "p"], ["distance", "d"], ["distance_", "d_"], ["key", 0], ["key_", "k"], ["vector", Float32Array.of(0, 1)], ["vector_", "v"]];
  const index = await open(file);
  const worker = await openInWorker(file);
  for (const it of [index, worker]) {
    const result = await it.search([0, 1], { filter: { key: "k", distance: "d" } });
    assert.deepEqual(result.rows().map(Object.entries).map(entries), [found]);
    assert.deepEqual(JSON.parse(JSON.stringify(result)).map(Object.entries).map(entries), [found]);
    assert.deepEqual(entries(Object.entries(await it.get(0))), got);
    // In `columns`, and in options, they have their own names.
    assert.deepEqual([result.columns.key, result.columns.distance], [["k"], ["d"]]);
    const [only] = await it.search([0, 1], { k: 1, include: ["distance"] });
    assert.deepEqual({ ...only }, { key: 0, distance: 0, distance__: "d" });
  }
  worker.free();
  index.free();
});

test("an update keeps the attributes that it is not given", async () => {
  const types = { t: "text", i: "int64", at: "timestamp", y: "bytes", j: "json" };
  const row = { t: "x", i: BIG, at: "-infinity", y: Uint8Array.of(1), j: { a: 1 } };
  const index = await indexOf(types, [row]);
  const now = () => {
    const { key, vector, ...columns } = index.get(0);
    return [vector[0], columns];
  };
  index.update(0, [5, 1]);
  assert.deepEqual(now(), [5, row]);
  index.update(0, [6, 1], { columns: { i: 3, at: undefined } });
  assert.deepEqual(now(), [6, { ...row, i: 3 }]);
  index.update(0, [7, 1], { columns: { t: null, j: null } });
  assert.deepEqual(now(), [7, { ...row, i: 3, t: null, j: null }]);
  const saved = await open(await index.save());
  assert.deepEqual(saved.get(0).at, "-infinity");
  saved.free();
  assert.throws(() => index.update(1, [5, 1]), { code: "key_not_found" });
  index.free();
});

test("of rows with the same key in several files one is counted", async () => {
  for (const [keys, key] of [["int64", (at) => at], ["text", String]]) {
    const file = (from, to) => fileOf({}, Array.from({ length: to - from }, (_, at) => ({ key: key(from + at) })), { keys });
    const files = [await file(0, 10), await file(5, 15), await file(14, 16)];
    const index = await open(files);
    assert.deepEqual([index.length, index.info.rows, index.search([0, 1], { k: 100 }).length], [16, 16, 16]);
    assert.deepEqual(index.info.files.map(({ rows }) => rows), [10, 10, 2]);
    const worker = await openInWorker(files);
    assert.equal(worker.length, 16);
    worker.free();
    index.free();
  }
  const numbered = await open([await fileOf({}, [{}, {}]), await fileOf({}, [{}])]);
  assert.equal(numbered.length, 3);
  numbered.free();
});

test("a wanted recall that the calibration did not reach is said", async () => {
  // With so many dimensions of noise, a small graph finds little.
  const [rows, dimensions] = [20_000, 48];
  let state = 1;
  const noise = () => ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32 - 0.5);
  const builder = new Builder({ dimensions, metric: "l2", kind: "hnsw", m: 2, efConstruction: 4, codes: "none" });
  builder.addMany(Float32Array.from({ length: rows * dimensions }, noise));
  const index = await open(await builder.finish());
  const query = Float32Array.from({ length: dimensions }, noise);
  const { calibrations } = index.info.files[0].segments[0];
  const best = Math.max(...calibrations.find(({ k }) => k >= 10).points.map(([, recall]) => recall));
  assert(best < 0.999, `the calibration reached ${best}: this test needs a worse graph`);
  assert.equal(index.search(query, { recall: 1 }).stats.reachedRecall, Math.fround(best));
  for (const options of [{}, { recall: best * 0.9 }, { recall: 1, exact: true }]) {
    assert(!("reachedRecall" in index.search(query, options).stats));
  }
  index.free();
});
