// The module within, as its build hands it here: compressed, and as base64.
import base64 from "./hither_bg.wasm.gz";

export function module() {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
