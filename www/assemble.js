// Puts the site together: node assemble.js INDEX SITE. Takes page/ as it is, the npm package from
// node_modules by its `exports`, the font, and the index; writes a service worker that knows the
// hash of each file.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { loadedText } from "./page/loading.js";

const here = dirname(fileURLToPath(import.meta.url));
const [index, site] = process.argv.slice(2);
if (!site) {
  console.error("usage: node assemble.js INDEX SITE");
  process.exit(2);
}

const installed = join(here, "node_modules", "hither");
const exports = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")).exports;

/** The file that a browser takes for a condition of `exports`. */
function choose(target) {
  if (typeof target === "string") return target;
  if (Array.isArray(target)) return choose(target[0]);
  for (const [condition, value] of Object.entries(target ?? {})) {
    if (["browser", "import", "default"].includes(condition)) {
      const chosen = choose(value);
      if (chosen) return chosen;
    }
  }
}

/** `hither/x` → `/hither/…`, as an import map would; a strict policy allows none in a page. */
function resolve(specifier) {
  const name = specifier === "hither" ? "." : `.${specifier.slice("hither".length)}`;
  const file = choose(exports[name]);
  if (!file) throw new Error(`the installed package exports no "${name}"`);
  return posix.join("/hither", file);
}

/** All files of a folder, as paths with slashes. */
function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join("/"));
}

rmSync(site, { recursive: true, force: true });
mkdirSync(site, { recursive: true });
for (const name of files(join(here, "page"))) {
  const target = join(site, name);
  mkdirSync(dirname(target), { recursive: true });
  const source = readFileSync(join(here, "page", name));
  writeFileSync(
    target,
    extname(name) === ".js"
      ? source.toString().replace(/(from\s+|import\()"(hither(?:\/[\w./-]+)?)"/g, (_, before, name) => `${before}"${resolve(name)}"`)
      : source,
  );
}

/** Copies an entry of the package and all that it refers to. */
const seen = new Set();
function take(file) {
  if (seen.has(file)) return;
  seen.add(file);
  const from = join(installed, file);
  const to = join(site, "hither", file);
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
  if (extname(file) !== ".js") return;
  const text = readFileSync(from, "utf8");
  for (const [, name] of text.matchAll(/["'`](\.{1,2}\/[\w./-]+\.(?:js|wasm))["'`]/g)) {
    // The page opens whole files: nothing of it searches one where it lies.
    if (/^\.\/(?:lazy-|hither_lazy)/.test(name)) continue;
    const next = posix.join(posix.dirname(file), name);
    try {
      take(next);
    } catch (error) {
      if (error.code !== "ENOENT") throw error; // a name in a comment or an error text
      rmSync(join(site, "hither", next), { force: true });
    }
  }
}
for (const name of files(join(here, "page")).filter((name) => extname(name) === ".js")) {
  const text = readFileSync(join(here, "page", name), "utf8");
  for (const [, specifier] of text.matchAll(/from\s+"(hither(?:\/[\w./-]+)?)"/g)) {
    take(posix.relative("/hither", resolve(specifier)));
  }
}

const font = join(here, "node_modules", "@fontsource-variable", "newsreader");
mkdirSync(join(site, "type"));
cpSync(join(font, "files", "newsreader-latin-opsz-normal.woff2"), join(site, "type", "newsreader.woff2"));
cpSync(join(font, "files", "newsreader-latin-wght-italic.woff2"), join(site, "type", "newsreader-italic.woff2"));
cpSync(join(font, "LICENSE"), join(site, "type", "LICENSE"));
cpSync(index, join(site, "words.hither"));

const group = (name) =>
  name.startsWith("hither/") ? "library" : name.startsWith("type/") ? "type" : name.endsWith(".hither") ? "index" : "page";
/** Every file of the site as it is sent. */
const weigh = () =>
  files(site)
    .filter((name) => name !== "offline.js" && name !== "type/LICENSE")
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(site, name));
      const packed = [".woff2", ".hither"].includes(extname(name)) ? bytes.length : gzipSync(bytes, { level: 9 }).length;
      return { name, group: group(name), bytes: packed, hash: createHash("sha256").update(bytes).digest("hex").slice(0, 32) };
    });
// What is still to come is seen before any script runs.
const sum = (list, kept) => list.filter(({ group }) => kept(group)).reduce((total, { bytes }) => total + bytes, 0);
const come = { page: sum(weigh(), (group) => group !== "index"), index: sum(weigh(), (group) => group === "index") };
const start = join(site, "index.html");
writeFileSync(
  start,
  readFileSync(start, "utf8")
    .replace('"PAGE"', `"${come.page}"`)
    .replace('"INDEX"', `"${come.index}"`)
    .replace("LOADED", loadedText({ loaded: 0, total: come.page }, { loaded: 0, total: come.index })),
);
const list = weigh();
writeFileSync(join(site, "files.json"), JSON.stringify(list));
const version = createHash("sha256").update(JSON.stringify(list)).digest("hex").slice(0, 12);
const worker = join(site, "offline.js");
const urls = Object.fromEntries(list.map(({ name, hash }) => [name === "index.html" ? "" : name, hash]));
urls["files.json"] = version;
writeFileSync(
  worker,
  readFileSync(worker, "utf8").replace('"VERSION"', JSON.stringify(version)).replace('"FILES"', JSON.stringify(urls)),
);
for (const part of ["page", "type", "library", "index"]) {
  const kilobytes = sum(list, (group) => group === part) / 1000;
  console.log(`${part.padEnd(8)} ${kilobytes.toFixed(1).padStart(9)} KB as sent`);
}
