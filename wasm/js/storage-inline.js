import "./inline.js";

export * from "./storage.js";
