// Reads Blobs of every kind: jsdom's have no stream, and its older ones no method to read them.
import { HitherError } from "./error.js";

/** The bytes of a Blob. */
export async function bufferOf(blob) {
  if (typeof blob.arrayBuffer === "function") return blob.arrayBuffer();
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new HitherError("network", `the source: broke off: ${reader.error?.message}`, { cause: reader.error }));
    reader.readAsArrayBuffer(blob);
  });
}
