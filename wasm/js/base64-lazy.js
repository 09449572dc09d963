// The module that searches a file where it lies, within.
import base64 from "./hither_lazy.wasm.gz";
import { unpacked } from "./unpacked.js";

export const module = () => unpacked(base64);
