// What the npm package fetches of a file on a local server that it searches by ranges: `node ranges.mjs
// FILE.hither QUERIES.npy PROBES…`, with the two modules of the package's tests that count requests.
import { readFileSync } from "node:fs";
import { measureRanges } from "./measure-ranges.mjs";
import { npy } from "./npy.mjs";
import { serveRanges } from "./range-server.mjs";

const [file, queries, ...probes] = process.argv.slice(2);
const { url, close } = await serveRanges(readFileSync(file));
console.log("probes   a first answer: KB, requests, trips   the second");
for (const setting of probes.map(Number)) {
  const { first, second } = await measureRanges(url, npy(queries), { probes: setting, sessions: 100 });
  const told = ({ bytes, requests, trips }) =>
    [[bytes, 1000], [requests, 1], [trips, 1]].map(([{ median, p95 }, unit]) => `${Math.floor(median / unit)}/${Math.floor(p95 / unit)}`.padStart(9)).join(" ");
  console.log(`${String(setting).padStart(6)}   ${told(first)}         ${told(second)}`);
}
close();
