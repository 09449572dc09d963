// All entries that Node may `require`, in one; `import` has ES modules of their own.
export * as index from "./node.js";
export * as search from "./search-node.js";
export * as storage from "../storage.js";
export * as worker from "./worker-node.js";
