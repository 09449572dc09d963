// What the installed package does in Node: answers and files against the command's, errors that
// leave nothing behind, memory that does not grow. HITHER is the command, SAMPLE the sample's
// folder, WORK an empty one.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { Builder, memory, open } from "hither";
import { code } from "./code.mjs";

const { HITHER, SAMPLE, WORK } = process.env;
const command = (...args) => execFileSync(HITHER, args, { stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 28 });

/** The numbers of a .npy file of f2, f4 or i8. */
function npy(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.subarray(10, start).toString("latin1");
  const type = /'descr': '<(..)'/.exec(header)[1];
  const data = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length);
  if (type === "f4") return new Float32Array(data);
  if (type === "i8") return new BigInt64Array(data);
  return Float32Array.from(new Uint16Array(data), half);
}

function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
  return bits & 0x8000 ? -size : size;
}

const dimensions = 384;
const vectors = npy(`${SAMPLE}/words.npy`);
const queries = npy(`${SAMPLE}/queries.npy`);
const [head, ...lines] = readFileSync(`${SAMPLE}/words.tsv`, "utf8").trimEnd().split("\n");
const names = head.split("\t");
const cells = lines.map((line) => line.split("\t"));
const columns = Object.fromEntries(names.map((name, at) => [name, cells.map((row) => row[at])]));

command("build", `${SAMPLE}/words.npy`, "--attributes", `${SAMPLE}/words.tsv`, "-o", `${WORK}/words.hither`, "--property", "model=all-MiniLM-L6-v2");
const file = readFileSync(`${WORK}/words.hither`);
const index = await open(file, { verify: "full", model: "all-MiniLM-L6-v2" });
after(() => index.free());

/** A builder with the first rows of the sample. */
const builderOf = (rows) => {
  const builder = new Builder({ dimensions, metric: "cosine", kind: "hnsw" });
  builder.addMany(vectors.subarray(0, rows * dimensions));
  return builder;
};

test("the builder's file is the command's, byte for byte", async () => {
  const schema = index.info.columns.map(({ name, type }) => ({ name, type }));
  const typed = Object.fromEntries(
    schema.map(({ name, type }) => [name, columns[name].map((cell) => read(type, cell))]),
  );
  for (const [options, args] of [
    [{}, []],
    [{ metric: "l2", kind: ["hnsw", "ivf"], element: "f32", m: 8, seed: 7 }, ["--metric", "l2", "--kind", "hnsw", "--kind", "ivf", "--element", "f32", "--m", "8", "--seed", "7"]],
    [{ kind: "ivf", lists: 50, codes: "sq8-only" }, ["--kind", "ivf", "--lists", "50", "--codes", "sq8-only"]],
    [{ codes: "sq4" }, ["--codes", "sq4"]],
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
        // What the command refuses, the builder refuses.
        assert.equal(made, expected ? "no error" : "invalid_parameter", JSON.stringify(options));
      }
    }
  }
  assert(different.size >= 18, `${different.size} files`);
});

function read(type, cell) {
  if (cell === "") return null;
  return type === "int64" || type === "float64" ? Number(cell) : cell;
}

test("answers are the command's", async () => {
  for (const [options, args] of [
    [{ k: 10 }, ["-k", "10"]],
    [{ k: 7, recall: 0.95 }, ["-k", "7", "--recall", "0.95"]],
    [{ k: 3, exact: true }, ["-k", "3", "--exact"]],
    [{ k: 10, filter: { pos: "verb" } }, ["-k", "10", "--filter", '{"pos": "verb"}']],
    [{ k: 10, efSearch: 200, filter: { $not: { pos: { $in: ["noun", "verb"] } } } }, ["-k", "10", "--ef-search", "200", "--filter", '{"$not": {"pos": {"$in": ["noun", "verb"]}}}']],
  ]) {
    command("search", `${WORK}/words.hither`, "--queries", `${SAMPLE}/queries.npy`, "--output", `${WORK}/ids.npy`, "--force", ...args);
    const found = index.searchBatch(queries, { ...options, include: false });
    const keys = found.flatMap((result) => [...result.keys]);
    assert.deepEqual(keys, Array.from(npy(`${WORK}/ids.npy`), Number));
  }
  const [text] = command("search", `${WORK}/words.hither`, "--like", "42", "-k", "5", "--json").toString().split("\n");
  assert.deepEqual(index.search(42, { k: 5 }).rows(), JSON.parse(text).results.map((row) => ({ ...row, distance: Math.fround(row.distance) })));
  const within = JSON.parse(command("search", `${WORK}/words.hither`, "--like", "42", "--radius", "0.5", "--json").toString()).results;
  assert.deepEqual([...index.search(42, { radius: 0.5 }).keys], within.map(({ key }) => key));
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

test("a radius is complete, and with k the nearest are cut off at it", () => {
  for (const key of [1, 42, 4321]) {
    const all = index.search(key, { k: index.length, exact: true, include: false });
    for (const radius of [0, 0.6, 0.8, all.distances[2000], Infinity]) {
      const count = all.distances.filter((distance) => distance <= radius).length;
      for (const effort of [{}, { efSearch: 1 }, { recall: 0.5 }]) {
        const found = index.search(key, { radius, include: false, ...effort });
        assert.deepEqual(found.keys, all.keys.slice(0, count));
        assert.deepEqual(found.distances, all.distances.slice(0, count));
      }
      const nearest = index.search(key, { k: 20, include: false });
      const cut = index.search(key, { k: 20, radius, include: false });
      assert.deepEqual([...cut.keys], [...nearest.keys].filter((_, at) => nearest.distances[at] <= radius));
    }
  }
});

test("what is in an index is what the command says", () => {
  const told = JSON.parse(command("info", `${WORK}/words.hither`, "--json").toString());
  const { info } = index;
  const [one] = info.files;
  for (const name of ["rows", "bytes", "dimensions", "metric", "element", "keys", "columns"]) {
    assert.deepEqual(info[name], told[name], name);
  }
  assert.deepEqual([info.unitLength, info.model], [told.unit_length, "all-MiniLM-L6-v2"]);
  assert.deepEqual([one.formatVersion, one.contentId], [told.format_version, told.content_id]);
  assert.deepEqual([one.m, one.efConstruction], [told.parameters.m, told.parameters.ef_construction]);
  // The command rounds the best recall down.
  const calibrations = ({ segments }) => segments.flatMap((segment) => segment.calibrations);
  calibrations(one).forEach(({ best }, at) => {
    const { recall } = calibrations(told)[at].best;
    assert(best.recall >= recall && best.recall < recall + 1e-4, `${best.recall}, not ${recall}`);
    best.recall = recall;
  });
  for (const name of ["rows", "bytes", "properties", "segments"]) assert.deepEqual(one[name], told[name], name);
  const sections = told.sections.map(({ segment, column, offset, bytes }) => [segment, column ?? null, offset, bytes]);
  assert.deepEqual(one.sections.map(({ segment, column, offset, bytes }) => [segment, column, offset, bytes]), sections);
});

test("an index changes, answers at once, and is saved", async () => {
  const copy = await open(file);
  const vector = vectors.slice(0, dimensions);
  const key = copy.insert(vector, { columns: { pos: "noun" } });
  assert.equal(key, 10_000);
  assert.deepEqual([...copy.search(vector, { k: 2 }).keys].sort(), [0, 10_000]);
  assert(copy.remove(0));
  assert(!copy.remove(0));
  copy.update(1, vector, { columns: { pos: "verb" } });
  for (const form of ["compact", "delta"]) {
    const saved = await open(await copy.save({ form }), { verify: "full" });
    assert.equal(saved.length, 10_000);
    assert.equal(saved.get(1).pos, "verb");
    assert.deepEqual([...saved.search(vector, { k: 2 }).keys], [1, 10_000]);
    saved.free();
  }
  copy.free();
  assert.equal(await code(() => copy.search(vector)), "freed");
});

test("several files answer as one", async () => {
  const half = async (from, to) => {
    const builder = new Builder({ dimensions, keys: "int64", metric: "cosine" });
    const keys = Array.from({ length: to - from }, (_, at) => BigInt(from + at) - 2n ** 62n);
    builder.addMany(vectors.slice(from * dimensions, to * dimensions), { keys });
    return builder.finish();
  };
  const both = await open([await half(0, 800), await half(800, 1600)]);
  const whole = await open(await half(0, 1600));
  for (let at = 0; at < 20; at += 1) {
    const query = queries.slice(at * dimensions, (at + 1) * dimensions);
    assert.deepEqual(both.search(query, { exact: true }).keys, whole.search(query, { exact: true }).keys);
  }
  assert.deepEqual(Buffer.from(await both.save()), Buffer.from(await half(0, 1600)));
  assert.equal(await code(() => both.remove(1)), "unsupported");
  both.free();
  whole.free();
});

test("streams may give pieces of any size", async () => {
  const pieces = (type, size) => {
    let at = 0;
    const pull = (stream) => {
      // Small ones as long as the header comes.
      const end = at + (at < 200 ? size : 1e6);
      if (at < file.length) return stream.enqueue(Uint8Array.from(file.subarray(at, (at = end))));
      stream.close();
      stream.byobRequest?.respond(0);
    };
    return new ReadableStream({ type, pull });
  };
  for (const [type, size] of [["bytes", 10], ["bytes", 65], ["bytes", 7e6], [undefined, 1], [undefined, 63]]) {
    const opened = await open(pieces(type, size), { verify: "full" });
    assert.equal(opened.length, 10_000);
    opened.free();
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
  // What is printed is what was given, and finds its row again, also where a Date knows no such year.
  for (const at of ["+12024-05-01T12:00:00Z", "-290308-12-21T19:59:05.224193Z"]) {
    assert.equal(small.get(at).at, at);
    assert.deepEqual(small.search([9, 9], { filter: { at } }).keys, [at]);
  }
  const nothing = Object.fromEntries(Object.keys(row).map((name) => [name, null]));
  assert.deepEqual(small.get("y"), { key: "y", vector: Float32Array.of(1, 3), ...nothing });
  assert.deepEqual(small.search([1, 2], { filter: { i: 2n ** 60n, at: { $lt: new Date("2025-01-01") }, y: row.y } }).keys, ["x"]);
  small.free();
});

test("many rows are got at once, in the order of their keys", async () => {
  const keys = [42, 9_999, 10_000, 42n, 0];
  assert.deepEqual(index.getMany(keys), keys.map((key) => index.get(key)));
  assert.equal(index.getMany(keys)[2], undefined);
  const [bare] = index.getMany(Float64Array.of(42), { include: false });
  assert.deepEqual(bare, { key: 42, vector: index.get(42).vector });
  assert.deepEqual(Object.keys(index.get(42, { include: ["pos"] })).sort(), ["key", "pos", "vector"]);
  assert.equal(await code(() => index.getMany(["x"])), "key_type");
  assert.equal(await code(() => index.getMany("x")), "invalid_parameter");
  assert.equal(await code(() => index.get(42, { include: ["no"] })), "unknown_column");
  assert.equal(await code(() => index.get(42, { columns: ["pos"] })), "invalid_parameter");
});

test("what goes wrong says so and leaves nothing behind", async () => {
  const pages = {
    "/404": (answer) => answer.writeHead(404).end("no"),
    "/page": (answer) => answer.end(`<!doctype html><title>x</title>${" ".repeat(100)}`),
    "/cut": (answer) => answer.end(file.subarray(0, 100_000)),
    "/broken": (answer) => {
      answer.writeHead(200, { "content-length": file.length });
      answer.write(file.subarray(0, 200_000), () => answer.destroy());
    },
    "/slow": (answer) => answer.write(file.subarray(0, 300_000)),
    "/fine": (answer) => answer.end(file),
  };
  const server = createServer((request, answer) => pages[request.url](answer));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const at = (path) => `http://127.0.0.1:${server.address().port}${path}`;
  const before = memory();
  const damaged = Buffer.from(file);
  damaged[damaged.length - 1000] ^= 1;
  const stop = new AbortController();
  const seen = [];
  const expected = [
    [() => open(at("/404")), "http"],
    [() => open(at("/page")), "not_an_index"],
    [() => open(at("/cut")), "truncated"],
    [() => open(at("/broken")), "network"],
    [() => open("http://127.0.0.1:1/"), "network"],
    [() => open(at("/slow"), { signal: stop.signal, onProgress: (step) => { seen.push(step); stop.abort(); } }), "aborted"],
    [() => open(damaged, { verify: "full" }), "corrupt"],
    [() => open(file.subarray(64)), "not_an_index"],
    [() => open(file, { model: "other" }), "wrong_model"],
    [() => open(file, { verfy: "full" }), "invalid_parameter"],
    [() => index.search(new Float32Array(383)), "dimension_mismatch"],
    [() => index.search([1, 2, 3]), "dimension_mismatch"],
    [() => index.search(queries.slice(0, dimensions), { efsearch: 3 }), "invalid_parameter"],
    [() => index.search(10_000), "key_not_found"],
    [() => index.search("x"), "key_type"],
    [() => index.search(0, { filter: { pos: { $is: 1 } } }), "invalid_filter"],
    [() => index.search(0, { include: ["no"] }), "unknown_column"],
    [() => index.search(0, { filter: { pos: "none" }, include: ["no"] }), "unknown_column"],
    [() => new Builder({ dimensions: 0 }), "too_many|invalid_parameter"],
    [() => new Builder({ dimensions: 3, efconstruction: 1 }), "invalid_parameter"],
  ];
  for (const [call, codes] of expected) {
    const got = await code(call);
    assert(codes.split("|").includes(got), `${call}: ${got}, not ${codes}`);
  }
  assert(seen[0].total === file.length && seen[0].loaded > 0);
  assert.deepEqual({ ...memory(), reserved: 0 }, { ...before, reserved: 0 });
  const fine = await open(at("/fine"));
  assert.equal(fine.length, 10_000);
  fine.free();
  server.closeAllConnections();
  server.close();
});

test("streams that are none of bytes, and storage where there is none, say so", async () => {
  const texts = () => new Blob(["text"]).stream().pipeThrough(new TextDecoderStream());
  const read = new Blob([file]).stream();
  read.getReader();
  for (const source of [texts(), read]) {
    assert.equal(await code(() => open(source)), "invalid_parameter");
  }
  const storage = await import("hither/storage");
  for (const call of [() => storage.put("x", file), () => storage.open("x"), () => storage.list(), () => storage.remove("x")]) {
    assert.equal(await code(call), "storage");
  }
});

test("what makes no sense is refused, and breaks nothing", async () => {
  const query = index.get(3).vector;
  const own = {};
  own.own = own;
  const builder = () => new Builder({ dimensions: 3, columns: { note: "json" } });
  const single = (metric) => new Builder({ dimensions: 3, metric, element: "f32" });
  const read = new Response(file);
  await read.arrayBuffer();
  const expected = {
    dimension_mismatch: [
      () => index.search([]),
      () => index.insert([1, 2]),
      () => builder().add([1, 2, 3, 4, 5, 6]),
      () => builder().add([]),
      () => builder().addMany([1, 2]),
    ],
    invalid_parameter: [
      ...[null, undefined, {}, { length: 1e12 }, new BigInt64Array(dimensions), new DataView(file.buffer)].map((it) => () => index.search(it)),
      ...["x", 1n, Symbol("s"), null, undefined].map((it) => () => index.search(Array(dimensions).fill(it))),
      ...[null, 5, {}, { length: 1e12 }].map((it) => () => index.searchBatch(it)),
      ...[null, 5, "abc", { length: 1e12 }].map((it) => () => index.getMany(it)),
      ...[-1, 0, 1.5, "3", NaN, 1e12, null].map((k) => () => index.search(query, { k })),
      ...[0, 2, "0.9", NaN].map((recall) => () => index.search(query, { recall })),
      ...["x", NaN].map((radius) => () => index.search(query, { radius })),
      ...["x", 5].map((metric) => () => index.search(query, { metric })),
      ...["pos", [5], 1].map((include) => () => index.search(query, { include })),
      ...[null, 5].map((options) => () => index.search(query, options)),
      ...[null, {}, [], 5, read].map((source) => () => open(source)),
      () => open(file, null),
      ...[{ model: 5 }, { verify: Symbol("s") }, { onProgress: 3 }, { signal: 3 }].map((options) => () => open(file, options)),
      () => index.save(null),
      () => builder().add(null),
      () => builder().add("abc"),
      () => builder().add([1, 2, 3], null),
      () => builder().add([1, 2, 3], { columns: { note: own } }),
      () => builder().addMany({}),
      ...[{}, { dimensions: "3" }, { dimensions: 3, m: 1 }, { dimensions: 3, kind: "x" }, { dimensions: 3, properties: { a: 5 } }].map((options) => () => new Builder(options)),
    ],
    invalid_filter: ["{", 5, () => true, [], own].map((filter) => () => index.search(query, { filter })),
    non_finite: [() => index.search(Array(dimensions).fill(NaN)), () => index.search(new Float32Array(dimensions).fill(NaN))],
    zero_vector: [() => index.search(new Float32Array(dimensions))],
    half_underflow: [() => builder().add([1e-30, 0, 0])],
    vector_overflow: [() => single("l2").add([1e30, 0, 0]), () => index.search(Array(dimensions).fill(1e30), { metric: "l2" })],
    vector_underflow: [
      () => {
        const small = single("ip");
        small.add([1e-30, 0, 0]);
        return small.finish();
      },
    ],
    "no error": [() => single("cosine").add([1e30, 0, 0]), () => index.search(Array(dimensions).fill(1e30)), () => index.search(Array(dimensions).fill(1e-30))],
    key_type: [null, undefined, {}, -1, 1.5, NaN, 1e300, "x"].map((key) => () => index.get(key)),
  };
  for (const [wanted, calls] of Object.entries(expected)) {
    for (const [at, call] of calls.entries()) assert.equal(await code(call), wanted, `${at}: ${call}`);
  }
  assert.equal(index.search(query, { k: 1, filter: null }).keys[0], 3);
  // Used from within its own progress, it says so and goes on.
  const codes = new Set();
  const within = (...calls) => ({
    onProgress() {
      for (const call of calls) assert.throws(call, (error) => Boolean(codes.add(error.code)));
    },
  });
  const busy = builder();
  busy.addMany(new Float32Array(3 * 50).fill(1), { columns: null });
  const small = await open(await busy.finish(within(() => busy.add([1, 2, 3]), () => busy.free())));
  await small.save(within(() => small.search([1, 2, 3]), () => small.free()));
  assert.deepEqual([...codes], ["busy"]);
  assert.equal(small.search([1, 2, 3]).length, 10);
  small.free();
});

test("opening and freeing 1,000 indexes does not grow memory", async () => {
  const builder = new Builder({ dimensions });
  builder.addMany(vectors.slice(0, 1000 * dimensions));
  const small = await builder.finish();
  for (let at = 0; at < 20; at += 1) (await open(small)).free();
  const before = memory().reserved;
  for (let at = 0; at < 1000; at += 1) {
    const one = await open(small);
    if (at % 100 === 0) one.search(0);
    one.free();
  }
  assert.equal(memory().reserved, before);
});

test("a build takes little more memory than its rows, and a delta none beside what is open", () => {
  // Each in a process of its own: memory never shrinks.
  const run = (program) => {
    const args = ["--input-type=module", "-e", `import { Builder, load, memory, open } from "hither"; await load(); ${program}`];
    return JSON.parse(execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: "utf8" }));
  };
  const [built, length] = run(`
    const builder = new Builder({ dimensions: 384, metric: "l2", kind: "hnsw" });
    builder.addMany(Float32Array.from({ length: 384 * 4000 }, (_, at) => Math.sin(at * at)));
    const { length } = await builder.finish();
    console.log(JSON.stringify([memory().reserved, length]));`);
  assert(built < 3 * length, `${built} bytes to build a file of ${length}`);
  const [opened, saved, delta] = run(`
    const index = await open("${WORK}/words.hither");
    const opened = memory().reserved;
    index.remove(7);
    const { length } = await index.save({ form: "delta" });
    console.log(JSON.stringify([opened, memory().reserved, length]));`);
  assert(delta > file.length);
  assert(saved < opened + delta / 10, `${saved - opened} bytes to save a delta of ${delta}`);
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

test("more memory than there is is an error, and what is open goes on", async () => {
  const expected = await builderOf(3000).finish();
  // Builders of 65,535 numbers a row fill memory, with fewer and fewer rows.
  const builders = [];
  for (const rows of [1024, 128, 16, 2]) {
    const flat = new Float32Array(rows * 65_535);
    for (let got = "no error"; got === "no error"; ) {
      const builder = new Builder({ dimensions: 65_535, metric: "l2", element: "f32", kind: "flat" });
      builders.push(builder);
      got = await code(() => builder.addMany(flat));
      if (got !== "no error") assert.equal(got, "out_of_memory");
    }
  }
  const large = { columns: { note: new Uint8Array(1.5e9) } };
  assert.equal(await code(() => new Builder({ dimensions: 1, metric: "l2", columns: { note: "bytes" } }).add([1], large)), "out_of_memory");
  assert.equal(index.search(0).length, 10);
  // What is made now lies at both ends of 4 GB: a signed place would be negative.
  for (let count = 0; count < 8; count += 1) builders.splice(builders.length >> 1, 1)[0].free();
  const high = await open(expected);
  assert.equal(high.length, 3000);
  assert(Buffer.compare(await high.save(), expected) === 0);
  assert(Buffer.compare(await builderOf(3000).finish(), expected) === 0);
  assert.equal(await code(() => high.get("x")), "key_type");
  high.free();
  for (const builder of builders) builder.free();
});
