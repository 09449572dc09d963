// The search API, where the module is the whole one.
import "./workerd.js";

export * from "../search-api.js";
