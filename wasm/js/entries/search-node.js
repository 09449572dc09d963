// The search API, where the module is the whole one.
import "./node.js";

export * from "../search-api.js";
