// Vercel's edge and Next.js for it: as workerd, but for what the import of a module is called.
import module from "./hither_bg.wasm?module";
import { configure } from "../runtime.js";

const lazy = async () => (await import("./hither_lazy.wasm?module")).default;
configure({ rank: 3, module: () => module, lazy, sync: true });

export * from "../api.js";
