// Headless Chromium, and a file server for its pages.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";

const kinds = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
      // A host that is not known as this machine's own, so that its pages are not secure.
      "--host-resolver-rules=MAP insecure.test 127.0.0.1",
    ],
  });
}

/** Goes to an address, and returns the title, in which a page reports its result. */
export async function titleOf(page, where) {
  await page.goto("about:blank");
  await page.goto(where);
  // Three tabs that race take a minute when the machine is busy.
  await page.waitForFunction(() => document.title.includes(":"), undefined, { timeout: 300_000 }).catch(() => {});
  return page.title();
}

export const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

/**
 * Answers with a file, whose ETag is a version that the page can raise; false if there is none. `instead` answers for
 * modules until the page asks for them.
 */
export function files(folder, policy = POLICY, instead) {
  let version = 1;
  return (request, answer) => {
    const { pathname } = new URL(request.url, "http://x");
    if (pathname === "/next-version") {
      version += 1;
      answer.end();
      return true;
    }
    if (pathname === "/give") {
      instead = undefined;
      answer.end();
      return true;
    }
    if (instead && pathname.endsWith(".wasm")) {
      instead(answer, pathname);
      return true;
    }
    const file = join(folder, pathname === "/" ? "index.html" : pathname);
    if (!existsSync(file) || statSync(file).isDirectory()) return false;
    const etag = `"${version}"`;
    if (request.headers["if-none-match"] === etag) {
      answer.writeHead(304).end();
      return true;
    }
    answer.writeHead(200, {
      "content-type": kinds[extname(file)] ?? "application/octet-stream",
      "content-security-policy": policy,
      "access-control-allow-origin": "*",
      etag,
    });
    createReadStream(file).pipe(answer);
    return true;
  };
}

export async function serve(folder, policy, instead) {
  const find = files(folder, policy, instead);
  const server = createServer((request, answer) => find(request, answer) || answer.writeHead(404).end());
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const close = () => (server.closeAllConnections(), server.close());
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}
