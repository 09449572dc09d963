// Measures what a search downloads of a file on a server, as `hither bench --ranges` counts it: bytes, requests and
// round trips of the first answer of a session, opening included, and of the second: the median and the 95th of a
// hundred.
import { open } from "hither";

const COUNTS = ["bytes", "requests", "trips"];

export async function measureRanges(url, queries, { probes, k = 10, sessions }) {
  const taken = { first: [], second: [] };
  let dimensions = 1;
  for (let number = 0; number < sessions; number += 1) {
    const index = await open(url, { lazy: true });
    ({ dimensions } = index);
    let before = { requests: 0, bytes: 0, roundTrips: 0 };
    for (const which of ["first", "second"]) {
      const at = (number + Number(which === "second")) % (queries.length / dimensions);
      await index.search(queries.subarray(at * dimensions, (at + 1) * dimensions), { k, probes, include: false });
      const { requests, bytes, roundTrips } = index.traffic;
      taken[which].push({ bytes: bytes - before.bytes, requests: requests - before.requests, trips: roundTrips - before.roundTrips });
      before = index.traffic;
    }
    index.free();
  }
  return { first: spread(taken.first), second: spread(taken.second) };
}

function spread(all) {
  const at = (name, part) => all.map((one) => one[name]).sort((a, b) => a - b)[Math.min(Math.floor((all.length * part) / 100), all.length - 1)];
  return Object.fromEntries(COUNTS.map((name) => [name, { median: at(name, 50), p95: at(name, 95) }]));
}
