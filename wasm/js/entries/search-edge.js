// The search API, where the module is the whole one.
import "./edge.js";

export * from "../search-api.js";
