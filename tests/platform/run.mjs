// Runs the WebAssembly module under Node and prints its report: node run.mjs hither_platform.wasm
import { readFileSync } from "node:fs";

const path = process.argv[2];
if (path === undefined) {
  console.error("usage: node run.mjs hither_platform.wasm");
  process.exit(2);
}
const module = new WebAssembly.Module(readFileSync(path));
const imports = WebAssembly.Module.imports(module);
if (imports.length > 0) {
  // The library asks nothing of its surroundings: no clock, no random numbers, no memory of theirs.
  console.error(`${path} imports ${imports.map(({ name }) => name).join(", ")}`);
  process.exit(1);
}
const { exports } = new WebAssembly.Instance(module, {});

// The address in the high 32 bits, the length in the low ones.
const place = BigInt.asUintN(64, exports.run());
const [address, length] = [Number(place >> 32n), Number(place & 0xffffffffn)];
const text = new TextDecoder().decode(new Uint8Array(exports.memory.buffer, address, length));
process.stdout.write(text);
process.exit(text.startsWith("error") ? 1 : 0);
