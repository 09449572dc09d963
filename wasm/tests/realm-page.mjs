// In a page: objects that an iframe makes are of other classes, and are accepted like those of the page.
import { Builder, load, open } from "hither";
import { open as openToSearch } from "hither/search";
import * as storage from "hither/storage";
import { Builder as BuilderInWorker, open as openInWorker } from "hither/worker";
import { check, tell } from "./title.mjs";

const frame = document.createElement("iframe");
document.body.append(frame);
const other = frame.contentWindow;
const codeOf = async (call) => {
  try {
    await call();
  } catch (error) {
    return error.code ?? String(error);
  }
  return "no error";
};

/** Every kind of source, made in the iframe. */
async function sources() {
  const bytes = new Uint8Array(await (await fetch("/words.hither")).arrayBuffer());
  const theirs = new other.Uint8Array(bytes);
  return {
    Uint8Array: () => theirs,
    DataView: () => new other.DataView(theirs.buffer),
    ArrayBuffer: () => theirs.buffer,
    Blob: () => new other.Blob([theirs]),
    File: () => new other.File([theirs], "words"),
    stream: () => new other.Blob([theirs]).stream(),
    URL: () => new other.URL("/words.hither", location.href),
    String: () => new other.String("/words.hither"),
    Request: () => new other.Request(new URL("/words.hither", location.href)),
    Response: () => new other.Response(theirs),
    "fetched Response": () => other.fetch(new URL("/words.hither", location.href)),
    Array: () => other.Array.of(theirs),
  };
}

async function realm() {
  check(!(new other.Map() instanceof Map), "the iframe has classes of its own");
  await load(await other.WebAssembly.compileStreaming(other.fetch(new URL("/whole.wasm", location.href))));
  const here = await open("/words.hither");
  const query = here.get(7).vector;
  const expected = JSON.stringify(here.search(query, { k: 5, filter: { pos: { $in: ["noun", "verb"] } } }));
  for (const [kind, make] of Object.entries(await sources())) {
    for (const [where, call] of Object.entries({ open, openToSearch, openInWorker })) {
      const index = await call(await make(), other.Object.assign(new other.Object(), { verify: "full" })).catch((error) => {
        throw new Error(`${where} of a ${kind}: ${error.code} ${error.message}`);
      });
      const options = other.JSON.parse('{ "k": 5, "filter": { "pos": { "$in": ["noun", "verb"] } } }');
      for (const vector of [new other.Float32Array(query), other.Array.from(query)]) {
        check(JSON.stringify(await index.search(vector, options)) === expected, `${where} of a ${kind} answers otherwise`);
      }
      index.free();
    }
    if (kind === "Array") continue;
    const facts = await storage.put("theirs", await make());
    check((await storage.list())[0].bytes === facts.bytes && (await storage.remove("theirs")), `storage of a ${kind}`);
  }
  for (const nothing of [new other.Map([["pos", "noun"]]), new other.Set(["noun"]), new other.URLSearchParams("pos=noun"), other.fetch]) {
    for (const filter of [nothing, { pos: nothing }, { pos: { $in: [nothing] } }]) {
      check((await codeOf(() => here.search(7, { filter }))) === "invalid_filter", `a filter with a ${nothing}`);
    }
    check((await codeOf(() => here.search(7, nothing))) === "invalid_parameter", `options that are a ${nothing}`);
  }
  here.free();
  for (const Made of [Builder, BuilderInWorker]) {
    const builder = new Made(other.JSON.parse('{ "dimensions": 2, "columns": { "when": "timestamp", "bytes": "bytes", "what": "json" } }'));
    const [when, bytes, what] = [new other.Date(0), new other.Uint8Array([1]), other.JSON.parse('{ "a": [1] }')];
    await builder.add(new other.Float32Array([1, 0]), { columns: { when, bytes, what } });
    await builder.addMany(new other.Float64Array([0, 1]), { columns: { when: other.Array.of(when), bytes: other.Array.of(bytes.buffer), what: [what] } });
    const index = await open(await builder.finish());
    const row = '"when":"1970-01-01T00:00:00Z","bytes":"\\\\x01","what":{"a":[1]}}';
    check(JSON.stringify(index.getMany(new other.BigInt64Array([0n, 1n]))).split(row).length === 3, "what was built");
    check(index.search([1, 0], { filter: { when: new other.Date(0), bytes } }).length === 2, "a filter's Date and Uint8Array");
    const stop = new other.AbortController();
    stop.abort();
    check((await codeOf(() => open("/words.hither", { signal: stop.signal }))) === "aborted", "their AbortSignal");
    index.free();
  }
}

tell(realm().then(() => "another realm: ok"));
