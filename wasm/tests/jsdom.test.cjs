/** @jest-environment jsdom */
// In Jest, where jsdom acts as a page: every entry can be required, though jsdom has no fetch, no streams and no
// TextEncoder, and its classes are not Node's.

async function fileOf() {
  const { Builder } = require("hither");
  const builder = new Builder({ dimensions: 2, metric: "l2", columns: { name: "text" } });
  for (let at = 0; at < 10; at += 1) builder.add([at, 1], { columns: { name: at === 9 ? "é" : `row ${at}` } });
  return builder.finish();
}

test("it is a page as jsdom plays it", () => {
  expect([typeof window, typeof fetch, typeof TextEncoder, typeof structuredClone]).toEqual(["object", "undefined", "undefined", "undefined"]);
});

test.each(["hither", "hither/search", "hither/inline"])("%s opens and searches what it is given here", async (name) => {
  const { open, HitherError } = require(name);
  const bytes = await fileOf();
  const whole = bytes.slice().buffer;
  for (const source of [bytes, whole, new Uint8Array(whole), new Blob([whole]), new File([whole], "x"), [new Blob([whole])]]) {
    const index = await open(source);
    expect(JSON.parse(JSON.stringify(index.search([3, 1], { k: 1, filter: { name: { $ne: "é" } } })))).toEqual([{ key: 3, distance: 0, name: "row 3" }]);
    index.free();
  }
  await expect(open("http://127.0.0.1:9/none")).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("jsdom") });
  await expect(open("/none/none.hither")).rejects.toMatchObject({ code: "file" });
  await expect(open(new Blob(["none"]))).rejects.toBeInstanceOf(HitherError);
});

test("hither/worker has a thread, to which what is given here crosses", async () => {
  const { open, Builder } = require("hither/worker");
  const bytes = await fileOf();
  for (const source of [bytes, new Blob([bytes]), new File([bytes], "x")]) {
    const index = await open(source);
    const found = await index.search(new Float32Array([3, 1]), { k: 2, filter: { name: { $in: ["row 3", "row 4"] } } });
    expect(found.rows().map(({ key, name }) => [key, name])).toEqual([[3, "row 3"], [4, "row 4"]]);
    index.free();
  }
  const builder = new Builder({ dimensions: 2 });
  await builder.addMany(new Float32Array([1, 0, 0, 1]));
  expect((await builder.finish()).length).toBeGreaterThan(64);
  await expect(open(new Blob(["none"]))).rejects.toMatchObject({ code: "not_an_index" });
});

test("hither/storage says that jsdom keeps no files", async () => {
  const storage = require("hither/storage");
  const bytes = await fileOf();
  for (const call of [() => storage.put("x", bytes), () => storage.open("x"), storage.list, storage.backend]) {
    await expect(call()).rejects.toMatchObject({ name: "HitherError", code: "storage", message: expect.stringContaining("for browsers") });
  }
});
