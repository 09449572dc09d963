// Random indexes of every type, changed and saved again and again, compared with rows in a Map: which rows are found,
// how many, at which distances, and every value. SEEDS is the number of indexes (40), SEED the first.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Builder, open } from "hither";
import { randomOf } from "./random.mjs";

const first = Number(process.env.SEED ?? 1);
const seeds = Number(process.env.SEEDS ?? 40);

const WORDS = ["", "a", "ab", "abc", "A", "zü", "日本", "𝒳y", "\ufeffx", "a long text", "ab\0c"];
const UUIDS = [0, 1, 2, 3].map((n) => `0000000${n}-0000-4000-8000-00000000000${n}`);
const TIMES = ["2020-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2024-02-29T12:00:00.5Z", "infinity", "-infinity"];
const SAFE = Number.MAX_SAFE_INTEGER;

function micros(time) {
  if (time.endsWith("infinity")) return time === "infinity" ? Infinity : -Infinity;
  const [, whole, fraction] = /^(.*?)(\.\d+)?Z$/.exec(time);
  return Date.parse(`${whole}Z`) * 1000 + Math.round(1e6 * Number(`0${fraction ?? ""}`));
}

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const bytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** How values of each type are made and compared. */
const TYPES = {
  bool: { make: ({ pick }) => pick([false, true]), compare: order },
  int64: { make: ({ pick, below }) => pick([0, -1, SAFE, -SAFE, 2n ** 63n - 1n, -(2n ** 63n), below(20)]), compare: order },
  float64: { make: ({ pick, random }) => pick([0, 1.5, -2.25, 1e300, 5e-324, random()]), compare: order },
  text: { make: ({ pick }) => pick(WORDS), compare: bytes },
  timestamp: { make: ({ pick }) => pick(TIMES), compare: (a, b) => order(micros(a), micros(b)) },
  uuid: { make: ({ pick }) => pick(UUIDS), compare: order },
  bytes: { make: ({ below }) => Uint8Array.from({ length: below(4) }, () => below(3)), compare: bytes },
  json: { make: ({ pick }) => pick([{ a: 1 }, [1, 2, null], "x", 3.5, true, { n: { m: "ü" } }]), compare: (a, b) => Number(JSON.stringify(a) !== JSON.stringify(b)) },
};

const isTrue = (value) => value === true;
const and = (values) => (values.includes(false) ? false : values.includes(null) ? null : true);
const or = (values) => (values.includes(true) ? true : values.includes(null) ? null : false);

/** A filter of one column, and its value for a row: true, false or, where that is unknown, null. */
function leaf(random, { name, type }) {
  const { make, compare } = TYPES[type];
  const value = make(random);
  const known = (test) => (row) => (row[name] === undefined ? null : test(compare(row[name], value)));
  const isNull = (row) => row[name] === undefined;
  const tests = [
    () => [{ [name]: null }, isNull],
    () => [{ [name]: { $exists: true } }, (row) => !isNull(row)],
  ];
  if (type !== "json") {
    const list = [value, make(random)];
    const equal = known((compared) => compared === 0);
    const isIn = (row) => (isNull(row) ? null : list.some((item) => compare(row[name], item) === 0));
    tests.push(
      () => [{ [name]: value instanceof Uint8Array ? { $eq: value } : value }, equal],
      () => [{ [name]: { $ne: value } }, (row) => !isTrue(equal(row))],
      () => [{ [name]: { $gt: value } }, known((compared) => compared > 0)],
      () => [{ [name]: { $gte: value } }, known((compared) => compared >= 0)],
      () => [{ [name]: { $lt: value } }, known((compared) => compared < 0)],
      () => [{ [name]: { $not: { $lte: value } } }, (row) => !isTrue(known((compared) => compared <= 0)(row))],
      () => [{ [name]: { $in: list } }, isIn],
      () => [{ [name]: { $nin: list } }, (row) => !isTrue(isIn(row))],
    );
  }
  if (type === "text") tests.push(() => [{ [name]: { $prefix: value } }, (row) => (isNull(row) ? null : row[name].startsWith(value))]);
  return random.pick(tests)();
}

function filterOf(random, columns, depth = 3) {
  if (depth === 0 || random.random() < 0.4) return leaf(random, random.pick(columns));
  const parts = Array.from({ length: 1 + random.below(3) }, () => filterOf(random, columns, depth - 1));
  const tests = parts.map((part) => part[1]);
  return random.pick([
    () => [{ $and: parts.map((part) => part[0]) }, (row) => and(tests.map((test) => test(row)))],
    () => [{ $or: parts.map((part) => part[0]) }, (row) => or(tests.map((test) => test(row)))],
    () => [{ $not: parts[0][0] }, (row) => !isTrue(tests[0](row))],
  ])();
}

const sum = (a, b, term) => a.reduce((total, x, at) => total + term(x, b[at]), 0);
const dot = (a, b) => sum(a, b, (x, y) => x * y);
const DISTANCES = {
  l2: (a, b) => Math.sqrt(sum(a, b, (x, y) => (x - y) ** 2)),
  l1: (a, b) => sum(a, b, (x, y) => Math.abs(x - y)),
  ip: (a, b) => -dot(a, b),
  cosine: (a, b) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
};

/** Keys as a Map has them: an int64 that is exact as a number is a number. */
const plain = (key) => (typeof key === "bigint" && BigInt(Number(key)) === key && Math.abs(Number(key)) <= SAFE ? Number(key) : key);

/** An index of random shape and its rows. */
class Model {
  constructor(seed) {
    const random = (this.random = randomOf(seed));
    const { pick, below } = random;
    this.metric = pick(Object.keys(DISTANCES));
    this.keys = pick(["row number", "int64", "uuid", "text"]);
    this.columns = Array.from({ length: below(5) }, (_, at) => ({ name: pick(["c", "naïve "]) + at, type: pick(Object.keys(TYPES)) }));
    this.options = {
      dimensions: pick([1, 3, 7, 16, 31, 33, 100]),
      metric: this.metric,
      element: pick(["f16", "f32"]),
      keys: this.keys,
      kind: pick([undefined, "flat", "hnsw", "ivf", ["hnsw", "ivf"]]),
      codes: pick([undefined, "none"]),
      columns: this.columns,
      seed: below(1000),
    };
    this.rows = new Map();
    this.made = 0;
  }

  /** Quarters within ±4: exact in half precision. */
  vector() {
    const values = Array.from({ length: this.options.dimensions }, () => (this.random.below(33) - 16) / 4);
    values[0] ||= 1;
    return values;
  }

  /** Columns for about four of five rows, and a key where rows have their own. */
  row() {
    const columns = {};
    for (const { name, type } of this.columns) {
      if (this.random.random() < 0.8) columns[name] = TYPES[type].make(this.random);
    }
    const number = this.made++;
    const key = {
      "row number": undefined,
      int64: this.random.pick([number * 3 - 50, BigInt(number) * 2n ** 40n + 2n ** 60n]),
      uuid: `${String(number).padStart(8, "0")}-1234-4abc-8def-0123456789ab`,
      text: `key ${number} ${this.random.pick(WORDS)}`,
    }[this.keys];
    return { key, columns };
  }

  async build(count) {
    const builder = new Builder(this.options);
    for (let at = 0; at < count; at += 1) {
      const [vector, row] = [this.vector(), this.row()];
      builder.add(vector, row);
      this.rows.set(plain(row.key ?? at), { vector, columns: row.columns });
    }
    this.index = await open(await builder.finish(), { verify: "full" });
  }

  change() {
    const what = this.random.pick(["insert", "insert", "update", "remove"]);
    const [vector, row] = [this.vector(), this.row()];
    const key = this.random.pick([...this.rows.keys()]);
    if (what === "insert") {
      const given = plain(this.index.insert(vector, row));
      assert(!this.rows.has(given));
      this.rows.set(given, { vector, columns: row.columns });
    } else if (key !== undefined && what === "update") {
      // Columns that are left out stay, and null clears one.
      const columns = { ...this.rows.get(key).columns, ...row.columns };
      const emptied = this.random.pick([undefined, ...Object.keys(columns)]);
      delete columns[emptied];
      this.index.update(key, vector, { columns: emptied === undefined ? row.columns : { ...row.columns, [emptied]: null } });
      this.rows.set(key, { vector, columns });
    } else if (key !== undefined) {
      assert(this.index.remove(key));
      this.rows.delete(key);
    }
  }

  async save(form) {
    const saved = await this.index.save({ form });
    this.index.free();
    this.index = await open(saved, { verify: "full" });
  }

  /** A search, and every row of its answer. */
  check() {
    const { random, index, rows } = this;
    assert.equal(index.length, rows.size);
    const query = this.vector();
    const k = random.pick([1, 3, 10, 100]);
    const exact = random.pick([false, true]);
    const [filter, test] = this.columns.length > 0 ? filterOf(random, this.columns) : [undefined, () => true];
    const distance = (row) => DISTANCES[this.metric](row.vector, query);
    const matching = [...rows.values()].filter((row) => isTrue(test(row.columns)));
    const truth = matching.map(distance).sort(order);
    const hits = index.search(query, { k, exact, filter }).rows();
    assert.equal(hits.length, Math.min(k, matching.length), "how many rows");
    assert.equal(new Set(hits.map((hit) => hit.key)).size, hits.length);
    for (const [at, hit] of hits.entries()) {
      const row = rows.get(plain(hit.key));
      assert(row, `the key ${hit.key}`);
      assert(isTrue(test(row.columns)), "the filter");
      const near = (expected) => assert(Math.abs(hit.distance - expected) <= 1e-4 * (1 + Math.abs(expected)), `${hit.distance}: ${expected}`);
      near(distance(row));
      if (exact) near(truth[at]);
      for (const { name, type } of this.columns) {
        if (row.columns[name] === undefined) assert.equal(hit[name], null);
        else assert.equal(TYPES[type].compare(hit[name], row.columns[name]), 0, name);
      }
      assert.deepEqual([...index.get(hit.key).vector], row.vector);
    }
  }
}

async function run(seed) {
  const model = new Model(seed);
  const { below, pick } = model.random;
  await model.build(pick([0, 1, 5, 50, 300, 2500]));
  for (let round = 0; round < 6; round += 1) {
    for (let search = 0; search < 4; search += 1) model.check();
    for (let left = below(30); left > 0; left -= 1) model.change();
    for (let search = 0; search < 4; search += 1) model.check();
    if (round % 2 === 1) await model.save(pick(["delta", "compact"]));
  }
  model.index.free();
}

test(`${seeds} random indexes answer as their rows do, whatever changes`, async () => {
  for (let seed = first; seed < first + seeds; seed += 1) {
    await run(seed).catch((cause) => {
      throw new Error(`SEED=${seed} SEEDS=1: ${cause.message}`, { cause });
    });
  }
});
