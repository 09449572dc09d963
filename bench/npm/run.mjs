// Compares hither with the other vector searches on npm, in Node and in headless Chromium: one run, the
// engines alternately, medians. `node run.mjs [--quick] [--full] …`; README.md says what is measured.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { dimensions, prepare } from "./data.mjs";
import { browser, node } from "./hosts.mjs";
import { median, print } from "./report.mjs";
import { weigh } from "./weigh.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const engines = ["hither", "hnswlib-wasm", "edgevec", "voy-search", "ruvector", "orama"];
const packages = { ruvector: "@ruvector/wasm", orama: "@orama/orama" };
const options = { dimensions, m: 16, efConstruction: 128 };
const target = 0.95;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    rounds: { type: "string" },
    "build-rounds": { type: "string" },
    limit: { type: "string" },
    engines: { type: "string", default: engines.join() },
    hosts: { type: "string", default: "node,chromium" },
    work: { type: "string", default: join(here, "results", "work") },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const buildRounds = Number(values["build-rounds"] ?? (values.quick ? 1 : 3));
const limit = Number(values.limit ?? (values.quick ? 20 : 900));
const milliseconds = values.quick ? 200 : 1000;
const chosen = values.engines.split(",");

const version = (engine) =>
  JSON.parse(readFileSync(join(here, "node_modules", packages[engine] ?? engine, "package.json"), "utf8")).version;
const say = (text) => process.stderr.write(`${text}\n`);

/** The results of one engine on one host with a given number of rows. */
function record(engine) {
  return { engine, package: packages[engine] ?? engine, version: version(engine), build: [], restore: [], speed: [], memory: [], failed: {} };
}

/** Builds and stores an index; the host keeps running if an engine cannot store it. */
async function build(place, entry, rows) {
  const host = await place.start(entry.engine);
  try {
    const facts = await host.step("init", { rows, dimensions });
    Object.assign(entry, { index: facts.index, settings: facts.settings });
    await host.step("settle");
    const before = host.memory();
    await host.step("data", { rows });
    for (const setting of entry.builtWith === undefined ? (facts.builtWith ?? [null]) : [entry.builtWith]) {
      const took = await host.step("build", { options, setting });
      if (setting !== null) entry.builtWith = setting;
      const enough = !facts.builtWith || (await host.step("recall", { setting: facts.settings[0][0] })) >= target;
      if (!enough && setting !== facts.builtWith.at(-1)) continue;
      entry.build.push(took);
      break;
    }
    if (!entry.failed.load) {
      try {
        entry.bytes = await host.step("save", { name: "index", dimensions, rows });
        return;
      } catch (error) {
        entry.failed.load = `it cannot be kept: ${error.message}`;
      }
    }
    await host.step("settle");
    entry.memory.push(host.memory() - before);
    entry.resident = host;
  } finally {
    if (entry.resident !== host) await host.close();
  }
}

/** Loads the stored index, which the same host then searches. */
async function restored(place, entry, rows) {
  const host = await place.start(entry.engine);
  try {
    await host.step("init", { rows, dimensions });
    await host.step("settle");
    const before = host.memory();
    entry.restore.push(await host.step("restore", { name: "index", dimensions, rows, setting: entry.setting }));
    await host.step("settle");
    entry.memory.push(host.memory() - before);
    return host;
  } catch (error) {
    await host.close();
    throw error;
  }
}

/** The fastest setting with sufficient recall: in each ladder the first such step. */
async function tune(host, entry) {
  let best = 0;
  for (const ladder of entry.settings) {
    for (const setting of ladder) {
      const recall = await host.step("recall", { setting });
      entry.tried = [...(entry.tried ?? []), { setting, recall }];
      if (recall < target) continue;
      const speed = await host.step("speed", { setting, milliseconds: milliseconds / 4 });
      if (speed > best) {
        best = speed;
        Object.assign(entry, { setting, recall });
      }
      break;
    }
  }
  if (best === 0) {
    const { setting, recall } = entry.tried.reduce((a, b) => (b.recall > a.recall ? b : a));
    Object.assign(entry, { setting, recall });
    entry.failed.recall = `${recall.toFixed(3)} at best`;
  }
}

async function round(place, entry, rows, number) {
  if (entry.failed.build) return;
  try {
    if (number < buildRounds && !entry.resident) await build(place, entry, rows);
    let host = entry.resident;
    if (!host) {
      try {
        host = await restored(place, entry, rows);
      } catch (error) {
        // An index that cannot be loaded is searched where it was built.
        entry.failed.load = error.message;
        await build(place, entry, rows);
        host = entry.resident;
      }
    }
    try {
      if (entry.recall === undefined) await tune(host, entry);
      entry.speed.push(await host.step("speed", { setting: entry.setting, milliseconds }));
    } finally {
      if (host !== entry.resident) await host.close();
    }
  } catch (error) {
    entry.failed.build ??= error.message;
  }
}

const data = join(values.work, "data");
const sizes = prepare(data, join(here, "../.."), values.quick ? "quick" : values.full ? "full" : "sample");
const results = { date: new Date().toISOString(), processor: cpus()[0]?.model, cores: availableParallelism(), options, rounds, buildRounds, runs: [] };
const weights = Object.fromEntries(await Promise.all(chosen.map(async (engine) => [engine, await weigh(engine)])));
for (const rows of sizes) {
  for (const name of values.hosts.split(",")) {
    const place = await { node, chromium: browser }[name]({ data, work: values.work, limit, engines: chosen });
    const entries = chosen.map((engine) => ({ ...record(engine), downloaded: weights[engine] }));
    for (let number = 0; number < rounds; number += 1) {
      for (const entry of entries) {
        const start = Date.now();
        await round(place, entry, rows, number);
        say(`${rows} rows, ${name}, round ${number + 1} of ${rounds}: ${entry.engine}, ${((Date.now() - start) / 1000).toFixed(1)} s`);
      }
    }
    for (const entry of entries) {
      await entry.resident?.close();
      delete entry.resident;
    }
    await place.close();
    const run = { host: name, rows, entries };
    results.runs.push(run);
    print(run);
  }
}
mkdirSync(join(here, "results"), { recursive: true });
const file = join(here, "results", `${results.date.replaceAll(":", "-").slice(0, 19)}.json`);
writeFileSync(file, JSON.stringify(results, null, 1));
console.log(file);
if (values.quick && results.runs.some(({ entries }) => !(median(entries[0].speed) > 0))) process.exit(1);
