// Random arguments of random calls: every error is a HitherError, and none ends what is open. SEEDS is the number of
// rounds of calls (4), SEED the first.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Builder, HitherError, open } from "hither";
import { randomOf } from "./random.mjs";

const first = Number(process.env.SEED ?? 1);
const seeds = Number(process.env.SEEDS ?? 4);
const CALLS = 3000;

const OWN = "the caller's own";
const fails = () => {
  throw new Error(OWN);
};
const detached = () => {
  const vector = new Float32Array(2);
  structuredClone(vector.buffer, { transfer: [vector.buffer] });
  return vector;
};
const uuid = "00000000-0000-4000-8000-000000000000";

const ANYTHING = [
  ...[undefined, null, true, false, NaN, Infinity, -1, 0, 1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 63), 1n, 2n ** 63n, -(2n ** 63n), 2n ** 64n],
  ...["", "x", "{", "\ud800", "a".repeat(1e5), uuid, Symbol("s"), () => 1, fails, new Map(), new Date(), new Date(NaN), /x/],
  ...[[], [1, 2], [1, 2, 3], [NaN, 1], ["1", "2"], [1n, 2n], [[1, 2]], [null, {}], Array(2), { length: 2 }, { length: 2 ** 40 }, { length: -1 }],
  ...[new Float32Array([1, 2]), new Float64Array([1e300, 1]), new Float32Array(1e4), new BigInt64Array(2), new Uint8Array(64), new ArrayBuffer(64)],
  ...[detached(), new SharedArrayBuffer(64), new Float32Array(new SharedArrayBuffer(8)), new Proxy({}, { get: fails }), Object.create(null)],
  ...[{ k: 2 }, { k: 1e9 }, { k: 1, radius: -1 }, { radius: Infinity }, { recall: 0.9 }, { recall: 7 }, { efSearch: 2 ** 32 - 1 }, { probes: 2 ** 32 - 1 }],
  ...[{ exact: 1 }, { include: ["t"] }, { include: ["no"] }, { metric: "l1" }, { metric: "ip" }, { form: "delta" }, { verify: "full" }, { verify: Symbol("s") }],
  ...[{ filter: { i: { $gt: 3 } } }, { filter: '{"t":"x"}' }, { filter: "{" }, { filter: [[[{}]]] }, { filter: { $and: [{ t: null }, { i: 2n ** 70n }] } }],
  ...[{ key: 1 }, { key: uuid }, { columns: { t: "q", i: 3 } }, { columns: { t: 3 } }, { columns: { y: new Uint8Array(2), at: new Date(0), j: { a: 1n } } }],
  ...[{ keys: [1], columns: { t: ["x"] } }, { keys: { length: 1 } }, { signal: AbortSignal.abort() }, { signal: 3 }, { onProgress: 3 }, { onProgress: fails }],
];

const COLUMNS = { t: "text", i: "int64", y: "bytes", j: "json", at: "timestamp" };
const OPTIONS = ["dimensions", "metric", "element", "keys", "kind", "codes", "m", "efConstruction", "lists", "ranges", "columns", "properties", "seed"];
const KEYS = { "row number": () => undefined, int64: (at) => at * 3, text: (at) => `row ${at}`, uuid: (at) => uuid.slice(0, -2) + (10 + at) };

async function round(seed, told) {
  const { below, pick } = randomOf(seed);
  const any = () => pick(ANYTHING);
  const rest = () => (below(2) ? [] : [any()]);
  const vector = () => (below(2) ? [below(9), 1] : any());
  const start = (keys) => new Builder({ dimensions: 2, metric: "l2", keys, columns: COLUMNS });
  const opened = async () => {
    const keys = pick(Object.keys(KEYS));
    const builder = start(keys);
    for (let at = 0; at < 20; at += 1) builder.add([at, 1], { key: KEYS[keys](at), columns: { t: `x${at}`, i: at } });
    return open(await builder.finish());
  };
  let index = await opened();
  let builder = start("row number");
  const calls = {
    search: () => index.search(vector(), ...rest()),
    searchBatch: () => index.searchBatch(vector(), ...rest()),
    get: () => index.get(any(), ...rest()),
    getMany: () => index.getMany(any(), ...rest()),
    has: () => index.has(any()),
    insert: () => index.insert(vector(), ...rest()),
    update: () => index.update(any(), vector(), ...rest()),
    remove: () => index.remove(any()),
    save: () => index.save(...rest()),
    open: async () => (await open(any(), ...rest())).free(),
    add: () => builder.add(vector(), ...rest()),
    addMany: () => builder.addMany(vector(), ...rest()),
    finish: async () => {
      await builder.finish(...rest());
      builder = start("row number");
    },
    build: () => {
      const made = new Builder({ dimensions: 2, metric: "l2", [pick(OPTIONS)]: any() });
      made.add([1, 2]);
      made.free();
    },
    another: async () => {
      index.free();
      index = await opened();
    },
  };
  for (let at = 0; at < CALLS; at += 1) {
    const name = pick(Object.keys(calls));
    try {
      await calls[name]();
      told.add(name);
    } catch (error) {
      if (error.message === OWN) continue;
      assert(error instanceof HitherError, `${name}: ${error?.stack ?? String(error)}`);
      assert(error.code !== "crashed" && !error.message.includes("lost"), `${name}: ${error.stack}`);
      told.add(error.code);
    }
  }
  index.free();
  builder.free();
}

test(`${seeds * CALLS} calls with anything end in answers and HitherErrors`, async () => {
  const told = new Set();
  for (let seed = first; seed < first + seeds; seed += 1) await round(seed, told);
  for (const expected of ["search", "insert", "finish", "invalid_parameter", "dimension_mismatch", "key_type", "invalid_filter"]) {
    assert(told.has(expected), `no ${expected} among ${[...told].join(", ")}`);
  }
});
