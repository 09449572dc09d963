// Weighs the parts of a module that has the names of its functions: `node weigh.mjs MODULE`. Bytes of code for each
// part of the library, and gzipped separately: together they take a little less.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const bytes = readFileSync(process.argv[2]);
let at = 8;

function number() {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return value;
  }
}

function text() {
  const length = number();
  return bytes.toString("utf8", at, (at += length));
}

let imported = 0;
const names = new Map();
const bodies = [];
let data = Buffer.alloc(0);
while (at < bytes.length) {
  const section = bytes[at++];
  const length = number();
  const end = at + length;
  if (section === 2) {
    for (let left = number(); left > 0; left -= 1) {
      text();
      text();
      const kind = bytes[at++];
      if (kind === 0) imported += 1;
      else if (kind !== 4) at += 1;
      if (kind === 1 || kind === 2) {
        const limits = bytes[at - 1 + (kind === 1 ? 1 : 0)];
        if (kind === 1) at += 1;
        number();
        if (limits & 1) number();
      } else number();
    }
  } else if (section === 10) {
    for (let left = number(); left > 0; left -= 1) {
      const size = number();
      bodies.push(bytes.subarray(at, (at += size)));
    }
  } else if (section === 11) {
    data = bytes.subarray(at, end);
  } else if (section === 0 && text() === "name") {
    while (at < end) {
      const kind = bytes[at++];
      const rest = number();
      const next = at + rest;
      if (kind === 1) {
        for (let left = number(); left > 0; left -= 1) {
          const index = number();
          names.set(index, text());
        }
      }
      at = next;
    }
  }
  at = end;
}

const PARTS = [
  ["building: structures, codes, calibration", /hither::(segment::(build|calibrate)|hnsw::(build|encode|select|ranks)|ivf::kmeans|quantize|builder|random|parallel)/],
  ["searching: segments, graph, lists", /hither::(segment|index::search|index::shards|hnsw|ivf|neighbor|rows|packed|calibration)/],
  ["distances", /hither::(distance|vectors|metric|element)/],
  ["filters", /hither::filter/],
  ["keys and columns", /hither::(column|key)/],
  ["opening, verifying, changing, saving", /hither::(index|growing|archive|aligned)|xxhash/],
  ["sorting", /hither::sort/],
  ["errors", /hither::error|hither_wasm::failure/],
  ["wasm-bindgen, js-sys and serde", /wasm_bindgen|js_sys|serde|externref/],
  ["the layer below JavaScript", /hither_wasm|^(openindex|filebuilder|filebytes|failure|open|file)[A-Z_]|__rustc/],
  ["memory", /dlmalloc/],
  ["Rust's core and alloc: lists, text, formatting", /./],
];
const parts = new Map(PARTS.map(([name]) => [name, []]));
bodies.forEach((body, index) => {
  const name = names.get(index + imported) ?? "?";
  parts.get(PARTS.find(([, pattern]) => pattern.test(name))[0]).push(body);
});
parts.set("data: texts, tables", [data]);
for (const [name, list] of parts) {
  const all = Buffer.concat(list);
  console.log(`  ${name.padEnd(48)} ${String(all.length).padStart(7)} ${String(gzipSync(all, { level: 9 }).length).padStart(7)}`);
}
