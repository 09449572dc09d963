// The module, as base64 within the code: the build puts it here.
import base64 from "./hither_bg.wasm.gz";
import { unpacked } from "./unpacked.js";

export const module = () => unpacked(base64);
