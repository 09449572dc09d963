// In a page: hither/search, whose smaller module answers like the whole one, which runs in a worker.
import { HitherError, open } from "hither/search";
import { open as openWhole } from "hither/worker";
import { check, tell } from "./title.mjs";

const SEARCHES = [
  {},
  { k: 50, efSearch: 200 },
  { exact: true, metric: "l2" },
  { recall: 0.99 },
  { radius: 0.7 },
  { filter: { pos: { $in: ["verb", "adj"] } } },
  { filter: { $not: { pos: "noun" } }, k: 3, include: ["words"] },
];

function refused(call) {
  try {
    call();
  } catch (error) {
    return error instanceof HitherError && error.code === "unsupported";
  }
  return false;
}

async function search() {
  for (const source of ["/words.hither", ["/words.hither", "/other.hither"]]) {
    const index = await open(source, { verify: "full" });
    const whole = await openWhole(source);
    check(JSON.stringify(index.info) === JSON.stringify(whole.info), "info differs");
    for (const options of SEARCHES) {
      for (const key of [0, 42, 9999]) {
        const [here, there] = [index.search(key, options).rows(), (await whole.search(key, options)).rows()];
        check(here.length > 0 && JSON.stringify(here) === JSON.stringify(there), `${key}, ${JSON.stringify(options)}: answers differ`);
      }
    }
    const { vector } = index.get(7);
    check(refused(() => index.insert(vector)), "insert");
    check(refused(() => index.remove(7)) && index.has(7), "remove");
    check(await index.save().then(() => false, (error) => error.code === "unsupported"), "save");
    check(index.search(vector, { k: 1 }).keys[0] === 7, "what is refused breaks something");
    index.free();
    whole.free();
  }
  // The requests of a worker are not among those of the page.
  const modules = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".wasm"));
  check(modules.length === 1 && modules[0].encodedBodySize < 300_000, `modules: ${modules.map(({ name }) => name)}`);
}

tell(search().then(() => "search alone: ok"));
