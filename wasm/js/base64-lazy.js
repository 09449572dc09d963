// The module that searches a file on its server, as base64 within the code.
import base64 from "./hither_lazy.wasm.gz";
import { unpacked } from "./unpacked.js";

export const module = () => unpacked(base64);
