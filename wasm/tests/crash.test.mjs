// When WebAssembly traps there is an error that says so, everything that was open is lost, and the next `open` starts
// anew. The trap is made here, because the module has none to offer.
import assert from "node:assert/strict";
import { test } from "node:test";

let traps = false;
const { Instance } = WebAssembly;
WebAssembly.Instance = function (module, imports) {
  const { exports } = new Instance(module, imports);
  const trapping = Object.fromEntries(
    Object.entries(exports).map(([name, value]) => {
      if (typeof value !== "function") return [name, value];
      return [name, (...given) => { if (traps) throw new WebAssembly.RuntimeError("unreachable"); return value(...given); }];
    }),
  );
  return { exports: trapping };
};

const { Builder, memory, open } = await import("hither");
const { code } = await import("./code.mjs");

test("after a trap what was open is lost, and what is opened next answers", async () => {
  const builder = new Builder({ dimensions: 2, metric: "l2" });
  builder.add([1, 2]);
  builder.add([3, 4]);
  const file = await builder.finish();
  const index = await open(file);
  const other = await open(file);
  const waiting = new Builder({ dimensions: 2, metric: "l2" });
  waiting.add([1, 2]);

  traps = true;
  assert.equal(await code(() => index.search([1, 2])), "crashed");
  traps = false;
  for (const lost of [() => index.search([1, 2]), () => other.length, () => waiting.add([1, 2]), () => waiting.length]) {
    assert.equal(await code(lost), "crashed");
  }
  other.free();
  assert.equal(await code(() => other.search([1, 2])), "freed");

  const anew = await open(file);
  assert.deepEqual([...anew.search([3, 4]).keys], [1, 0]);
  assert.deepEqual([memory().indexes, memory().files], [1, file.length]);
  // Their numbers may be those of other objects by now.
  for (const lost of [() => index.search([1, 2]), () => index.info, () => waiting.add([1, 2]), () => waiting.finish()]) {
    assert.equal(await code(lost), "crashed");
  }
  index.free();
  waiting.free();
  assert.deepEqual([...anew.search([1, 2]).keys], [0, 1]);
  assert.deepEqual([memory().indexes, memory().files], [1, file.length]);
  anew.free();
  assert.equal(memory().indexes, 0);
});

test("what nobody holds any more is freed", async () => {
  const builder = new Builder({ dimensions: 256, metric: "l2", kind: "flat" });
  builder.addMany(new Float32Array(256 * 4000).fill(1));
  const file = await builder.finish();
  let most = 0;
  for (let at = 0; at < 200; at += 1) {
    await open(file);
    globalThis.gc();
    await new Promise((resume) => setTimeout(resume));
    most = Math.max(most, memory().reserved);
  }
  assert(most < 20 * file.length, `${most} bytes for ${file.length}`);
});
