// What serves the page, asked without a browser. SITE is the assembled site.
import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import { server } from "../serve.js";

const { SITE } = process.env;

test("the server: types, policy, ETag, ranges, and nothing above its folder", async (t) => {
  const site = server(SITE);
  await new Promise((ready) => site.listen(0, "127.0.0.1", ready));
  t.after(() => (site.close(), site.closeAllConnections()));
  const ask = (path, headers = {}) =>
    new Promise((resolve, reject) => {
      get({ port: site.address().port, path, headers, agent: false }, (response) => {
        const parts = [];
        response.on("data", (part) => parts.push(part)).on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }));
      }).on("error", reject);
    });
  const page = await ask("/");
  assert.match(page.headers["content-security-policy"], /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
  assert.doesNotMatch(page.headers["content-security-policy"], /unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')/);
  assert.equal((await ask("/hither/hither_bg.wasm")).headers["content-type"], "application/wasm");
  assert.equal((await ask("/", { "if-none-match": page.headers.etag })).status, 304);
  const part = await ask("/words.hither", { range: "bytes=0-7" });
  assert.equal(part.status, 206);
  assert.deepEqual([...part.body], [0x89, 0x48, 0x54, 0x52, 0x0d, 0x0a, 0x1a, 0x0a]);
  assert.equal((await ask("/words.hither", { range: "bytes=99999999999-" })).status, 416);
  for (const path of ["/..%2fwords.hither", "/..%2f..%2fetc%2fpasswd", "/nothing"]) assert.equal((await ask(path)).status, 404);
});
