// A user's program under TypeScript's strictest options: compiled for Node and for bundlers, then run.
import { Builder, HitherError, memory, open } from "hither";
import type { ErrorCode, Index, Key, LazyIndex, Row, SearchResult, Traffic } from "hither";
import { open as openToSearch } from "hither/search";
import type { Index as SearchIndex } from "hither/search";
import { type StoredFile, open as openStored } from "hither/storage";
import { type WorkerIndex, open as openInWorker } from "hither/worker";

async function build(second: string | null = null): Promise<Uint8Array<ArrayBuffer>> {
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
    columns: { year: [1999, 2021], title: [second, "three"] },
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

/** A file that stays on its server; here only its types are used. */
export async function lazily(signal: AbortSignal): Promise<number> {
  using index: LazyIndex<Film> = await open<Film>("https://example.org/films.hither", { lazy: true, cacheBytes: 1e7, concurrency: 4, timeout: 1000, complete: true, signal });
  const [hit] = await index.search([1, 2, 3], { k: 1, filter: { year: 2020 }, signal });
  const row = await index.get("x", { include: ["title"], signal });
  const { bytes, requests, roundTrips }: Traffic = index.traffic;
  const inWorker = await openInWorker<Film>(new URL("https://example.org/films.hither"), { lazy: true });
  const told: number | undefined = inWorker.traffic?.bytes;
  // @ts-expect-error: it does not change.
  void index.insert;
  // @ts-expect-error: several files are brought.
  void open(["a.hither"], { lazy: true });
  return (hit?.title.length ?? 0) + (row?.title.length ?? 0) + bytes + requests + roundTrips + (told ?? 0);
}

/** An index that only searches does not change. */
async function search(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  using index: SearchIndex = await openToSearch(bytes);
  const [nearest] = index.search([1, 2, 3], { k: 1 });
  if (nearest?.key !== "x") throw new Error("hither/search");
  // @ts-expect-error
  void index.insert;
}

/** Hits and rows have the columns that the caller names, in every entry; another name or type is an error. */
interface Film {
  title: string;
  year: number | null;
}

async function typed(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  using index = await open<Film>(bytes);
  using searching = await openToSearch<Film>(bytes);
  const found = index.search([1, 2, 3], { k: 3 });
  const titles: string[] = found.map(({ title }) => title.toUpperCase());
  if (titles.join() !== "ONE,TWO,THREE") throw new Error(titles.join());
  for (const hit of [...found, ...found.rows(), found[0], found.at(-1), searching.search("x")[0]]) {
    const said: [string, number | null, Key, number] | undefined = hit && [hit.title, hit.year, hit.key, hit.distance];
    if (said?.[0] === undefined) throw new Error("a hit has a title");
    // @ts-expect-error: there is no such column.
    void hit?.titel;
    // @ts-expect-error: it may be null.
    const year: number | undefined = hit?.year;
    void year;
  }
  for (const row of [index.get("x"), ...index.getMany(["y"]), searching.get("z")]) {
    const [title, vector]: (string | Float32Array | undefined)[] = [row?.title, row?.vector];
    if (title === undefined || vector?.length !== 3) throw new Error("a row has a title and a vector");
    // @ts-expect-error: a row that is got has no distance.
    void row?.distance;
  }
  const years: readonly (number | null)[] = found.columns.year;
  if (years.length !== 3) throw new Error("columns");
  // @ts-expect-error: there is no such column.
  void found.columns.titel;
  // @ts-expect-error: columns are an object's.
  const wrong: Promise<Index<string>> | undefined = undefined;
  void wrong;
}

/** The same for asynchronous methods; here only their types are used. */
export async function typedInPage(): Promise<string> {
  const inWorker: WorkerIndex<Film> = await openInWorker<Film>("/films.hither");
  const [hit] = await inWorker.search([1, 2, 3]);
  const row = await inWorker.get("x");
  const stored: Index<Film> = await openStored<Film>("films");
  // @ts-expect-error: there is no such column.
  void [hit?.titel, row?.titel, stored.search("x")[0]?.titel];
  const untold = await open("/films.hither");
  const anything: number = untold.search("x")[0]?.titel;
  return `${hit?.title.length} ${row?.title.length} ${stored.search("x")[0]?.title.length} ${anything}`;
}

await use(await build());
await search(await build());
await typed(await build("two"));
if (memory().indexes !== 0) throw new Error("an index was left open");
console.log("  TypeScript: ok");
