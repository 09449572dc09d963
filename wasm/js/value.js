// Column values and filters, between JavaScript's types and what WebAssembly takes.
import { HitherError, checkHearers } from "./error.js";

/** A value as WebAssembly gives it, in the form of its column's type. */
export function fromColumn(type, values) {
  return type === "json" ? values.map((value) => (value === null ? null : JSON.parse(value))) : values;
}

/** A value as WebAssembly takes it. */
function toColumn(type, value) {
  if (value === null || value === undefined) return null;
  if (type === "timestamp" && value instanceof Date) return iso(value);
  if (type === "json") return toJson(value);
  if (type === "bytes" && value instanceof ArrayBuffer) return new Uint8Array(value);
  return value;
}

function iso(date) {
  if (Number.isNaN(date.getTime())) throw new HitherError("column_type", "this Date is no date");
  return date.toISOString();
}

/** A row's values in the order of `schema`, from an object by column. */
export function toRow(schema, columns) {
  columns ??= {};
  checkNames(schema, columns);
  return schema.map(({ name, type }) => toColumn(type, own(columns, name)));
}

export function own(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

export function checkNames(schema, columns) {
  for (const name of Object.keys(columns)) {
    if (schema.some((column) => column.name === name)) continue;
    const known = schema.map((column) => column.name).join(", ");
    const message = `there is no column "${name}"; ${known ? `there are: ${known}` : "this index has none"}`;
    throw new HitherError("unknown_column", message);
  }
}

/** JSON of what JSON.stringify cannot write: bigints, dates as ISO text, bytes as `\x…`. */
export function toJson(value) {
  try {
    return write(value);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new HitherError("invalid_parameter", "an object contains itself, or too many within one another", { cause });
  }
}

function write(value) {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) return JSON.stringify(String(value));
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  if (value instanceof Date) return JSON.stringify(iso(value));
  if (value instanceof Uint8Array) {
    const digits = Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return JSON.stringify(`\\x${digits}`);
  }
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (typeof value.toJSON === "function") return write(value.toJSON());
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${write(inner)}`).join(",")}}`;
}

const LITERAL = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** Parses JSON. Integers that JSON.parse would round become bigints, as far as 64 bits hold them. */
export function parseJson(text) {
  const kept = text.replace(LITERAL, (found) => (/^-?[1-9]\d{15,}$/.test(found) ? `{"\\u0000":"${found}"}` : found));
  return JSON.parse(kept, (_, value) => {
    const digits = value?.["\0"];
    if (digits !== undefined) {
      const integer = BigInt(digits);
      return BigInt.asIntN(64, integer) === integer ? integer : Number(integer);
    }
    if (typeof value === "number" && !Number.isFinite(value)) throw new Error("number out of range");
    return value;
  });
}

/** Throws unless it is an object of these options: a misspelt one would be silently left out. */
export function checkOptions(options, known) {
  if (options === null || typeof options !== "object") {
    throw new HitherError("invalid_parameter", `options: give an object, not ${shown(options)}`);
  }
  for (const name in options) {
    if (known.includes(name)) continue;
    throw new HitherError("invalid_parameter", `${name}: no such option; there are: ${known.join(", ")}`);
  }
  if (known.includes("signal")) checkHearers(options);
}

/** Throws unless an option is of a type, or not given: WebAssembly takes nothing else. */
export function checkType(name, value, type) {
  if (value === undefined || (typeof value === type && !Number.isNaN(value))) return;
  throw new HitherError("invalid_parameter", `${name}: ${String(value)} is no ${type}`);
}

/** A value as messages show it. */
export function shown(value) {
  if (typeof value === "string") return `"${value}"`;
  return value !== null && typeof value === "object" ? "an object" : String(value);
}

/** A number that is whole and at least so much, or undefined where none is given; throws for others. */
export function checkWhole(name, value, least) {
  if (value === undefined || (Number.isInteger(value) && value >= least && value < 2 ** 32)) return value;
  throw new HitherError("invalid_parameter", `${name}: ${shown(value)} is no whole number from ${least} on`);
}

/** Throws unless this is an array, or a typed array of what can be copied as float32. */
export function checkArray(name, list) {
  // Not of bigints, and no DataView, which has no length.
  const typed = ArrayBuffer.isView(list) && typeof (list[0] ?? list.length) === "number";
  if (typed || Array.isArray(list)) return;
  throw new HitherError("invalid_parameter", `${name}: give a typed array or an array of numbers`);
}

/** Throws unless these are so many numbers, or any count of them. */
export function checkNumbers(name, vector, dimensions) {
  checkArray(name, vector);
  const { length } = vector;
  if (dimensions !== undefined && length !== dimensions) {
    throw new HitherError("dimension_mismatch", `expected ${dimensions} dimensions, not ${length}`);
  }
  if (ArrayBuffer.isView(vector)) return;
  for (let at = 0; at < length; at += 1) {
    if (typeof vector[at] === "number") continue;
    throw new HitherError("invalid_parameter", `${name}: value ${at} is ${shown(vector[at])}, and no number`);
  }
}
