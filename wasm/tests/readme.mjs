// Every block of code in the README, as printed: run in Node, workerd or Chromium, and type-checked, except the
// service worker; TypeScript with its strictest options, JavaScript without types of its own parameters. `node
// readme.mjs README FOLDER`: FOLDER has the packages and the files words.hither, other.hither. The model of
// transformers.js is too large for a test: a package of the same name makes vectors of words, and has the types that
// the recipes use.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build as bundle } from "vite";
import { launch, serve, titleOf } from "./chromium.mjs";
import { serveRanges } from "./range-server.mjs";

const [readme, root] = process.argv.slice(2);
const folder = join(root, "readme");
const bin = (name) => join(root, "node_modules", ".bin", name);

/** How each of them is run. */
const RUN = {
  node: ["first.mjs", "build.mjs", "filters.mjs", "change.mjs", "lazy.mjs"],
  workerd: ["worker.js"],
  chromium: ["search.js", "useIndex.jsx", "Similar.jsx", "offline.js", "sw.js", "background.js"],
  types: ["typed.ts"],
};

const MODEL = `
const code = (word) => [...word].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 383, 0);
export async function pipeline(task, model, { dtype }) {
  return async (text, { pooling, normalize }) => {
    if ([task, model, dtype, pooling, normalize].join() !== "feature-extraction,Xenova/all-MiniLM-L6-v2,q8,mean,true") throw new Error("another call");
    const data = new Float32Array(384).fill(0.001);
    for (const word of text.toLowerCase().match(/[a-z]+/g)) data[code(word)] += 1;
    return { data: data.map((value) => value / Math.hypot(...data)) };
  };
}`;
const MODEL_TYPES = `
export function pipeline(task: string, model: string, options: { dtype: string }):
  Promise<(text: string, options: { pooling: string; normalize: boolean }) => Promise<{ data: Float32Array }>>;`;

/** The README's blocks, by the name in their first line, as files. */
function extract() {
  mkdirSync(folder, { recursive: true });
  const names = [];
  for (const [, code] of readFileSync(readme, "utf8").matchAll(/^```(?:[jt]sx?|mjs)\n([^]*?)^```$/gm)) {
    const name = /^\/\/ ([\w.]+)/.exec(code)?.[1];
    assert(name && !names.includes(name), `a block has no name, or another's: ${code.slice(0, 80)}`);
    names.push(name);
    writeFileSync(join(folder, name), code);
  }
  assert.deepEqual(names.sort(), Object.values(RUN).flat().sort(), "each block is run");
  const model = join(root, "node_modules", "@huggingface", "transformers");
  mkdirSync(model, { recursive: true });
  writeFileSync(join(model, "package.json"), '{ "type": "module", "exports": { "types": "./index.d.ts", "default": "./index.js" } }');
  writeFileSync(join(model, "index.js"), MODEL);
  writeFileSync(join(model, "index.d.ts"), MODEL_TYPES);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
}

function run(command, ...given) {
  const { status, stdout, stderr } = spawnSync(command, given, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, `${command} ${given}\n${stdout}${stderr}`);
  return stdout;
}

/**
 * Checks TypeScript with its strictest options, JavaScript with the package's types; there are no types for the scope
 * of a service worker here.
 */
function typed() {
  const all = ["--noEmit", "--target", "es2022", "--module", "nodenext", "--lib", "esnext,dom,dom.iterable", "--types", "node", "--skipLibCheck"];
  run(bin("tsc"), ...all, "--strict", ...RUN.types);
  const scripts = Object.values(RUN).flat().filter((name) => /\.(m?js|jsx)$/.test(name) && name !== "sw.js");
  run(bin("tsc"), ...all, "--allowJs", "--checkJs", "--jsx", "react-jsx", "--strict", "false", ...scripts);
}

/** The result that is printed beside a search is the result of the search. */
function foundAsSaid(name) {
  const code = readFileSync(join(folder, name), "utf8");
  const checked = code.replaceAll(/^(index\.search.*); \/\/ (?:.*: )?(\w(?:, \w)*)$/gm, (_, call, keys) =>
    `equal([...${call}].map(({ key }) => key).join(", "), "${keys}");`);
  assert.equal(checked.match(/^equal/gm)?.length, 3);
  writeFileSync(join(folder, name), `import { equal } from "node:assert";\n${checked}`);
}

function inNode() {
  foundAsSaid("filters.mjs");
  const said = RUN.node.map((name) => run("node", name));
  assert.match(said[0], /^apple 0\.00\d*\npear 0\.0\d*\n$/);
  assert.deepEqual(said.slice(1), ["", "", "6 A goldfish in a bowl\n", ""]);
}

/** The recipe for large files on a server. */
async function lazily() {
  const { url, close } = await serveRanges(readFileSync(join(root, "ranges.hither")));
  const { suggestions } = await import(join(folder, "lazy.mjs"));
  const { open } = await import("hither");
  const whole = await open(readFileSync(join(root, "ranges.hither")));
  const suggest = await suggestions(url);
  const [first, second] = [7, 8].map((key) => suggest(whole.get(key).vector));
  await assert.rejects(first, { code: "aborted" });
  assert.equal((await second)[0].words, whole.get(8).words);
  close();
}

async function inWorkerd() {
  const made = join(folder, "workerd");
  const site = join(made, "site");
  mkdirSync(site, { recursive: true });
  cpSync(join(root, "words.hither"), join(site, "words.hither"));
  cpSync(join(root, "node_modules", "hither", "hither_bg.wasm"), join(made, "hither_bg.wasm"));
  run(bin("esbuild"), "worker.js", "--bundle", "--format=esm", "--conditions=workerd", "--external:*.wasm", "--log-level=error", "--outfile=workerd/main.js");
  const script = join(made, "main.js");
  writeFileSync(script, readFileSync(script, "utf8").replace('"./hither_bg.wasm"', '"hither_bg.wasm"'));
  const free = await serve(made);
  free.close();
  const { host } = new URL(free.url);
  writeFileSync(
    join(made, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "main.js", esModule = embed "main.js"), (name = "hither_bg.wasm", wasm = embed "hither_bg.wasm")],
      bindings = [(name = "ASSETS", service = "assets")],
      compatibilityDate = "2025-01-01",
    )),
    (name = "assets", disk = ${JSON.stringify(site)}),
  ],
  sockets = [(name = "http", address = "${host}", http = (), service = "main")],
);`,
  );
  const server = spawn(bin("workerd"), ["serve", join(made, "config.capnp")], { stdio: "inherit" });
  let ended = false;
  server.on("exit", () => (ended = true));
  try {
    const ask = async (body, tries = 300) => {
      try {
        return await (await fetch(`http://${host}/`, { method: "POST", body: JSON.stringify(body) })).json();
      } catch (error) {
        if (ended || tries === 0) throw error;
        await new Promise((resume) => setTimeout(resume, 100));
        return ask(body, tries - 1);
      }
    };
    const vector = Array.from({ length: 384 }, (_, at) => Math.sin(at));
    const answers = await Promise.all(["verb", "verb", undefined, "noun"].map((pos) => ask({ vector, pos })));
    assert.deepEqual(answers.map((rows) => rows.length), [5, 5, 5, 5]);
    assert.deepEqual(answers[0], answers[1]);
    assert(answers[0].every(({ pos, words }) => pos === "verb" && words) && answers[3].every(({ pos }) => pos === "noun"));
    assert.deepEqual(await ask({ vector, pos: "verb" }), answers[0]);
  } finally {
    server.kill();
  }
}

/** Pages that use what the README shows, and report the result in their title. */
const PAGES = {
  "text.js": `import { search } from "./search.js";
import { check, tell } from "./title.mjs";
tell(search("my bicycle has a flat tyre").then((rows) => {
  check(rows.length === 3 && rows[0].text === "Mending a flat bicycle tyre", JSON.stringify(rows));
  return "search by text: ok";
}));`,
  "react.jsx": `import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { memory } from "hither/search";
import { Similar } from "./Similar.jsx";
import { useIndex } from "./useIndex.jsx";
import { check, tell } from "./title.mjs";
const until = async (holds) => { while (!holds()) await new Promise((resume) => setTimeout(resume, 10)); };
function Length({ of }) { return <b>{useIndex(of)?.length ?? "none"}</b>; }
// An index that has no such key says so, and that ends the page.
function Near({ of, like }) { return <i>{like}: {useIndex(of)?.search(like, { k: 3 }).length ?? "none"}</i>; }
async function show() {
  const root = createRoot(document.body.appendChild(document.createElement("div")));
  const shown = (selector) => [...document.querySelectorAll(selector)].map(({ textContent }) => textContent);
  root.render(<StrictMode><Similar to={42} /><Length of="/words.hither" /></StrictMode>);
  await until(() => shown("li").length === 5 && shown("b")[0] === "10000");
  check(memory().indexes === 1, "two components share an index, in StrictMode too");
  root.render(<StrictMode><Similar to={42} /><Length of="/other.hither" /></StrictMode>);
  await until(() => shown("b")[0] === "200" && memory().indexes === 2);
  check(shown("li").every((words) => words.length > 1), "words");
  root.render(<StrictMode><Near of="/other.hither" like={7} /></StrictMode>);
  await until(() => shown("i")[0] === "7: 3");
  root.render(<StrictMode><Near of="/words.hither" like={5000} /></StrictMode>);
  await until(() => ["5000: 3", undefined].includes(shown("i")[0]));
  check(shown("i")[0] === "5000: 3", "the index of one file is not searched by a key of another");
  root.unmount();
  await until(() => memory().indexes === 0);
  return "React: ok";
}
tell(show());`,
  "kept.js": `import { keepPage, openOffline } from "./offline.js";
import { check, tell } from "./title.mjs";
async function keep() {
  const index = await openOffline("words", "/words.hither");
  check(index.search(42, { k: 5 }).length === 5, "it answers");
  if (location.hash === "#again") return "offline, without a server: ok";
  await keepPage();
  await navigator.serviceWorker.ready;
  return "offline, the first visit: ok";
}
tell(keep());`,
  "built.js": `import { build } from "./background.js";
import { check, tell } from "./title.mjs";
async function made() {
  const stages = new Set();
  const index = await build(Float32Array.from({ length: 8000 }, (_, at) => Math.sin(at)), 4, { onProgress: ({ stage }) => stages.add(stage) });
  check((await index.search(7, { k: 3 })).length === 3 && stages.has("writing"), [...stages].join());
  index.free();
  const stopped = await build(new Float32Array(8).fill(1), 4, { signal: AbortSignal.abort() }).catch(({ code }) => code);
  check(stopped === "aborted", stopped);
  return "in the background: ok";
}
tell(made());`,
};

async function inChromium() {
  for (const [name, code] of Object.entries(PAGES)) {
    writeFileSync(join(folder, name), code);
    writeFileSync(join(folder, name.replace(/\.\w+$/, ".html")), `<!doctype html><meta charset="utf-8"><script type="module" src="./${name}"></script>`);
  }
  cpSync(join(root, "title.mjs"), join(folder, "title.mjs"));
  const input = Object.keys(PAGES).map((name) => join(folder, name.replace(/\.\w+$/, ".html")));
  await bundle({ root: folder, configFile: false, logLevel: "error", build: { outDir: "out", rollupOptions: { input } } });
  for (const name of ["words.hither", "other.hither"]) cpSync(join(root, name), join(folder, "out", name));
  for (const name of ["texts.hither", "sw.js"]) cpSync(join(folder, name), join(folder, "out", name));
  const site = await serve(join(folder, "out"));
  const browser = await launch();
  const page = await browser.newPage();
  const log = [];
  page.on("console", (message) => log.push(message.text()));
  page.on("pageerror", (error) => log.push(String(error.stack)));
  const said = [];
  for (const name of ["text.html", "react.html", "built.html", "kept.html"]) said.push(await titleOf(page, `${site.url}${name}`));
  site.close();
  said.push(await titleOf(page, `${site.url}kept.html#again`));
  await browser.close();
  assert(said.every((title) => title.endsWith(": ok")), [...said, ...log].join("\n"));
  return said;
}

extract();
typed();
inNode();
await lazily();
await inWorkerd();
const said = await inChromium();
console.log(`  README: ${Object.values(RUN).flat().length} blocks; ${said.map((title) => title.replace(/: ok$/, "")).join("; ")}: ok`);
