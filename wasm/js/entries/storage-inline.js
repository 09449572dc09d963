// Storage for bundlers that do not copy the module.
import "./inline.js";

export * from "../storage.js";
