// Node, Deno and Bun: the module is read synchronously, and sources may be paths. Where a bundler has separated this
// file from the module, the module comes as base64, when it is first needed.
import { createReadStream, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { HitherError } from "../error.js";
import { classOf } from "../realm.js";
import { configure } from "../runtime.js";

async function path(source) {
  const text = classOf(source) === "URL" ? source.href : source;
  if (typeof text !== "string") return undefined;
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1].toLowerCase();
  if (scheme !== undefined && scheme !== "file") return undefined;
  const name = scheme === "file" ? fileURLToPath(text) : text;
  try {
    if ((await stat(name)).isDirectory()) throw new Error("this is a directory");
  } catch (cause) {
    throw new HitherError("file", `${name}: ${cause.message}`, { cause });
  }
  return Readable.toWeb(createReadStream(name, { highWaterMark: 1 << 20 }));
}

function moduleBeside(url) {
  try {
    // By its path: a URL may be of a class that Node does not know, such as jsdom's.
    return new WebAssembly.Module(readFileSync(fileURLToPath(url().href)));
  } catch {
    // The URL that a bundler gives may not be a file's.
    return undefined;
  }
}

const compiled = moduleBeside(() => new URL("./hither_bg.wasm", import.meta.url));
const inline = async () => (await import("./hither_base64.js")).module();
const lazy = async () =>
  moduleBeside(() => new URL("./hither_lazy.wasm", import.meta.url)) ?? (await import("./hither_lazy_base64.js")).module();
configure({ rank: 3, module: compiled ? () => compiled : inline, lazy, sync: compiled !== undefined, path });

export * from "../api.js";
