// Memory of the installed package in Node: it does not grow, and running out of it is an error.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { Builder, memory, open } from "hither";
import { code } from "./code.mjs";
import { WORK, builderOf, dimensions, file, index, vectors } from "./sample.mjs";

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
  // Each program in a process of its own: memory never shrinks.
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

test("more memory than there is is an error, and what is open goes on", async () => {
  const expected = await builderOf(3000).finish();
  // Builders with rows of 65,535 numbers fill the memory, with fewer and fewer rows each.
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
  // New objects are at both ends of 4 GB: a signed address would be negative.
  for (let count = 0; count < 8; count += 1) builders.splice(builders.length >> 1, 1)[0].free();
  const high = await open(expected);
  assert.equal(high.length, 3000);
  assert(Buffer.compare(await high.save(), expected) === 0);
  assert(Buffer.compare(await builderOf(3000).finish(), expected) === 0);
  assert.equal(await code(() => high.get("x")), "key_type");
  high.free();
  for (const builder of builders) builder.free();
});
