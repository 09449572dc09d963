// Servers that misbehave, and files that are replaced, while an index is searched on its server: the answer is right,
// or an error says what is wrong, after a bounded number of requests.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Builder, memory, open } from "hither";
import { open as openInWorker } from "hither/worker";
import { part, serveRanges } from "./range-server.mjs";

/** A file of rows [at, …] with lists for ranges; each kind and version has content of its own. */
async function fileOf({ ranges = true, rows = 4000, shift = 0 } = {}) {
  const builder = new Builder({ dimensions: 8, metric: "l2", columns: { name: "text" }, ranges });
  for (let at = 0; at < rows; at += 1) {
    const vector = Array.from({ length: 8 }, (_, axis) => ((at * 31 + axis * axis * 7 + shift) % 101) / 8);
    builder.add(vector, { columns: { name: `row ${at}` } });
  }
  return Buffer.from(await builder.finish());
}

const file = await fileOf();
/** Another file of the same length. */
const other = await (async () => {
  for (let shift = 1; ; shift += 1) {
    const made = await fileOf({ shift });
    if (made.length === file.length) return made;
  }
})();
const without = await fileOf({ ranges: false });
const whole = await open(file);
after(() => whole.free());
const query = [1, 2, 3, 4, 5, 6, 7, 8];
const right = whole.search(query, { exact: true }).rows();
const lazily = { lazy: true, timeout: 10_000 };

/**
 * Opens from a server that then misbehaves, asks, and returns the answer or the error, and how many requests it took.
 */
async function asked(instead, { from = file, at = "asking", options = {} } = {}) {
  const { state, url, close } = await serveRanges(from);
  let index;
  try {
    if (at === "opening") state.instead = instead;
    index = await open(url, { ...lazily, ...options });
    state.asked.length = 0;
    if (at === "asking") state.instead = instead;
    const rows = (await index.search(query, { exact: true })).rows();
    return { rows, requests: state.asked.length, state, complete: index.complete };
  } catch (error) {
    return { error, requests: state.asked.length, state };
  } finally {
    index?.free();
    close();
  }
}

/** Answers like this once, and properly from then on. */
const once = (answer) => {
  let done = false;
  return (request, response, range, number) => {
    if (done) return false;
    done = true;
    return answer(request, response, range, number);
  };
};
const status = (code, headers) => (_, answer) => (answer.writeHead(code, headers).end("<html>no"), true);
const cut = (_, answer, range) => {
  answer.writeHead(206, { "content-range": `bytes ${range[0]}-${range[1] - 1}/${file.length}`, "content-length": range[1] - range[0] });
  answer.write(file.subarray(range[0], range[1] - 1), () => setImmediate(() => answer.destroy()));
  return true;
};
/** The bytes with one of them changed. */
const wrong = (range) => {
  const bytes = Buffer.from(file.subarray(...range));
  bytes[bytes.length >> 1] ^= 1;
  return bytes;
};

test("a server that stumbles is asked again, and the answer is right", async () => {
  const stumbles = {
    500: status(500),
    503: status(503, { "retry-after": "0" }),
    429: status(429, { "retry-after": "1" }),
    "429 by a date": status(429, { "retry-after": new Date(Date.now() - 5000).toUTCString() }),
    200: (_, answer) => (answer.writeHead(200).end(file), true),
    cut,
    "no answer": (_, answer) => (answer.destroy(), true),
    short: (_, answer, range) => part(answer, file, range, {}, file.subarray(range[0], range[1] - 1)),
    "short, with headers hidden": (_, answer, [start, end]) => part(answer, file, [start, end - 1], { "content-range": null, etag: null }),
    "wrong bytes": (_, answer, range) => part(answer, file, range, {}, wrong(range)),
  };
  for (const at of ["opening", "asking"]) {
    for (const [what, stumble] of Object.entries(stumbles)) {
      // The first response of a server that sends no ranges is the file, and wrong bytes in the first one cannot be
      // recognised.
      if (at === "opening" && (what === "200" || what.startsWith("wrong") || what.startsWith("short, with"))) continue;
      const { rows, error } = await asked(once(stumble), { at });
      assert.deepEqual(rows, right, `${at}, ${what}: ${error?.stack}`);
    }
  }
});

test("a server that goes on misbehaving is left alone, and the error says how", async () => {
  const zipped = (range) => gzipSync(file.subarray(...range));
  for (const [what, answer, code, says, most] of [
    ["500", status(500), "http", "answered 500", 4],
    ["404", status(404), "http", "answered 404", 1],
    ["403", status(403), "http", "answered 403", 1],
    ["304", status(304), "http", "answered 304", 1],
    ["416", status(416, { "content-range": `bytes */${file.length}` }), "http", "answered 416", 1],
    ["204", (_, answer) => (answer.writeHead(204).end(), true), "http", "answered 204", 1],
    ["429 for an hour", status(429, { "retry-after": "3600" }), "http", "answered 429", 1],
    ["200", (_, answer) => (answer.writeHead(200).end(file), true), "http", "answered 200 to who asks for a range", 4],
    ["cut", cut, "network", "broke off", 4],
    ["no answer", (_, answer) => (answer.destroy(), true), "network", "", 4],
    ["another range", (_, answer, [start, end]) => part(answer, file, [start + 1, end + 1]), "network", "who asks for bytes", 1],
    ["a range backwards", (_, answer, range) => part(answer, file, range, { "content-range": "bytes 9-3/10" }), "network", "who asks for bytes", 1],
    ["a range of 30 digits", (_, answer, range) => part(answer, file, range, { "content-range": `bytes 0-9/${"9".repeat(30)}` }), "network", "who asks for bytes", 1],
    ["too much", (_, answer, [start, end]) => part(answer, file, [start, end + 500], { "content-range": null }), "network", "it sends more than", 1],
    ["too little", (_, answer, [start, end]) => part(answer, file, [start, end - 3], { "content-range": null }), "network", "bytes came", 4],
    ["packed", (_, answer, range) => part(answer, file, range, { "content-encoding": "gzip" }), "network", "", 4],
    ["parts of what is packed", (_, answer, range) => part(answer, file, range, { "content-encoding": "gzip" }, zipped([range[0], range[0] + 9])), "network", "have the server send index files as they are", 1],
    ["wrong bytes", (_, answer, range) => (range[1] === 64 ? false : part(answer, file, range, {}, wrong(range))), "corrupt", "", 8],
    ["another range, with headers hidden", (_, answer, [start, end]) => (end === 64 ? false : part(answer, file, [start + 16, end + 16], { "content-range": null, etag: null })), "corrupt", "", 8],
    ["a page", (_, answer, range) => part(answer, Buffer.alloc(range[1], "<html>"), range, { "content-range": null, etag: null }), "replaced", "", 2],
  ]) {
    const { error, requests } = await asked(answer, { options: { concurrency: 1 } });
    assert(error, what);
    assert.equal(error.code, code, `${what}: ${error.stack}`);
    assert(error.message.includes(says), `${what}: ${error.message}`);
    assert(requests <= most, `${what}: ${requests} requests`);
    if (code === "http") assert.equal(`${error.status}`, what.slice(0, 3));
  }
});

test("a server that stalls is given up, before and after it has begun", async () => {
  for (const begins of [false, true]) {
    const stall = (_, answer, range) => {
      if (begins) {
        answer.writeHead(206, { "content-range": `bytes ${range[0]}-${range[1] - 1}/${file.length}`, "content-length": range[1] - range[0] });
        answer.write(file.subarray(range[0], range[0] + 1));
      }
      return true;
    };
    for (const at of ["opening", "asking"]) {
      const { error, requests } = await asked(stall, { at, options: { concurrency: 1, timeout: 100 } });
      assert.equal(error.code, "network", error.stack);
      assert(error.message.includes("sent nothing for 0.1 seconds"), error.message);
      assert(requests <= 4, `${requests}`);
    }
  }
});

test("a packed range that is whole is taken, and redirections are followed", async () => {
  const packed = (_, answer, range) => part(answer, file, range, { "content-encoding": "gzip" }, gzipSync(file.subarray(...range)));
  assert.deepEqual((await asked(packed)).rows, right);
  const elsewhere = (request, answer) => {
    if (request.url.endsWith("?here")) return false;
    answer.writeHead(302, { location: `${request.url}?here` }).end();
    return true;
  };
  assert.deepEqual((await asked(elsewhere, { at: "opening" })).rows, right);
});

test("a server that hides its headers, or takes turns with one that calls the file otherwise, is believed by its bytes", async () => {
  const hidden = (_, answer, range) => part(answer, file, range, { "content-range": null, etag: null });
  assert.deepEqual((await asked(hidden, { at: "opening" })).rows, right);
  const unknown = (_, answer, [start, end]) => part(answer, file, [start, end], { "content-range": `bytes ${start}-${Math.min(end, file.length) - 1}/*` });
  assert.deepEqual((await asked(unknown, { at: "opening" })).rows, right);
  const weak = (_, answer, range) => part(answer, file, range, { etag: 'W/"one"' });
  const { rows, requests } = await asked(weak);
  assert.deepEqual(rows, right);
  const turns = (_, answer, range, number) => part(answer, file, range, { etag: number % 2 ? '"two"' : '"one"' });
  const both = await asked(turns, { options: { concurrency: 1 } });
  assert.deepEqual(both.rows, right);
  assert(both.requests <= requests + 4, `${both.requests} requests where ${requests} do`);
});

test("a file that is replaced is an error, whatever of it is told, and versions are never mixed", async () => {
  for (const headers of [{}, { etag: '"two"' }, { "content-range": null, etag: null }, { etag: null, "last-modified": "Tue, 01 Dec 2026 09:00:00 GMT" }]) {
    for (const from of [other, await fileOf({ rows: 5000 }), await fileOf({ rows: 2100 }), without]) {
      // A fault at each of the requests of a question.
      for (let nth = 1; ; nth += 1) {
        let number = 0;
        const { rows, error } = await asked((_, answer, range) => {
          number += 1;
          if (number < nth) return false;
          if (range[0] >= from.length) return status(416)(_, answer);
          return part(answer, from, range, headers);
        });
        if (error) assert(["replaced", "http"].includes(error.code), error.stack);
        else assert.deepEqual(rows, right);
        if (number < nth) break;
        if (nth > 2) nth += 17;
      }
    }
  }
});

test("a server that ignores ranges gives the whole file, if that is not too much", async () => {
  for (const headers of [{}, { "content-length": file.length }]) {
    const ignores = (_, answer) => (answer.writeHead(200, headers).end(file), true);
    const { rows, complete, requests } = await asked(ignores, { at: "opening" });
    assert.deepEqual([rows, complete, requests], [right, true, 0]);
    const { error } = await asked(ignores, { at: "opening", options: { cacheBytes: file.length - 1 } });
    assert.equal(error.code, "unsupported");
    assert(error.message.includes("sends no ranges of files") && error.message.includes(`${file.length} bytes`), error.message);
  }
});

test("a file without lists is brought whole, if that is not too much, and else the error says how to build it", async () => {
  const { complete } = await asked(() => false, { from: without, at: "opening" });
  assert.equal(complete, true);
  const { error } = await asked(() => false, { from: without, at: "opening", options: { cacheBytes: 9 } });
  assert.equal(error.code, "unsupported");
  assert(error.message.includes("hither build --ranges"), error.message);
});

test("what a server says makes no allocation that it does not fill", async () => {
  const before = memory().reserved;
  const headers = (length, manifest) => {
    const bytes = Buffer.from(file);
    bytes.writeBigUInt64LE(BigInt(length), 24);
    if (manifest) bytes.writeBigUInt64LE(BigInt(manifest), 64 - 8);
    return bytes;
  };
  for (const lie of [headers(2 ** 50), headers(2 ** 32), headers(file.length, 2 ** 29)]) {
    for (const given of [{}, { "content-range": null }]) {
      const { error } = await asked((_, answer, range) => (range ? part(answer, lie, range, given) : false), { at: "opening" });
      if (error) assert(["corrupt", "truncated", "network", "unsupported", "replaced", "not_an_index"].includes(error.code), error.stack);
    }
    const { error } = await asked((_, answer) => (answer.writeHead(200).end(lie), true), { at: "opening" });
    assert(["corrupt", "truncated", "unsupported", "not_an_index"].includes(error?.code), error?.stack);
  }
  for (let end = 0; end < 2000; end = end * 2 + 1) {
    const { error } = await asked((_, answer, range) => part(answer, file.subarray(0, Math.max(end, 1)), range), { at: "opening" });
    assert(["truncated", "not_an_index", "corrupt", "network"].includes(error.code), `${end}: ${error.stack}`);
  }
  const page = await asked((_, answer) => (answer.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>".repeat(10)), true), { at: "opening" });
  assert(page.error.code === "not_an_index" && page.error.message.includes("web page"), page.error.stack);
  assert(memory().reserved <= before + (8 << 20), `${before} ${memory().reserved}`);
});

test("random faults at random requests: right rows, or an error, and the next question goes on", async () => {
  const { state, url, close } = await serveRanges(file);
  const index = await open(url, { ...lazily, cacheBytes: 50_000 });
  const faults = [status(500), cut, (_, answer) => (answer.destroy(), true), (_, answer, range) => part(answer, file, range, {}, wrong(range)), (_, answer, range) => part(answer, file, range, { etag: '"two"' })];
  let answers = 0;
  for (let round = 0; round < 20; round += 1) {
    // In one of three rounds, each request may fail.
    state.instead = (request, answer, range, number) => round % 3 === 1 && (number * 7919) % 13 < 2 && faults[(number * 31) % faults.length](request, answer, range, number);
    const k = 1 + (round % 9);
    const rows = await index.search(query, { exact: true, k }).then((found) => found.rows(), (error) => assert(["http", "network", "corrupt"].includes(error.code), error.stack));
    if (!rows) continue;
    answers += 1;
    assert.deepEqual(rows, right.slice(0, k));
  }
  assert(answers > 13, `${answers} of 20 were answered`);
  index.free();
  close();
});

test("a worker says the same of servers that misbehave", async () => {
  const { state, url, close } = await serveRanges(file);
  const index = await openInWorker(url, lazily);
  state.instead = status(403);
  await assert.rejects(index.search(query), (error) => error.code === "http" && error.status === 403);
  state.instead = (_, answer, range) => part(answer, other, range);
  await assert.rejects(index.search(query), (error) => error.code === "replaced");
  state.instead = undefined;
  assert.deepEqual((await index.search(query, { exact: true })).rows(), right);
  assert(index.traffic.requests > 3);
  index.free();
  close();
});
