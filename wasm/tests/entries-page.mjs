// In a page: hither/search and hither, in either order, one later than the other. #whole: hither first.
import { check, tell } from "./title.mjs";

const refused = (call) => {
  try {
    call();
  } catch (error) {
    return error.code === "unsupported" && error.name === "HitherError" && error.constructor.name !== "Error";
  }
  return false;
};

/** An index of hither/search answers, and refuses to change. */
async function searches(index, expected) {
  check(JSON.stringify(index.search(42, { k: 3 })) === JSON.stringify(expected), "hither/search answers otherwise");
  const { vector } = index.get(7);
  check(refused(() => index.insert(vector)) && refused(() => index.update(7, vector)) && refused(() => index.remove(7)), "hither/search changes");
  check(await index.save().then(() => false, (error) => error.code === "unsupported"), "hither/search saves");
}

/** hither builds, changes and saves. */
async function builds({ Builder, open }) {
  const builder = new Builder({ dimensions: 2, metric: "l2" });
  for (let at = 0; at < 50; at += 1) builder.add([at, 0]);
  const index = await open(await builder.finish());
  check(index.insert([50, 0]) === 50 && index.search([60, 0], { k: 1 })[0].key === 50, "hither does not change");
  const again = await open(await index.save());
  check(again.length === 51, "hither does not save");
  again.free();
  return index;
}

async function both() {
  const whole = () => import("hither");
  const searching = () => import("hither/search");
  let built;
  if (location.hash === "#whole") built = await builds(await whole());
  const { open, memory } = await searching();
  const first = await open("/words.hither");
  const expected = first.search(42, { k: 3 });
  await searches(first, expected);
  // Before anything else is loaded, a builder takes rows, and `open` waits for the module that changes indexes.
  const { Builder, open: openWhole } = await whole();
  built ??= await builds({ Builder, open: openWhole });
  const changed = await openWhole("/words.hither");
  check(changed.remove(42) && changed.length === 9999, "hither does not change a file");
  await searches(first, expected);
  const second = await open(["/words.hither", "/other.hither"]);
  check(second.length === 10200 && refused(() => second.remove(42)), "hither/search opened later");
  check(memory().indexes === 4 && memory().reserved > memory().files, `${memory().indexes} indexes are open`);
  for (const index of [first, second, built, changed]) index.free();
  check(memory().indexes === 0 && memory().files === 0, "what is freed is counted");
  return `either entry first${location.hash}: ok`;
}

tell(both());
