// All entries that Node may require, in one: ES modules for `import` are apart.
export * as index from "./node.js";
export * as search from "./search-node.js";
export * as storage from "../storage.js";
export * as worker from "./worker-node.js";
