// What the installed package answers in Node, compared with the command, and how an index changes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Builder, open } from "hither";
import { code } from "./code.mjs";
import { SAMPLE, WORK, command, dimensions, file, index, npy, queries, vectors } from "./sample.mjs";

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
      // Small pieces until the header is complete.
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
