// Vercel's edge, and Next.js for it: like workerd, but a module is imported by another name.
import module from "./hither_bg.wasm?module";
import { configure } from "../runtime.js";

const lazy = async () => (await import("./hither_lazy.wasm?module")).default;
configure({ rank: 3, module: () => module, lazy, sync: true });

export * from "../api.js";
