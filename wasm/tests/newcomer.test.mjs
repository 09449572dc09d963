// What users of other packages try first: the error says what to do instead.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Builder, HitherError, open } from "hither";
import { open as openInWorker } from "hither/worker";

const named = () => new Builder({ dimensions: 3, columns: { name: "text" } });
const fileOf = (builder, row) => (builder.add([1, 0, 0], row), builder.finish());
const index = await open(await fileOf(named(), { columns: { name: "apple" } }));
const byText = await open(await fileOf(new Builder({ dimensions: 3, keys: "text" }), { key: "a" }));

for (const [what, call, code, message] of [
  ["a number of rows, as hnswlib and voy take it", () => index.search([1, 0, 0], 5), "invalid_parameter", /\{ k: … \}, not 5/],
  ["an option of Orama's", () => index.search([1, 0, 0], { limit: 5 }), "invalid_parameter", /limit: no such option; there are: k, /],
  ["a query of Orama's", () => index.search({ vector: { value: [1, 0, 0] } }), "invalid_parameter", /an array of numbers, not an object/],
  ["a text to search for", () => index.search("apple"), "key_type", /make a vector of it/],
  ["a text that is taken for a key", () => byText.search("apple"), "key_not_found", /make a vector of it/],
  ["vectors in vectors, as tolist() gives them", () => index.search([[1, 0, 0]]), "invalid_parameter", /one flat array/],
  ["vectors in vectors to add", () => named().addMany([[1, 0, 0], [0, 1, 0]]), "invalid_parameter", /one flat array/],
  ["a promise of a vector", () => index.search(Promise.resolve([1, 0, 0])), "invalid_parameter", /Promise/],
  ["a promise of a file", () => open(named().finish()), "invalid_parameter", /not a Promise: await it/],
  ["a promise of a file in a worker", () => openInWorker(fetch("data:,x")), "invalid_parameter", /not a Promise: await it/],
  ["attributes beside the vector", () => named().add([1, 0, 0], { name: "apple" }), "invalid_parameter", /columns: \{ name: … \}/],
  ["attributes of what is inserted", () => index.insert([1, 0, 0], { name: "apple" }), "invalid_parameter", /columns: \{ name: … \}/],
  ["a text in place of a column's values", () => named().addMany([1, 0, 0], { columns: { name: "x" } }), "invalid_parameter", /name: give an array/],
  ["a schema of Orama's", () => new Builder({ dimensions: 3, columns: { title: "string" } }), "invalid_parameter", /"title" is "string", which is none of bool, /],
  ["columns without types", () => new Builder({ dimensions: 3, columns: ["title"] }), "invalid_parameter", /title: "text"/],
  ["a dimension alone", () => new Builder(384), "invalid_parameter", /\{ dimensions: … \}, not 384/],
  ["a filter by a function, as hnswlib takes it", () => index.search([1, 0, 0], { filter: () => true }), "invalid_filter", /conditions by column/],
  ["documents in place of a file", () => open(new TextEncoder().encode(JSON.stringify([{ title: "x".repeat(99) }]))), "not_an_index", /hither build/],
]) {
  test(what, async () => {
    const error = await (async () => call())().then(() => undefined, (error) => error);
    assert(error instanceof HitherError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
  });
}
