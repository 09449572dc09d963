// What a value is, of whichever realm: an iframe's or a `vm`'s classes are others than those here.

/** The name of its class: "ArrayBuffer", "Date", "Blob", "Object", … */
export function classOf(value) {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Whether it is an object of names and values, and not one that keeps what it has elsewhere, as a Map. */
export function isRecord(value) {
  return classOf(value) === "Object";
}

export function isDate(value) {
  return classOf(value) === "Date" && typeof value.getTime === "function";
}

/** Whether it can be fetched: an address, or what has one. */
export function isAddress(value) {
  return typeof value === "string" || ["URL", "Request"].includes(classOf(value));
}
