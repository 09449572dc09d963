// Errors of the installed package say what is wrong, and leave nothing behind.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { Builder, memory, open } from "hither";
import { code } from "./code.mjs";
import { dimensions, file, index, queries } from "./sample.mjs";

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
  // Used from within its own progress callback, it reports an error and goes on.
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
