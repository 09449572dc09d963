// The same few lines in every runtime: builds, opens, searches; throws if an answer is wrong.
import { Builder, HitherError, open } from "hither";

export async function smoke() {
  const builder = new Builder({ dimensions: 2, metric: "l2", columns: { name: "text" } });
  for (let at = 0; at < 100; at += 1) builder.add([at, 0], { columns: { name: `row ${at}` } });
  const index = await open(new Blob([await builder.finish()]), { verify: "full" });
  const rows = index.search([41.8, 0], { k: 2, filter: { name: { $ne: "row 42" } } }).rows();
  if (JSON.stringify(rows.map((row) => row.name)) !== '["row 41","row 43"]') {
    throw new Error(`wrong answer: ${JSON.stringify(rows)}`);
  }
  try {
    index.search([1]);
    throw new Error("no error");
  } catch (error) {
    if (!(error instanceof HitherError) || error.code !== "dimension_mismatch") throw error;
  }
  if (typeof Float16Array !== "undefined") {
    const [found] = index.search(Float16Array.of(7.25, 0), { k: 1 }).keys;
    if (found !== 7) throw new Error(`a Float16Array finds ${found}`);
  }
  if (Symbol.dispose) index[Symbol.dispose]();
  index.free();
  try {
    index.search([1, 2]);
    throw new Error("no error");
  } catch (error) {
    if (error.code !== "freed") throw error;
  }
  return "smoke: ok";
}
