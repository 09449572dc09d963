// In a page: a file of another origin is searched on its server, by `hither` and in a worker; one from a server that
// ignores ranges is downloaded whole.
import { open } from "hither";
import { open as openInWorker } from "hither/worker";
import { check, tell } from "./title.mjs";

async function said() {
  const here = await open("/words.hither");
  const query = here.get(7).vector;
  const asked = { k: 5, exact: true, filter: { pos: "noun" } };
  const rows = JSON.stringify(here.search(query, asked));
  const brought = [];
  for (const openAnyhow of [open, openInWorker]) {
    const index = await openAnyhow(location.hash.slice(1), { lazy: true });
    check((await index.search(query, { k: 5 })).rows()[0].key === 7, "the nearest");
    const { requests, bytes, roundTrips } = index.traffic;
    check(!index.complete && bytes < 600_000 && roundTrips < 10, `${bytes} bytes, ${roundTrips} round trips`);
    check(JSON.stringify(await index.search(query, asked)) === rows, "another answer");
    check(JSON.stringify(await index.get(7)) === JSON.stringify(here.get(7)), "another row");
    brought.push(`${bytes} bytes by ${requests} requests`);
    index.free();
  }
  check(brought[0] === brought[1], brought.join());
  const whole = await open("/words.hither", { lazy: true });
  check(whole.complete && JSON.stringify(await whole.search(query, asked)) === rows, "a server that ignores ranges");
  return `lazy, ${brought[0]}: ok`;
}

tell(said());
