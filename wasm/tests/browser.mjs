// The package in headless Chromium: bundled, from Vite's dev server, and with IndexedDB where OPFS is missing, as in
// private windows. `node browser.mjs FOLDER`: bundles are in FOLDER/*/out, each with an index.html that sets
// document.title to its result, and an entries.html that uses both entries; FOLDER/vite is the source of
// FOLDER/vite/out, where storage.html is for several tabs.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer as createVite } from "vite";
import { createServer as createVite7 } from "vite-7";
import { POLICY, files, launch, serve, titleOf } from "./chromium.mjs";
import { part, serveRanges } from "./range-server.mjs";

const browser = await launch();
/** The failures that pages reported, repeated at the end because much is printed in between. */
const failed = [];

/** The page without a bundler, and the package from another origin, as from a CDN. */
async function apart(folder, installed) {
  const cdn = await serve(installed);
  const entries = { hither: "web", "hither/search": "search", "hither/worker": "worker", "hither/storage": "storage" };
  const imports = Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, `${cdn.url}${file}.js`]));
  for (const name of ["page", "entries-page"]) {
    writeFileSync(
      join(folder, `apart-${name}.html`),
      `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script><script type="module" src="./${name}.mjs"></script>`,
    );
  }
  const page = await serve(folder, "default-src * 'unsafe-inline' 'wasm-unsafe-eval' blob:");
  return { url: `${page.url}apart-page.html`, close: () => (page.close(), cdn.close()) };
}

/** Vite's dev server over the page's source, as `vite` runs without a configuration. */
async function dev(folder, create) {
  const find = files(join(folder, "out"));
  const server = await create({
    root: folder,
    configFile: false,
    logLevel: "error",
    appType: "mpa",
    server: { host: "127.0.0.1", port: 0 },
    plugins: [
      {
        // All but indexes and their versions is Vite's.
        name: "index-file",
        configureServer: ({ middlewares }) => {
          middlewares.use((request, answer, next) => {
            if (!/^\/((words|other)\.hither|next-version)$/.test(request.url) || !find(request, answer)) next();
          });
        },
      },
    ],
  });
  await server.listen();
  return { url: `http://127.0.0.1:${server.httpServer.address().port}/`, close: () => server.close() };
}

/**
 * Opens the page, and once more with the index unreachable if it is `kept`; then other pages, and one page in three
 * `tabs` at once.
 */
async function check(name, { url, close }, { init, kept = false, expected = "", others = [], tabs } = {}) {
  const context = await browser.newContext();
  if (init) await context.addInitScript(init);
  const said = [];
  const tab = async () => {
    const page = await context.newPage();
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    return page;
  };
  const page = await tab();
  const visit = async (where, expected = "", on = page) => {
    const title = await titleOf(on, where);
    console.log(`  Chromium, ${name}: ${title || "it said nothing"}`);
    if (title.endsWith(": ok") && title.includes(expected)) return;
    failed.push(`Chromium, ${name}: ${title || `it said nothing at ${where}`}\n${said.join("\n")}`);
    console.log(failed.at(-1));
  };
  await visit(url, expected);
  for (const other of others) await visit(new URL(other, url).href);
  if (tabs) await Promise.all([await tab(), await tab(), await tab()].map((one) => visit(new URL(tabs, url).href, "", one)));
  if (kept) {
    await context.route("**/words.hither", (route) => route.abort());
    await visit(`${url}#again`, expected);
  }
  await context.close();
  await close();
}

const at = (...names) => join(process.argv[2], ...names);
const whole = { kept: true, expected: "opfs", others: ["entries.html", "entries.html#whole"] };
const apartly = { ...whole, others: ["apart-entries-page.html", "apart-entries-page.html#whole"] };
// esbuild copies no files, so a worker is made from text.
await check("esbuild", await serve(at("esbuild", "out"), `${POLICY} blob:`), whole);
await check("webpack", await serve(at("webpack", "out")), whole);
await check("webpack", await serve(at("search", "out")), { expected: "search alone" });
await check("vite build", await serve(at("vite", "out")), { ...whole, others: [...whole.others, "realm.html"], tabs: "storage.html" });
await check("vite build without OPFS", await serve(at("vite", "out")), {
  init: () => delete StorageManager.prototype.getDirectory,
  kept: true,
  expected: "indexeddb",
  tabs: "storage.html",
});
await check("vite build with neither OPFS nor Blobs in IndexedDB", await serve(at("vite", "out")), {
  init: () => {
    delete StorageManager.prototype.getDirectory;
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (value, key) {
      if (value.blob) throw new DOMException("no Blobs here, as in a private window of WebKit", "DataCloneError");
      return put.call(this, value, key);
    };
  },
  kept: true,
  expected: "indexeddb",
});
// OPFS without locks does not keep a file whole; a page that is not secure has neither.
await check("vite build without Web Locks", await serve(at("vite", "out")), {
  init: () => delete Navigator.prototype.locks,
  kept: true,
  expected: "indexeddb",
  tabs: "storage.html",
});
const insecure = await serve(at("vite", "out"));
await check("vite build on a page that is not secure", { ...insecure, url: insecure.url.replace("127.0.0.1", "insecure.test") }, {
  kept: true,
  expected: "indexeddb",
  tabs: "storage.html",
});
// Half of the file, with the length of the whole: the connection breaks off.
const half = (answer) => {
  answer.writeHead(200, { "content-type": "application/wasm", "content-length": 1000 });
  answer.write(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]), () => answer.destroy());
};
// The module itself, with the media type that some servers give it.
const charset = (answer, path) =>
  answer.writeHead(200, { "content-type": "application/wasm; charset=utf-8" }).end(readFileSync(at("vite", "out", path)));
for (const [what, expected, instead] of [
  ["a server that answers 404", "http 404", (answer) => answer.writeHead(404).end()],
  ["one that drops the connection", "network", (answer) => answer.destroy()],
  ["one that drops it later", "network", half],
  ["one that gives its kind with a parameter", "opens", charset],
  ["one that gives a page instead", "unavailable", (answer) => answer.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>")],
]) {
  const { url, close } = await serve(at("vite", "out"), POLICY, instead);
  await check(`for the module ${what}`, { url: `${url}module.html`, close }, { expected: `: ${expected}, then` });
}
// A file of another origin, which lets pages read it but not its headers, and must not be asked for leave first.
const methods = new Set();
const elsewhere = await serveRanges(readFileSync(at("ranges.hither")));
elsewhere.state.instead = (request, answer, range) => {
  methods.add(request.method);
  return range !== undefined && part(answer, elsewhere.state.file, range, { "access-control-allow-origin": "*" });
};
const beside = await serve(at("vite", "out"), `${POLICY}; connect-src 'self' http://127.0.0.1:*`);
await check("vite build, a file of another origin", { url: `${beside.url}lazy.html#${elsewhere.url}`, close: beside.close });
if ([...methods].join() !== "GET") failed.push(`a file of another origin was asked for by ${[...methods]}`);
elsewhere.close();
await check("no bundler, another origin", await apart(at("vite"), at("node_modules", "hither")), apartly);
await check("vite 7 dev", await dev(at("vite"), createVite7), whole);
await check("vite dev", await dev(at("vite"), createVite), whole);
await browser.close();
for (const one of failed) console.error(`error: ${one}`);
process.exit(failed.length > 0 ? 1 : 0);
