// A Node process with one engine, controlled by messages.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Measurement } from "./measure.mjs";

const [engine, data, kept] = process.argv.slice(2);
const modules = new URL("./node_modules/", import.meta.url);
const path = (name) => join(kept, name);
const place = {
  asset: async (name) => readFileSync(new URL(name, modules)),
  numbers: async (name) => new Float32Array(readFileSync(join(data, name)).buffer),
  path,
  put: (name, bytes) => {
    writeFileSync(path(name), bytes);
    return bytes.length;
  },
  putText: (name, text) => place.put(name, Buffer.from(text)),
  getText: async (name) => readFileSync(path(name), "utf8"),
};

let measurement;
process.on("message", async ({ step, argument }) => {
  try {
    measurement ??= new Measurement(await import(`./engines/${engine}.mjs`), place);
    process.send({ value: await measurement[step](argument) });
  } catch (error) {
    process.send({ error: String(error?.message ?? error?.code ?? error) });
  }
});
