// Compares the package with an earlier one: the time of each operation as a share of the earlier one's.
// Each round starts a new Node process for each package, alternately. Other load only adds to a time, so
// the figures are the minima of the rounds. Graphs differ, so an `efSearch` finds more in one than in the
// other: searches at a given recall use the least `efSearch` that reaches it.
//
//     node bench/npm/against.mjs EARLIER PACKAGE [--rounds 7]
//
// Both are folders of an unpacked package. `make bench-npm ARGS="--against COMMIT"` creates them.
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { dimensions, npy } from "./data.mjs";

/** Recalls of the ten nearest rows. */
const recalls = [0.95, 0.99];
const here = fileURLToPath(import.meta.url);
const { positionals, values } = parseArgs({ allowPositionals: true, options: { rounds: { type: "string", default: "7" }, measure: { type: "string" } } });
if (values.measure) {
  console.log(JSON.stringify(await measure(values.measure)));
} else {
  if (positionals.length !== 2) throw new Error("usage: against.mjs EARLIER PACKAGE [--rounds 7]");
  compare(positionals.map((folder) => resolve(folder)), Number(values.rounds));
}

function compare(packages, rounds) {
  const told = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    for (const which of round % 2 ? [1, 0] : [0, 1]) {
      const options = { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] };
      told[which].push(JSON.parse(execFileSync(process.execPath, [here, "--measure", packages[which]], options)));
    }
  }
  console.log(`| the least of ${rounds} rounds | earlier ms | now ms | now : earlier |\n|---|---|---|---|`);
  for (const name of Object.keys(told[0][0].times)) {
    const [earlier, now] = told.map((rounds) => Math.min(...rounds.map(({ times }) => times[name])));
    console.log(`| ${name} | ${earlier.toFixed(1)} | ${now.toFixed(1)} | ${(now / earlier).toFixed(2)} |`);
  }
  for (const recall of recalls) {
    const [earlier, now] = told.map(([{ efforts }]) => `${efforts[recall].efSearch} (${efforts[recall].found.toFixed(4)})`);
    console.log(`\nefSearch for recall ${recall}, and what it finds: earlier ${earlier}, now ${now}`);
  }
}

/** The least `efSearch` whose answers hold a share of `recall` of the ten nearest, and that share. */
function effort(index, query, count, recall) {
  const keys = (at, options) => Array.from(index.search(query(at), { include: false, ...options }), ({ key }) => key);
  const truth = Array.from({ length: count }, (_, at) => new Set(keys(at, { exact: true })));
  for (let efSearch = 10; efSearch <= 1000; efSearch += 2) {
    const found = truth.map((nearest, at) => keys(at, { efSearch }).filter((key) => nearest.has(key)).length / nearest.size);
    const share = found.reduce((sum, one) => sum + one, 0) / count;
    if (share >= recall) return { efSearch, found: share };
  }
  throw new Error(`no efSearch up to 1000 reaches recall ${recall}`);
}

/** Milliseconds of each operation, over the sample. */
async function measure(folder) {
  const { Builder, open } = await import(pathToFileURL(join(folder, "node.js")).href);
  const sample = join(here, "../../../sample");
  const vectors = npy(join(sample, "words.npy"));
  const queries = npy(join(sample, "queries.npy"));
  const rows = vectors.length / dimensions;
  const query = (at) => {
    const row = at % (queries.length / dimensions);
    return queries.subarray(row * dimensions, (row + 1) * dimensions);
  };
  const columns = {
    number: Array.from({ length: rows }, (_, row) => (row * 7919) % 1000),
    text: Array.from({ length: rows }, (_, row) => `word ${(row * 31) % 50}`),
  };
  const times = {};
  const time = async (name, call) => {
    const start = performance.now();
    const made = await call();
    times[name] = performance.now() - start;
    return made;
  };
  const searches = (name, index, count, options) =>
    time(`${count} searches, ${name}`, () => {
      for (let at = 0; at < count; at += 1) index.search(query(at), { include: false, ...options });
    });
  const build = async (options) => {
    const builder = new Builder({ dimensions, columns: { number: "int64", text: "text" }, ...options });
    await time(`adding ${rows} rows`, () => builder.addMany(vectors, { columns }));
    return time(`building ${options.kind}`, () => builder.finish());
  };

  const lists = await open(await build({ kind: "ivf" }));
  const file = await build({ kind: "hnsw" });
  const index = await time("opening", () => open(file));
  (await time("opening, all verified", () => open(file, { verify: "full" }))).free();
  for (let at = 0; at < 1000; at += 1) index.search(query(at), { include: false });
  const efforts = {};
  for (const recall of recalls) {
    efforts[recall] = effort(index, query, 500, recall);
    await searches(`recall ${recall}`, index, 3000, { efSearch: efforts[recall].efSearch });
  }
  await searches("exact", index, 100, { exact: true });
  await searches("one row in twenty passes", index, 500, { filter: { number: { $lt: 50 } } });
  await searches("half of the rows pass", index, 1000, { filter: { number: { $lt: 500 } } });
  await searches("lists", lists, 2000, {});
  const same = { efSearch: efforts[0.95].efSearch };
  await time("5000 searches with columns, recall 0.95", () => {
    for (let at = 0; at < 5000; at += 1) index.search(query(at), same);
  });
  await time("20000 rows by key", () => {
    for (let at = 0; at < 20000; at += 1) index.get(at % rows, { include: false });
  });
  await time("1000 rows inserted", () => {
    for (let at = 0; at < 1000; at += 1) index.insert(query(at), { columns: { number: at, text: "new" } });
  });
  await searches("beside inserted rows, recall 0.95", index, 1000, same);
  await time("saving a delta", () => index.save({ form: "delta" }));
  return { times, efforts };
}
