// How fast the packed npm package searches, as a share of the command's speed: same file, queries,
// ef_search and procedure, one thread each, alternately. The median time of a query is equivalent to
// queries per second on a quiet machine, and suffers less from other load.
//
//     node bench/npm/native.mjs FILE QUERIES.npy HITHER [--truth T.npy] [--package DIR]
//                               [--ef 10,20,40,80,160] [--rounds 5] [--filter JSON] [--json]
//
// HITHER is the command, built with --release; DIR is an unpacked npm package (default: "hither" as Node
// resolves it). Every figure is the median of the rounds.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    truth: { type: "string" },
    package: { type: "string" },
    ef: { type: "string", default: "10,20,40,80,160" },
    rounds: { type: "string", default: "5" },
    filter: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const [file, queriesFile, hither] = positionals;
if (!hither) throw new Error("usage: native.mjs FILE QUERIES.npy HITHER [options]; see the head of this script");
const efs = values.ef.split(",").map(Number);
/** The minimum time for measuring each setting in each round, as in the command. */
const MEASURED_MS = 250;
const K = 10;

/** The float32 rows of an .npy file, concatenated, and the length of a row. */
function readNpy(path) {
  const bytes = readFileSync(path);
  const length = bytes[6] === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  const begin = (bytes[6] === 1 ? 10 : 12) + length;
  const header = bytes.toString("latin1", 0, begin);
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  if (!shape || !header.includes("'<f4'")) throw new Error(`${path}: give a float32 .npy of two dimensions`);
  const rows = new Float32Array(bytes.buffer.slice(bytes.byteOffset + begin));
  return { rows, dimensions: Number(shape[2]) };
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** For the median pass over all queries: queries per second, and the median time of a query in µs. */
function measure(index, queries, efSearch) {
  const options = { k: K, efSearch, ...(values.filter && { filter: values.filter }) };
  const pass = () => {
    const times = new Float64Array(queries.length);
    const start = performance.now();
    let last = start;
    queries.forEach((query, at) => {
      index.search(query, options);
      const now = performance.now();
      times[at] = (now - last) * 1000;
      last = now;
    });
    return { time: last - start, times };
  };
  pass();
  const passes = [];
  for (let spent = 0; spent < MEASURED_MS; spent += passes.at(-1).time) passes.push(pass());
  passes.sort((a, b) => a.time - b.time);
  const { time, times } = passes[passes.length >> 1];
  return { qps: (queries.length / time) * 1000, p50: median(times) };
}

function measureNative(efSearch) {
  const options = ["bench", file, "--queries", queriesFile, "-k", K, "--ef-search", efSearch, "--json"];
  if (values.truth) options.push("--truth", values.truth);
  if (values.filter) options.push("--filter", values.filter);
  const told = JSON.parse(execFileSync(hither, options.map(String), { encoding: "utf8" }));
  const { qps, p50_us: p50, recall } = told.results[0];
  return { rows: told.rows, simd: told.simd, qps, p50, recall };
}

const entry = values.package ? pathToFileURL(resolve(values.package, "node.js")).href : "hither";
const { open } = await import(entry);
const { rows, dimensions } = readNpy(queriesFile);
const queries = Array.from({ length: rows.length / dimensions }, (_, at) =>
  rows.slice(at * dimensions, (at + 1) * dimensions),
);
const index = await open(readFileSync(file));
const measured = efs.map(() => []);
let told;
for (let round = 0; round < Number(values.rounds); round += 1) {
  efs.forEach((ef, at) => {
    told = measureNative(ef);
    measured[at].push({ native: told, wasm: measure(index, queries, ef) });
  });
}
const results = efs.map((ef, at) => {
  const of = (read) => median(measured[at].map(read));
  return {
    ef_search: ef,
    recall: measured[at][0].native.recall,
    native_qps: of(({ native }) => native.qps),
    wasm_qps: of(({ wasm }) => wasm.qps),
    ratio: of(({ native, wasm }) => wasm.qps / native.qps),
    native_p50_us: of(({ native }) => native.p50),
    wasm_p50_us: of(({ wasm }) => wasm.p50),
    p50_ratio: of(({ native, wasm }) => native.p50 / wasm.p50),
  };
});
if (values.json) {
  console.log(JSON.stringify({ simd: told.simd, node: process.version, rounds: Number(values.rounds), results }));
} else {
  console.log(`${told.rows} rows, ${queries.length} queries, k ${K}, native ${told.simd}, Node ${process.version}\n`);
  const widths = [9, 9, 12, 12, 8, 13, 13, 8];
  const line = (cells) => console.log(cells.map((text, at) => String(text).padStart(widths[at])).join(""));
  line(["ef_search", "recall", "native QPS", "wasm QPS", "ratio", "native p50", "wasm p50", "ratio"]);
  for (const row of results) {
    line([row.ef_search, row.recall.toFixed(4), Math.round(row.native_qps), Math.round(row.wasm_qps), row.ratio.toFixed(3),
      row.native_p50_us.toFixed(1), row.wasm_p50_us.toFixed(1), row.p50_ratio.toFixed(3)]);
  }
}
