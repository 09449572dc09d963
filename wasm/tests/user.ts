// A user's program under TypeScript's strictest options: compiled for Node and for bundlers, then run.
import { Builder, HitherError, memory, open } from "hither";
import type { ErrorCode, Index, Key, Row, SearchResult } from "hither";
import { open as openToSearch } from "hither/search";
import type { Index as SearchIndex } from "hither/search";
import type { StoredFile } from "hither/storage";
import type { WorkerIndex } from "hither/worker";

async function build(): Promise<Uint8Array<ArrayBuffer>> {
  const builder = new Builder({
    dimensions: 3,
    kind: ["hnsw", "flat"],
    keys: "text",
    columns: { year: "int64", title: "text" },
    properties: { model: "m" },
  });
  builder.add([1, 2, 3], { key: "x", columns: { year: 2020n, title: "one" } });
  builder.addMany(new Float32Array([1, 1, 1, 3, 2, 1]), {
    keys: ["y", "z"],
    columns: { year: [1999, 2021], title: [null, "three"] },
  });
  return builder.finish({ onProgress: ({ stage, done, total }) => void `${stage} ${done / total}` });
}

async function use(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  using index = await open(bytes, {
    model: "m",
    verify: "full",
    signal: AbortSignal.timeout(60_000),
    onProgress: ({ loaded, total }) => void (loaded / total),
  });
  const found: SearchResult = index.search(Float32Array.of(1, 2, 3), {
    k: 2,
    filter: { year: { $gte: 2000 } },
    include: ["title"],
  });
  const keys: Key[] = [];
  for (const { key, distance, title } of found) {
    if (distance > 1 || typeof title !== "string") throw new Error(`${distance} ${title}`);
    keys.push(key);
  }
  if (keys.join() !== "x,z") throw new Error(keys.join());
  const [row, none]: (Row | undefined)[] = index.getMany(["y", "none"], { include: false });
  if (row?.vector.length !== 3 || none !== undefined) throw new Error("getMany");
  index.remove(index.insert([1, 0, 0], { key: "new" }));
  const sources = [new Blob([bytes]), new Response(bytes), bytes.buffer, new Blob([bytes]).stream()];
  for (const source of sources) await open(source).then((opened: Index) => opened.free());
  try {
    index.search([1]);
  } catch (error) {
    const code: ErrorCode | undefined = error instanceof HitherError ? error.code : undefined;
    if (code !== "dimension_mismatch") throw error;
  }
}

/** In a page; here only its types are used. */
export async function inPage(index: WorkerIndex, file: StoredFile): Promise<number> {
  await using closed = index;
  const rows = await closed.getMany([1, 2n, "x"]);
  const saved = await closed.save({ form: "delta" });
  return rows.length + new File([saved], file.name).size + closed.info.rows;
}

/** What only searches does not change. */
async function search(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  using index: SearchIndex = await openToSearch(bytes);
  const [nearest] = index.search([1, 2, 3], { k: 1 });
  if (nearest?.key !== "x") throw new Error("hither/search");
  // @ts-expect-error
  void index.insert;
}

await use(await build());
await search(await build());
if (memory().indexes !== 0) throw new Error("an index was left open");
console.log("  TypeScript: ok");
