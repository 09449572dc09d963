// The vectors, the queries and the ten nearest rows of each, as flat files that both Node and a page can
// read: of wordnet-minilm-384 if it is available, else of the sample in the repository.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const dimensions = 384;
const QUERIES = 200;
const K = 10;

/** The numbers of a .npy file of f2, f4 or i4. */
export function npy(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const type = /'descr': '<(..)'/.exec(bytes.subarray(10, start).toString("latin1"))[1];
  const data = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length);
  if (type === "f4") return new Float32Array(data);
  if (type === "i4") return new Int32Array(data);
  return Float32Array.from(new Uint16Array(data), half);
}

function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
  return bits & 0x8000 ? -size : size;
}

/** The ten nearest rows of each query by cosine, exactly. */
function nearest(vectors, queries) {
  const rows = vectors.length / dimensions;
  const truth = new Float32Array((queries.length / dimensions) * K);
  for (let query = 0; query * dimensions < queries.length; query += 1) {
    const best = [];
    for (let row = 0; row < rows; row += 1) {
      let dot = 0;
      for (let at = 0; at < dimensions; at += 1) dot += vectors[row * dimensions + at] * queries[query * dimensions + at];
      if (best.length === K && dot <= best[K - 1].dot) continue;
      const place = best.findIndex((other) => other.dot < dot);
      best.splice(place < 0 ? best.length : place, 0, { row, dot });
      best.length = Math.min(best.length, K);
    }
    best.forEach(({ row }, at) => (truth[query * K + at] = row));
  }
  return truth;
}

/**
 * Writes the files of each size into `folder`, unless they are there, and gives the sizes: `"quick"`
 * a part of the sample, `"sample"` all of it, `"full"` the sample and then the full set.
 */
export function prepare(folder, repository, size) {
  mkdirSync(folder, { recursive: true });
  const write = (name, make) => {
    const path = join(folder, name);
    if (!existsSync(path)) writeFileSync(path, Buffer.from(make().buffer));
  };
  const sample = join(repository, "sample");
  const queries = npy(join(sample, "queries.npy")).slice(0, QUERIES * dimensions);
  write("queries", () => queries);
  const sets = [[size === "quick" ? 2_000 : 10_000, join(sample, "words.npy")]];
  const data = process.env.HITHER_DATA ?? join(repository, "../shared/data");
  const whole = join(data, "wordnet-minilm-384", "base.f16.npy");
  if (size === "full" && existsSync(whole)) sets.push([116_659, whole]);
  else if (size === "full") console.log(`${whole} is not there: the sample alone`);
  for (const [rows, path] of sets) {
    let vectors;
    const read = () => (vectors ??= npy(path).slice(0, rows * dimensions));
    write(`rows-${rows}`, read);
    write(`truth-${rows}`, () => nearest(read(), queries));
  }
  return sets.map(([rows]) => rows);
}
