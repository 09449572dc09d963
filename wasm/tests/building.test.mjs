// What the installed package builds in Node: files equal to the command's, and progress reports.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Builder, open } from "hither";
import { code } from "./code.mjs";
import { SAMPLE, WORK, builderOf, cells, columns, command, dimensions, index, vectors } from "./sample.mjs";

test("the builder's file is the command's, byte for byte", async () => {
  const schema = index.info.columns.map(({ name, type }) => ({ name, type }));
  const typed = Object.fromEntries(
    schema.map(({ name, type }) => [name, columns[name].map((cell) => read(type, cell))]),
  );
  for (const [options, args] of [
    [{}, []],
    [{ metric: "l2", kind: ["hnsw", "ivf"], element: "f32", m: 8, seed: 7 }, ["--metric", "l2", "--kind", "hnsw", "--kind", "ivf", "--element", "f32", "--m", "8", "--seed", "7"]],
    [{ kind: "ivf", lists: 50, codes: "sq8-only" }, ["--kind", "ivf", "--lists", "50", "--codes", "sq8-only"]],
    [{ codes: "sq4", ranges: true }, ["--codes", "sq4", "--ranges"]],
    [{ kind: "flat", metric: "l1" }, ["--kind", "flat", "--metric", "l1"]],
  ]) {
    const builder = new Builder({ dimensions, columns: schema, ...options });
    builder.addMany(vectors, { columns: typed });
    assert.equal(builder.length, 10_000);
    const stages = new Set();
    const made = await builder.finish({ onProgress: ({ stage }) => stages.add(stage) });
    assert(stages.has("writing"));
    command("build", `${SAMPLE}/words.npy`, "--attributes", `${SAMPLE}/words.tsv`, "-o", `${WORK}/other.hither`, ...args);
    assert(Buffer.compare(made, readFileSync(`${WORK}/other.hither`)) === 0, JSON.stringify(options));
  }
});

function read(type, cell) {
  if (cell === "") return null;
  return type === "int64" || type === "float64" ? Number(cell) : cell;
}

test("of every kind, code, element, key and column type too", async () => {
  const [rows, width] = [500, 16];
  const types = { b: "bool", i: "int64", f: "float64", t: "text", at: "timestamp", u: "uuid", y: "bytes", j: "json", n: "int64" };
  const hex = (at) => `${at.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;
  const key = { int64: (at) => 3 * at - 700, uuid: hex, text: (at) => `row ${at}` };
  const cut = new Float32Array(rows * width);
  const all = Object.fromEntries(Object.keys(types).map((name) => [name, []]));
  for (let at = 0; at < rows; at += 1) {
    cut.set(vectors.subarray(at * dimensions, at * dimensions + width), at * width);
    const row = { b: at % 3 === 0, i: at - 99, f: at / 7, t: cells[at][1], at: new Date(at * 86_399_997), u: hex(at * 7), y: Uint8Array.of(at, 255), j: { a: [at, null] }, n: at % 5 ? at : null };
    for (const name in row) all[name].push(row[name]);
  }
  const text = (value) => (value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : value);
  for (const keys of ["row number", "int64", "uuid", "text"]) {
    const lines = Array.from({ length: rows }, (_, at) => {
      const row = { key: key[keys]?.(at), vector: [...cut.subarray(at * width, (at + 1) * width)] };
      for (const name in types) row[name] = text(all[name][at]);
      return JSON.stringify(row);
    });
    writeFileSync(`${WORK}/${keys}.jsonl`, lines.join("\n"));
  }
  const different = new Set();
  const pick = (list, at) => list[at % list.length];
  let at = 0;
  for (const kind of [["flat"], ["hnsw"], ["ivf"], ["hnsw", "ivf"]]) {
    for (const codes of ["none", "sq8", "sq8-only", "sq4"]) {
      for (const element of ["f16", "f32"]) {
        const keys = pick(["row number", "int64", "uuid", "text"], (at += 1));
        const metric = pick(["l2", "cosine", "ip", "l1"], at + (at >> 2));
        const options = { dimensions: width, metric, element, codes, kind, keys, columns: types, properties: { model: "m" } };
        const args = ["--metric", metric, "--element", element, "--codes", codes, "--property", "model=m", ...kind.flatMap((name) => ["--kind", name])];
        if (keys !== "row number") args.push("--key-column", "key");
        let expected;
        try {
          command("build", `${WORK}/${keys}.jsonl`, "--vector-column", "vector", "-o", `${WORK}/typed.hither`, ...args);
          expected = readFileSync(`${WORK}/typed.hither`);
        } catch {
          expected = undefined;
        }
        const made = await code(async () => {
          const builder = new Builder(options);
          const named = key[keys] && Array.from({ length: rows }, (_, row) => key[keys](row));
          builder.addMany(cut, { ...(named && { keys: named }), columns: all });
          const bytes = await builder.finish();
          assert(expected && Buffer.compare(bytes, expected) === 0, JSON.stringify(options));
          different.add(Buffer.from(bytes).toString("latin1"));
        });
        // The builder refuses what the command refuses.
        assert.equal(made, expected ? "no error" : "invalid_parameter", JSON.stringify(options));
      }
    }
  }
  assert(different.size >= 18, `${different.size} files`);
});

test("documents that are given as text are kept as they are written, as by the command", async () => {
  const documents = ['{"a": 1.0, "b":1e2}', "[ 9223372036854775808,1]", '"\\ud83d"', " 5 ", "null", null];
  const builder = new Builder({ dimensions: 1, columns: [{ name: "j", type: "json", asText: true }] });
  builder.addMany([1, 1, 1, 1, 1, 1], { columns: { j: documents } });
  for (const j of ["", "{", "01", "undefined", 5, { a: 1 }, Symbol("s")]) {
    assert.equal(await code(() => builder.add([1], { columns: { j } })), "column_type", String(j));
  }
  writeFileSync(`${WORK}/documents.hither`, await builder.finish());
  const written = command("search", `${WORK}/documents.hither`, "--vector", "[1]", "-k", "6", "--json").toString();
  for (const document of documents) assert(written.includes(`"j":${document}`) || written.includes(`"j": ${document}`), `${document}: ${written}`);
  for (const column of [{ name: "t", type: "text", asText: true }, { name: "j", type: "json", asText: 1 }]) {
    assert.equal(await code(() => new Builder({ dimensions: 1, columns: [column] })), "invalid_parameter");
  }
});

test("values of every type come back", async () => {
  const row = { b: true, i: 2n ** 60n, f: -0.5, t: "é\u0000", at: "2024-05-01T12:00:00.000001Z", u: "0a000000-0000-4000-8000-00000000000f", y: new Uint8Array([0, 255]), j: { a: [1, null] } };
  const types = { b: "bool", i: "int64", f: "float64", t: "text", at: "timestamp", u: "uuid", y: "bytes", j: "json" };
  const builder = new Builder({ dimensions: 2, metric: "l2", keys: "text", columns: types });
  builder.add([1, 2], { key: "x", columns: row });
  builder.add([1, 3], { key: "y" });
  for (const at of ["+12024-05-01T12:00:00Z", "-290308-12-21T19:59:05.224193Z"]) builder.add([9, 9], { key: at, columns: { at } });
  assert.equal(await code(() => builder.add([1, 2], { key: "z", columns: { i: 1.5 } })), "column_type");
  assert.equal(await code(() => builder.add([1, 2], { key: "z", columns: { other: 1 } })), "unknown_column");
  assert.equal(await code(() => builder.add([1, NaN], { key: "z" })), "non_finite");
  assert.equal(await code(() => builder.add([1, 2])), "key_type");
  const small = await open(await builder.finish());
  assert.deepEqual(small.get("x"), { key: "x", vector: Float32Array.of(1, 2), ...row });
  // Printed values are the given ones, and find their row again, even in years that a Date does not know.
  for (const at of ["+12024-05-01T12:00:00Z", "-290308-12-21T19:59:05.224193Z"]) {
    assert.equal(small.get(at).at, at);
    assert.deepEqual(small.search([9, 9], { filter: { at } }).keys, [at]);
  }
  const nothing = Object.fromEntries(Object.keys(row).map((name) => [name, null]));
  assert.deepEqual(small.get("y"), { key: "y", vector: Float32Array.of(1, 3), ...nothing });
  assert.deepEqual(small.search([1, 2], { filter: { i: 2n ** 60n, at: { $lt: new Date("2025-01-01") }, y: row.y } }).keys, ["x"]);
  small.free();
});

test("a build stops when it is told to, and the builder lives on", async () => {
  const builder = new Builder({ dimensions, kind: "hnsw" });
  builder.addMany(vectors.slice(0, 3000 * dimensions));
  const stop = new AbortController();
  const finish = builder.finish({ signal: stop.signal, onProgress: ({ stage }) => stage === "linking" && stop.abort() });
  assert.equal(await code(() => finish), "aborted");
  assert.equal(builder.length, 3000);
  writeFileSync(`${WORK}/stopped.hither`, await builder.finish());
  command("verify", `${WORK}/stopped.hither`);
});

test("who hears of a build's progress may search, change, save and build", async () => {
  const [expected, other] = [await builderOf(3000).finish(), await builderOf(500).finish()];
  const copy = await open(other);
  const builder = builderOf(3000);
  const within = [];
  const steps = [
    () => assert.equal(copy.search(7, { k: 3 }).length, 3),
    () => assert.equal(copy.insert(vectors.subarray(0, dimensions)), 500),
    () => within.push(copy.save()),
    () => within.push(builderOf(500).finish({ onProgress: () => copy.get(1) })),
    () => assert.throws(() => builder.add(vectors.subarray(0, dimensions)), { code: "busy" }),
    () => assert.throws(() => builder.free(), { code: "busy" }),
  ];
  const file = await builder.finish({ onProgress: () => steps.shift()?.() });
  assert.equal(steps.length, 0);
  assert(Buffer.compare(file, expected) === 0);
  const [saved, built] = await Promise.all(within);
  assert(Buffer.compare(built, other) === 0);
  copy.free();
  const again = await open(saved, { verify: "full" });
  assert.equal(again.length, 501);
  again.free();
});

test("a row without a key where keys are UUIDs gets a random one", async () => {
  const builder = new Builder({ dimensions: 2, metric: "l2", keys: "uuid" });
  for (let row = 0; row < 3; row += 1) builder.add([row, 0]);
  const made = await open(await builder.finish());
  const inserted = made.insert([9, 0]);
  const keys = made.search([0, 0], { k: 9 }).map(({ key }) => key);
  assert.equal(new Set(keys).size, 4);
  assert.equal(keys[3], inserted);
  for (const key of keys) assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
