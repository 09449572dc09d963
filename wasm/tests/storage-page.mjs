// In a page, several of which are open at once: each stores, opens and deletes files with the same names, and sees a
// whole file or none.
import * as storage from "hither/storage";
import { check, tell } from "./title.mjs";

const ROUNDS = 25;
const codeOf = (promise) => promise.then((value) => value, (error) => error.code ?? String(error));

async function race() {
  // Not through the cache, to which several tabs would write at once.
  const [whole, other] = await Promise.all(
    ["/race.hither", "/other.hither"].map(async (url) => (await fetch(url, { cache: "no-store" })).blob()),
  );
  const lengths = new Set();
  const said = new Set();
  for (let round = 0; round < ROUNDS; round += 1) {
    const name = `race ${round % 3}`;
    const stop = new AbortController();
    const stopped = storage.put(name, whole, { signal: stop.signal, onProgress: () => stop.abort() });
    const opened = [0, 1, 2].map(() => storage.open(name, { verify: "full" }));
    const others = [storage.put(name, whole), storage.put(name, other), storage.list(), storage.get(name), storage.remove(name), stopped];
    for (const index of await Promise.all(opened.map(codeOf))) {
      if (typeof index === "string") said.add(index);
      else {
        lengths.add(index.length);
        check(index.search(3, { k: 3 }).length === 3, "what was opened answers");
        index.free();
      }
    }
    for (const value of await Promise.all(others.map(codeOf))) if (typeof value === "string") said.add(value);
  }
  check([...said].every((code) => ["not_stored", "aborted"].includes(code)), `${[...said]}`);
  check([...lengths].every((length) => [10000, 200].includes(length)) && lengths.size > 0, `lengths ${[...lengths]}`);
  for (const name of ["race 0", "race 1", "race 2"]) await storage.remove(name);
  return "storage, of several tabs: ok";
}

tell(race());
