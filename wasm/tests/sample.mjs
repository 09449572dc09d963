// The sample, for tests of the installed package in Node. HITHER is the command, SAMPLE the folder of the sample,
// WORK a folder with its index file, words.hither, to which tests add files of their own.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after } from "node:test";
import { Builder, open } from "hither";
import { npy } from "./npy.mjs";

export { npy };

const { HITHER } = process.env;
export const { SAMPLE, WORK } = process.env;
export const command = (...args) => execFileSync(HITHER, args, { stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 28 });

export const dimensions = 384;
export const vectors = npy(`${SAMPLE}/words.npy`);
export const queries = npy(`${SAMPLE}/queries.npy`);
const [head, ...lines] = readFileSync(`${SAMPLE}/words.tsv`, "utf8").trimEnd().split("\n");
const names = head.split("\t");
export const cells = lines.map((line) => line.split("\t"));
export const columns = Object.fromEntries(names.map((name, at) => [name, cells.map((row) => row[at])]));

export const file = readFileSync(`${WORK}/words.hither`);
export const index = await open(file, { verify: "full", model: "all-MiniLM-L6-v2" });
after(() => index.free());

/** A builder with the first rows of the sample. */
export const builderOf = (rows) => {
  const builder = new Builder({ dimensions, metric: "cosine", kind: "hnsw" });
  builder.addMany(vectors.subarray(0, rows * dimensions));
  return builder;
};
