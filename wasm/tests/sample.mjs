// The sample, as tests of the installed package use it in Node. HITHER is the command, SAMPLE the sample's folder,
// WORK one with its index file, words.hither, to which tests add files of their own.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after } from "node:test";
import { Builder, open } from "hither";

const { HITHER } = process.env;
export const { SAMPLE, WORK } = process.env;
export const command = (...args) => execFileSync(HITHER, args, { stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 28 });

/** The numbers of a .npy file of f2, f4 or i8. */
export function npy(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.subarray(10, start).toString("latin1");
  const type = /'descr': '<(..)'/.exec(header)[1];
  const data = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length);
  if (type === "f4") return new Float32Array(data);
  if (type === "i8") return new BigInt64Array(data);
  return Float32Array.from(new Uint16Array(data), half);
}

function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
  return bits & 0x8000 ? -size : size;
}

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
