// The package, bundled and unbundled, in headless Chromium: `node browser.mjs FOLDER...`. Each
// folder has an index.html that sets document.title to what it found.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";

const kinds = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
});
let failed = false;
for (const folder of process.argv.slice(2)) {
  let version = "1";
  const server = createServer((request, answer) => {
    const path = new URL(request.url, "http://x").pathname;
    if (path === "/next-version") {
      version = "2";
      return answer.end();
    }
    const file = join(folder, path === "/" ? "index.html" : path);
    if (!existsSync(file) || statSync(file).isDirectory()) return answer.writeHead(404).end();
    const etag = `"${version}"`;
    if (request.headers["if-none-match"] === etag) return answer.writeHead(304).end();
    answer.writeHead(200, {
      "content-type": kinds[extname(file)] ?? "application/octet-stream",
      "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
      etag,
    });
    createReadStream(file).pipe(answer);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const page = await browser.newPage();
  const said = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction(() => document.title.includes(":"), undefined, { timeout: 60_000 }).catch(() => {});
  const title = await page.title();
  console.log(`  Chromium, ${folder.split("/").slice(-2).join("/")}: ${title || said.join("\n")}`);
  if (!title.endsWith(": ok")) {
    failed = true;
    console.log(said.join("\n"));
  }
  await page.close();
  server.closeAllConnections();
  server.close();
}
await browser.close();
process.exit(failed ? 1 : 0);
