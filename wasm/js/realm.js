// What a value is, whichever realm it is of: classes of an iframe or of a `vm` are not those here.

/** The name of a value's class: "ArrayBuffer", "Date", "Blob", "Object", … */
export function classOf(value) {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Whether a value is an object of names and values, not one that keeps them elsewhere, as a Map does. */
export function isRecord(value) {
  return classOf(value) === "Object";
}

export function isDate(value) {
  return classOf(value) === "Date" && typeof value.getTime === "function";
}

/** Whether a value can be fetched: it is an address, or has one. */
export function isAddress(value) {
  return typeof value === "string" || ["URL", "Request"].includes(classOf(value));
}
