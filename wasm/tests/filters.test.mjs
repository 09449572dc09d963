// Filters, and everything else that is given by name: a condition that would say nothing is refused, and does not
// match every row.
import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { Builder } from "hither";
import { open as openInWorker } from "hither/worker";
import { code } from "./code.mjs";
import { fileOf, indexOf } from "./rows.mjs";

const types = { owner: "text", i: "int64", at: "timestamp", y: "bytes", j: "json" };
const rows = [
  { owner: "ann", i: 1, at: "2024-01-01T00:00:00Z", y: Uint8Array.of(1) },
  { owner: "bob", i: 2n ** 62n + 1n, at: "2025-01-01T00:00:00Z", y: Uint8Array.of(2) },
];
class Condition {
  owner = "ann";
}
class Written {
  constructor(value) {
    this.hidden = () => value;
  }
  toJSON() {
    return this.hidden();
  }
}

test("a filter that says nothing is refused, and so is one that says it within", async () => {
  const index = await indexOf(types, rows);
  const worker = await openInWorker(await fileOf(types, rows));
  const nothing = [
    ...[undefined, Symbol("s"), () => "ann", function named() {}, new Map([["$eq", "ann"]]), new Set(["ann"]), new URLSearchParams("a=b")],
    ...[new Condition(), new (class extends Condition {})(), /x/, new Error("x"), new WeakMap(), Promise.resolve("ann"), new String("ann")],
    ...[new Float32Array(2), new ArrayBuffer(2), new Date(NaN), new Written(undefined), { [Symbol("owner")]: "ann" }, Object.create({ $eq: "ann" })],
  ];
  const places = [
    (it) => it,
    (it) => ({ owner: it }),
    (it) => ({ owner: { $ne: it } }),
    (it) => ({ owner: { $in: ["ann", it] } }),
    (it) => ({ owner: { $not: { $eq: it } } }),
    (it) => ({ $and: [{ i: 1 }, { owner: it }] }),
    (it) => ({ $or: [{ $not: { owner: it } }] }),
  ];
  for (const it of nothing) {
    for (const place of places) {
      // No filter at all is a valid filter.
      const filter = place(it);
      if (filter === undefined) continue;
      const found = await code(() => index.search([0, 1], { filter }));
      assert.equal(found, "invalid_filter", `${String(place)} of ${Object.prototype.toString.call(it)}`);
      assert.equal(await code(() => worker.search([0, 1], { filter })), "invalid_filter");
    }
  }
  // An array with a hole, and one filter too many in it.
  assert.equal(await code(() => index.search([0, 1], { filter: { owner: { $in: Array(1) } } })), "invalid_filter");
  worker.free();
  index.free();
});

test("a filter that says something holds, of plain objects, of other realms, and of what writes itself", async () => {
  const index = await indexOf(types, rows);
  const worker = await openInWorker(await fileOf(types, rows));
  const alien = vm.runInNewContext("({ owner: 'bob', at: { $gt: new Date('2024-06-01') }, y: new Uint8Array([2]), i: { $in: [4611686018427387905n] } })");
  const bare = Object.assign(Object.create(null), { owner: "bob" });
  for (const filter of [
    alien, bare, new Written({ owner: "bob" }), { owner: new Written("bob") }, new Proxy({ owner: "bob" }, {}),
    { i: 2n ** 62n + 1n }, '{ "i": 4611686018427387905 }', '\n{"owner" : "b\\u006fb", "i":{"$gt":-1.5e3}}\t', { at: { $gt: new Date("2024-06-01") } }, { y: Uint8Array.of(2) },
  ]) {
    for (const it of [index, worker]) {
      assert.deepEqual([...(await it.search([0, 1], { filter })).keys].at(-1), 1);
    }
  }
  for (const filter of [{}, "{}", null, undefined]) assert.equal(index.search([0, 1], { filter }).length, 2);
  // The same filter again, then another: the index binds it anew only when it differs.
  for (const [owner, key] of [["ann", 0], ["ann", 0], ["bob", 1], ["ann", 0]]) {
    assert.deepEqual([...index.search([0, 1], { filter: { owner } }).keys], [key]);
  }
  worker.free();
  index.free();
});

test("a filter's JSON may be long and deep within bounds, and says a name once", async () => {
  const long = "\\\"x".repeat(2.5e6);
  const index = await indexOf(types, [{ owner: long }, { owner: "bob" }]);
  for (const filter of [{ owner: long }, JSON.stringify({ owner: long })]) {
    assert.deepEqual([...index.search([0, 1], { filter }).keys], [0]);
  }
  for (const filter of ['{"owner":"ann","owner":"bob"}', '{"i":{"$gt":1,"$gt":0}}', `{"j":${"[".repeat(1e5)}`, `${"[".repeat(1e5)}${"]".repeat(1e5)}`, "", " ", "{,}", '{"i":01}', '{"i":1e999}', '{"i":tru}', '{"owner":"\n"}', '{"i":1} x', '{"owner":"a', "[1,]"]) {
    assert.equal(await code(() => index.search([0, 1], { filter })), "invalid_filter", filter.slice(0, 40));
  }
  let deep = { owner: "bob" };
  for (let at = 0; at < 1e4; at += 1) deep = { $not: deep };
  assert.equal(await code(() => index.search([0, 1], { filter: deep })), "invalid_filter");
  index.free();
});

test("what is given by name is an object of names, and not what keeps them elsewhere", async () => {
  const index = await indexOf(types, rows);
  const builder = () => new Builder({ dimensions: 2, metric: "l2", columns: types });
  for (const none of [new Map([["k", 5]]), new Set([1]), new URLSearchParams("k=5"), new Map(), [], "abc", 5, true]) {
    for (const call of [
      () => index.search([0, 1], none),
      () => index.insert([0, 1], { columns: none }),
      () => index.update(0, [0, 1], { columns: none }),
      () => builder().add([0, 1], { columns: none }),
      () => builder().addMany([0, 1], { columns: none }),
      () => new Builder({ dimensions: 2, properties: none }),
      ...(Array.isArray(none) ? [] : [() => new Builder({ dimensions: 2, columns: none })]),
    ]) {
      assert.equal(await code(call), "invalid_parameter", `${call} of ${Object.prototype.toString.call(none)}`);
    }
  }
  // Nor are these documents of a json column.
  for (const j of [new Map([["a", 1]]), new Set(), { a: new Map() }, () => 1, Symbol("s"), [Symbol("s")], /x/]) {
    assert.equal(await code(() => index.insert([0, 1], { columns: { j } })), "column_type", Object.prototype.toString.call(j));
  }
  assert.equal(index.length, 2);
  index.free();
});

test("integers of a json column that a number cannot be come back as they are", async () => {
  const documents = [{ a: 2n ** 60n + 1n }, [-(2n ** 63n), 2 ** 53 - 1, 1e300, -0.5], { "\0": "12345678901234567", b: 2n ** 62n }, "1234567890123456789", { "1234567890123456789": [] }, `"\\${"9".repeat(20)}"`];
  const index = await indexOf(types, documents.map((j) => ({ j })));
  assert.deepEqual(documents.map((_, at) => index.get(at).j), documents);
  index.free();
});
