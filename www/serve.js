// Serves a folder on localhost: node serve.js FOLDER [PORT]. Knows types, ETags, ranges, gzip and a
// strict content security policy; knows no file above the folder.
import { createHash } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzip as gzipCallback } from "node:zlib";

const gzip = promisify(gzipCallback);

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
  ".hither": "application/octet-stream",
};
const COMPRESSED = new Set([".html", ".css", ".js", ".json", ".svg", ".wasm", ".webmanifest"]);

const HEADERS = {
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "connect-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  // Isolation gives the page a clock of microseconds; no file here comes from elsewhere.
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache",
};

/** First and last byte of a `Range` header over `length` bytes; null for none, false for one that cannot be met. */
export function parseRange(header, length) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return null;
  const first = match[1] === "" ? Math.max(0, length - Number(match[2])) : Number(match[1]);
  const last = match[1] === "" || match[2] === "" ? length - 1 : Math.min(Number(match[2]), length - 1);
  return first <= last && first < length ? [first, last] : false;
}

/** A server of `folder`, not yet listening. */
export function server(folder) {
  const kept = new Map(); // path → bytes, their gzip, ETag: read once

  async function load(path) {
    if (!kept.has(path)) {
      const bytes = await readFile(path);
      const small = COMPRESSED.has(extname(path)) ? await gzip(bytes, { level: 9 }) : undefined;
      kept.set(path, { bytes, small, hash: createHash("sha256").update(bytes).digest("base64url").slice(0, 22) });
    }
    return kept.get(path);
  }

  async function answer(request, response) {
    const end = (status, headers = {}, body) => {
      response.writeHead(status, { ...HEADERS, ...headers });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    if (request.method !== "GET" && request.method !== "HEAD") return end(405, { Allow: "GET, HEAD" });
    let file, path;
    try {
      const root = await realpath(folder);
      let name = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
      if (name.endsWith("/")) name += "index.html";
      path = await realpath(join(root, name));
      if (!path.startsWith(root + sep)) throw new Error("outside");
      file = await load(path);
    } catch {
      return end(404, { "Content-Type": "text/plain; charset=utf-8" }, "Not found\n");
    }
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    const packed = file.small && /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
    const etag = `"${file.hash}${packed ? "-gzip" : ""}"`;
    const common = { "Content-Type": type, ETag: etag };
    if (file.small) common.Vary = "Accept-Encoding";
    if (request.headers["if-none-match"]?.includes(etag)) return end(304, common);
    if (packed) {
      return end(200, { ...common, "Content-Encoding": "gzip", "Content-Length": file.small.length }, file.small);
    }
    const whole = file.bytes.length;
    const fresh = !request.headers["if-range"] || request.headers["if-range"] === etag;
    const range = fresh ? parseRange(request.headers.range, whole) : null;
    if (range === false) return end(416, { "Content-Range": `bytes */${whole}` });
    const [first, last] = range ?? [0, whole - 1];
    const headers = { ...common, "Accept-Ranges": "bytes", "Content-Length": last - first + 1 };
    if (range) headers["Content-Range"] = `bytes ${first}-${last}/${whole}`;
    end(range ? 206 : 200, headers, file.bytes.subarray(first, last + 1));
  }

  return createServer((request, response) => {
    answer(request, response).catch((error) => {
      console.error(error);
      response.destroy();
    });
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder, port = "8080"] = process.argv.slice(2);
  if (!folder) {
    console.error("usage: node serve.js FOLDER [PORT]");
    process.exit(2);
  }
  const site = server(folder);
  site.on("error", (error) => {
    const hint = error.code === "EADDRINUSE" ? `port ${port} is taken; choose another: make www PORT=8081` : error.message;
    console.error(`error: ${hint}`);
    process.exit(1);
  });
  site.listen(Number(port), "127.0.0.1", () => console.log(`http://localhost:${site.address().port}/ (Ctrl+C ends it)`));
}
