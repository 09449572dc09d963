// Where an engine runs: in a Node process, or on a page of headless Chromium in a browser of its own. Both
// run steps on demand, and report how much memory they use alone.
import { fork } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { conditions } from "./weigh.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Bytes of a process's memory that it does not share. */
function own(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const of = (name) => 1024 * Number(new RegExp(`^${name}: *(\\d+) kB$`, "m").exec(text)[1]);
  return of("Private_Clean") + of("Private_Dirty");
}

/** The renderers of the Chromium with this profile. */
function descendants(profile) {
  const processes = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1];
      processes.set(pid, { command, parent });
    } catch {
      // The process has ended meanwhile.
    }
  }
  const ours = (pid) => {
    const found = processes.get(pid);
    if (!found) return false;
    return found.command.includes(`--user-data-dir=${profile}`) || ours(found.parent);
  };
  return [...processes.keys()].filter((pid) => processes.get(pid).command.includes("--type=renderer") && ours(pid));
}

function limited(promise, seconds, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not end within ${seconds} s`)), 1000 * seconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** `step(name, argument)`, within `limit` seconds; `memory()` in bytes; `close()`. */
class Host {
  async step(name, argument) {
    const { value, error } = await limited(this.ask(name, argument), this.limit, name);
    if (error !== undefined) throw new Error(error);
    return value;
  }
}

class NodeHost extends Host {
  constructor(engine, { data, kept, limit }) {
    super();
    this.limit = limit;
    this.child = fork(join(here, "node-process.mjs"), [engine, data, kept], {
      execArgv: ["--expose-gc", "--max-old-space-size=8192"],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
  }

  ask(step, argument) {
    return new Promise((resolve, reject) => {
      const { child } = this;
      const ended = (code, signal) => reject(new Error(`Node ended (${signal ?? code}) during ${step}`));
      child.once("exit", ended);
      child.once("message", (answer) => {
        child.off("exit", ended);
        resolve(answer);
      });
      child.send({ step, argument });
    });
  }

  memory() {
    return own(this.child.pid);
  }

  async close() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resume) => this.child.once("exit", resume));
    this.child.kill("SIGKILL");
    await ended;
  }
}

class PageHost extends Host {
  ask(step, argument) {
    return this.page.evaluate(([name, value]) => window.step(name, value), [step, argument]);
  }

  memory() {
    return descendants(this.profile).reduce((sum, pid) => sum + own(pid), 0);
  }

  async close() {
    await this.context.close();
  }
}

/** Hosts in Node. */
export async function node({ data, work, limit }) {
  const kept = join(work, "kept");
  rmSync(kept, { recursive: true, force: true });
  const start = async (engine) => {
    mkdirSync(join(kept, engine), { recursive: true });
    return new NodeHost(engine, { data, kept: join(kept, engine), limit });
  };
  return { start, close: async () => rmSync(kept, { recursive: true, force: true }) };
}

/** Hosts in Chromium, and the server that they load from. Data that an engine stores stays in its profile. */
export async function browser({ data, work, limit, engines }) {
  const pages = join(work, "pages");
  const profiles = join(work, "profiles");
  rmSync(profiles, { recursive: true, force: true });
  for (const engine of engines) {
    await build({
      entryPoints: [join(here, "page.mjs")],
      alias: { ENGINE: join(here, "engines", `${engine}.mjs`) },
      bundle: true,
      conditions,
      splitting: true,
      format: "esm",
      minify: true,
      logLevel: "error",
      outdir: join(pages, engine),
    });
    writeFileSync(join(pages, engine, "index.html"), '<!doctype html><script type="module" src="page.js"></script>');
  }
  const roots = { data, modules: join(here, "node_modules"), pages };
  const kinds = { html: "text/html", js: "text/javascript", wasm: "application/wasm" };
  const server = createServer((request, answer) => {
    const [, root, ...rest] = new URL(request.url, "http://x").pathname.split("/");
    const file = roots[root] && join(roots[root], ...rest);
    if (!file || !existsSync(file) || statSync(file).isDirectory()) return answer.writeHead(404).end();
    answer.writeHead(200, {
      "content-type": kinds[file.split(".").at(-1)] ?? "application/octet-stream",
      "content-length": statSync(file).size,
      // Cross-origin isolated, for a clock with microseconds.
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    });
    createReadStream(file).pipe(answer);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const start = async (engine) => {
    const host = new PageHost();
    host.limit = limit;
    host.profile = join(profiles, engine);
    host.context = await chromium.launchPersistentContext(host.profile, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        "--js-flags=--expose-gc --max-old-space-size=8192"],
    });
    host.page = host.context.pages()[0] ?? (await host.context.newPage());
    host.page.setDefaultTimeout(0);
    await host.page.goto(`http://127.0.0.1:${server.address().port}/pages/${engine}/index.html`);
    await host.page.waitForFunction(() => window.step, undefined, { timeout: 30_000 });
    return host;
  };
  const close = async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    rmSync(profiles, { recursive: true, force: true });
  };
  return { start, close };
}
