// hither/worker outside of browsers: threads are not those of browsers, and an open index does not keep a program
// from ending.
import { Builder, HitherError, open } from "hither/worker";
import { readFileSync } from "node:fs";
// Not every worker can receive streams.
const index = await open(new Response(new Uint8Array(readFileSync("words.hither"))));
const [row] = (await index.search(42, { k: 1 })).rows();
const missing = await open("none.hither").catch((error) => error);
const builder = new Builder({ dimensions: 384 });
await builder.addMany(Float32Array.from({ length: 384 * 5000 }, (_, at) => Math.sin(at * at)));
let beats = 0;
const heart = setInterval(() => (beats += 1), 10);
const built = await open(await builder.finish());
clearInterval(heart);
const stop = new AbortController();
const stopped = index.searchBatch(new Float32Array(384 * 50_000).fill(0.1), { signal: stop.signal }).catch((error) => error.code);
stop.abort();
if (!row.words || missing.code !== "file" || !(missing instanceof HitherError)) throw new Error("no answer");
if (built.length !== 5000 || beats < 3 || (await stopped) !== "aborted") throw new Error(`${beats} beats, ${await stopped}`);
console.log("  " + process.argv[2] + " ok");
