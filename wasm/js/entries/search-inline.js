// The search API, where the module is the whole one.
import "./inline.js";

export * from "../search-api.js";
