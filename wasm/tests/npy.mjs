// Reads NumPy's files.
import { readFileSync } from "node:fs";

/** The numbers of a .npy file of f2, f4 or i8. */
export function npy(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.subarray(10, start).toString("latin1");
  const type = /'descr': '<(..)'/.exec(header)[1];
  const data = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length);
  if (type === "f4") return new Float32Array(data);
  if (type === "i8") return new BigInt64Array(data);
  return Float32Array.from(new Uint16Array(data), half);
}

function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
  return bits & 0x8000 ? -size : size;
}
