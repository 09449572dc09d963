// Writes JSON of values that JSON.stringify cannot write, and parses JSON that JSON.parse would round.
import { HitherError } from "./error.js";
import { classOf, isDate, isRecord } from "./realm.js";

/** Bytes as text; it is the same in filters, in JSON and in the output of the command. */
export function hex(bytes) {
  return `\\x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** A value that JSON.stringify writes without an error or a loss. */
export function jsonable(value) {
  if (typeof value === "bigint") return plainInteger(value) ?? String(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(jsonable);
  if (classOf(value) === "Uint8Array") return hex(value);
  if (ArrayBuffer.isView(value)) return Array.from(value, jsonable);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, jsonable(inner)]));
}

/** The number that equals a bigint exactly, if there is one. */
export function plainInteger(integer) {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A document of a json column as text: bigints become integers, dates ISO text, bytes `\x…`. */
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
  if (value === undefined) return "null";
  if (typeof value === "function" || typeof value === "symbol") throw noDocument(typeof value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isDate(value)) return JSON.stringify(iso(value));
  if (classOf(value) === "Uint8Array") return JSON.stringify(hex(value));
  if (Array.isArray(value)) return `[${Array.from(value, write).join(",")}]`;
  if (typeof value.toJSON === "function") return write(value.toJSON());
  if (!isRecord(value)) throw noDocument(classOf(value));
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${write(inner)}`).join(",")}}`;
}

function noDocument(name) {
  return new HitherError("column_type", `a ${name} has no JSON: give plain objects, arrays, texts and numbers`);
}

export function iso(date) {
  if (Number.isNaN(date.getTime())) throw new HitherError("column_type", "this Date is no date");
  return date.toISOString();
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS = { true: true, false: false, null: null };

/**
 * Parses JSON. Integers that JSON.parse would round become bigints. `isStrict`, for filters: a name that is used
 * twice in one object is an error, and so is a number beyond float64; only integers of 64 bits become bigints.
 */
export function parseJson(text, isStrict = false) {
  let at = 0;
  const match = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? "";
    at += found.length;
    return found;
  };
  const isNext = (char) => {
    match(SPACE);
    const is = text[at] === char;
    at += Number(is);
    return is;
  };
  const fail = (message = at < text.length ? `"${text[at]}" is not expected at position ${at}` : "it ends too early") => {
    throw new SyntaxError(message);
  };
  const string = () => {
    const start = at - 1;
    for (;;) {
      const end = text.indexOf('"', at);
      if (end < 0) fail("a text has no end");
      let before = end;
      while (text[before - 1] === "\\") before -= 1;
      at = end + 1;
      if ((end - before) % 2 === 0) return JSON.parse(text.slice(start, at));
    }
  };
  const number = () => {
    const found = match(NUMBER) || fail();
    const value = Number(found);
    if (isStrict && !Number.isFinite(value)) fail(`${found} is out of range`);
    if (Number.isSafeInteger(value) || !/^-?\d+$/.test(found)) return value;
    const integer = BigInt(found);
    return isStrict && BigInt.asIntN(64, integer) !== integer ? value : integer;
  };
  /** Parses the items up to the end of a bracket, separated by commas. */
  const list = (end, item) => {
    if (isNext(end)) return;
    do item();
    while (isNext(","));
    if (!isNext(end)) fail();
  };
  const value = () => {
    if (isNext("{")) {
      const entries = new Map();
      list("}", () => {
        const name = isNext('"') ? string() : fail();
        if (isStrict && entries.has(name)) fail(`"${name}" is there twice`);
        entries.set(name, isNext(":") ? value() : fail());
      });
      return Object.fromEntries(entries);
    }
    if (isNext("[")) {
      const items = [];
      list("]", () => items.push(value()));
      return items;
    }
    if (isNext('"')) return string();
    for (const word in WORDS) {
      if (!text.startsWith(word, at)) continue;
      at += word.length;
      return WORDS[word];
    }
    return number();
  };
  const parsed = value();
  match(SPACE);
  return at < text.length ? fail() : parsed;
}
