// Converts column values and options between JavaScript's types and those that WebAssembly takes.
import { HitherError, checkHearers } from "./error.js";
import { iso, parseJson, toJson } from "./json.js";
import { classOf, isDate, isRecord } from "./realm.js";

/** Values as WebAssembly gives them, in the form of their column's type. */
export function fromColumn(type, values) {
  return type === "json" ? values.map((value) => (value === null ? null : fromJson(value))) : values;
}

/** A document. Integers that JSON.parse would round become bigints, as in int64 columns. */
function fromJson(text) {
  return /\d{16}/.test(text) ? parseJson(text) : JSON.parse(text);
}

/** A value in the form that WebAssembly takes. */
function toColumn({ name, type, asText }, value) {
  if (value === null) return null;
  if (type === "timestamp" && isDate(value)) return iso(value);
  if (type === "json") return asText ? checkJson(name, value) : toJson(value);
  if (type === "bytes") return toBytes(value);
  return value;
}

/** Bytes in an array of this realm; WebAssembly refuses what is none. */
function toBytes(value) {
  if (classOf(value) === "ArrayBuffer") return new Uint8Array(value);
  return classOf(value) === "Uint8Array" ? new Uint8Array(value.buffer, value.byteOffset, value.length) : value;
}

/** Checks a document that is given as its text, which is kept as it is. */
function checkJson(name, text) {
  try {
    if (typeof text !== "string") throw new TypeError(`${shown(text)} is no text`);
    JSON.parse(text);
    return text;
  } catch (cause) {
    throw new HitherError("column_type", `column "${name}" takes the text of JSON: ${cause.message}`, { cause });
  }
}

/** A row's values in the order of `schema`, from an object by column; undefined where none is given. */
export function toRow(schema, columns) {
  columns ??= {};
  checkNames(schema, columns);
  return schema.map((column) => {
    const value = own(columns, column.name);
    return value === undefined ? undefined : toColumn(column, value);
  });
}

export function own(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

export function checkNames(schema, columns) {
  checkRecord("columns", columns);
  for (const name of Object.keys(columns)) {
    if (schema.some((column) => column.name === name)) continue;
    const known = schema.map((column) => column.name).join(", ");
    const message = `there is no column "${name}"; ${known ? `there are: ${known}` : "this index has none"}`;
    throw new HitherError("unknown_column", message);
  }
}

/**
 * Throws unless a value is an object of names and values: nothing would be read of a Map. `first` is one of the
 * names.
 */
export function checkRecord(name, value, first) {
  if (isRecord(value)) return;
  const like = first === undefined ? "an object of names and values" : `an object, as { ${first}: … }`;
  throw new HitherError("invalid_parameter", `${name}: give ${like}, not ${shown(value)}`);
}

/** Throws unless a value is an object of these options: a misspelt one would be ignored silently. */
export function checkOptions(options, known) {
  checkRecord("options", options, known[0]);
  for (const name in options) {
    if (known.includes(name)) continue;
    throw new HitherError("invalid_parameter", `${name}: no such option; there are: ${known.join(", ")}`);
  }
  if (known.includes("signal")) checkHearers(options);
}

/** Throws unless a value has only what a row has beside its vector: attributes are in `columns`. */
export function checkRow(row, known) {
  checkRecord("row", row, known[0]);
  for (const name in row) {
    if (known.includes(name)) continue;
    const message = `${name}: a row takes ${known.join(" and ")}; attributes lie in columns: { ${name}: … }`;
    throw new HitherError("invalid_parameter", message);
  }
}

/** Throws unless an option is of this type, or not given: WebAssembly takes nothing else. */
export function checkType(name, value, type) {
  if (value === undefined || (typeof value === type && !Number.isNaN(value))) return;
  throw new HitherError("invalid_parameter", `${name}: ${String(value)} is no ${type}`);
}

/** A value as it is shown in messages. */
export function shown(value) {
  if (typeof value === "string") return `"${value}"`;
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return "an array";
  return isRecord(value) ? "an object" : `an object (${classOf(value)})`;
}

/** A whole number of at least `least`, or undefined if none is given; throws for others. */
export function checkWhole(name, value, least) {
  if (value === undefined || (Number.isInteger(value) && value >= least && value < 2 ** 32)) return value;
  throw new HitherError("invalid_parameter", `${name}: ${shown(value)} is no whole number from ${least} on`);
}

/** Throws unless this is an array, or a typed array that can be copied as float32. */
export function checkArray(name, list) {
  // Arrays of bigints cannot, and a DataView has no length.
  const typed = ArrayBuffer.isView(list) && typeof (list[0] ?? list.length) === "number";
  if (typed || Array.isArray(list)) return;
  throw new HitherError("invalid_parameter", `${name}: give a typed array or an array of numbers, not ${shown(list)}`);
}

/** Throws unless this is an array of `dimensions` numbers, or of any number of them. */
export function checkNumbers(name, vector, dimensions) {
  checkArray(name, vector);
  const { length } = vector;
  if (Array.isArray(vector[0]) || ArrayBuffer.isView(vector[0])) {
    throw new HitherError("invalid_parameter", `${name}: its values are arrays: give all numbers in one flat array`);
  }
  if (dimensions !== undefined && length !== dimensions) {
    throw new HitherError("dimension_mismatch", `expected ${dimensions} dimensions, not ${length}`);
  }
  if (ArrayBuffer.isView(vector)) return;
  for (let at = 0; at < length; at += 1) {
    if (typeof vector[at] === "number") continue;
    throw new HitherError("invalid_parameter", `${name}: value ${at} is ${shown(vector[at])}, and no number`);
  }
}
