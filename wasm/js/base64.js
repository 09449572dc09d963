// The module within, as its build hands it here.
import base64 from "./hither_bg.wasm.gz";
import { unpacked } from "./unpacked.js";

export const module = () => unpacked(base64);
