// Filters, from what callers give to the tokens that WebAssembly takes. What says nothing is refused:
// left out, it would match every row.
import { HitherError } from "./error.js";
import { hex, parseJson, toJson } from "./json.js";
import { classOf, isDate } from "./realm.js";
import { Tokens } from "./token.js";

const tokens = new Tokens();
/** As deep as a filter may be, whose operators and lists each take a level. */
const DEEPEST = 256;

function invalid(reason, cause) {
  return new HitherError("invalid_filter", `invalid filter: ${reason}`, { cause });
}

/** A filter as bytes, until the next one. */
export function encodeFilter(filter) {
  tokens.clear();
  if (typeof filter === "string") {
    add(parsed(filter), "it", 0);
  } else if (isPlain(filter) || typeof filter?.toJSON === "function") {
    add(filter, "it", 0);
  } else {
    throw invalid("give an object of conditions by column, or its JSON");
  }
  return tokens.bytes;
}

/** A filter as text that means the same, to cross to a worker: an object of a class would be another there. */
export function filterText(filter) {
  if (typeof filter === "string" || filter === undefined || filter === null) return filter;
  encodeFilter(filter);
  return toJson(filter);
}

function parsed(text) {
  try {
    return parseJson(text, true);
  } catch (cause) {
    throw invalid(`in its JSON ${cause.message}`, cause);
  }
}

/** Whether it has all that it says in properties of its own, as `{}` has, of whichever realm. */
function isPlain(value) {
  if (classOf(value) !== "Object") return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** `name` calls the value, as the name under which it lies. */
function add(value, name, depth) {
  if (depth > DEEPEST) throw invalid("it is nested more than 64 deep, or contains itself");
  switch (typeof value) {
    case "string":
    case "boolean":
      return tokens.add(value);
    case "number":
      return tokens.add(Number.isFinite(value) ? value : String(value));
    case "bigint":
      return tokens.add(BigInt.asIntN(64, value) === value ? value : Number(value));
    case "undefined":
      throw invalid(`${name} is undefined: leave that condition out, or give null for rows without a value`);
    case "object":
      return addObject(value, name, depth);
  }
  throw invalid(`${name} is a ${typeof value}`);
}

function addObject(value, name, depth) {
  if (value === null) return tokens.add(value);
  if (isDate(value)) {
    if (Number.isNaN(value.getTime())) throw invalid(`${name} is a Date that is no date`);
    return tokens.add(value.toISOString());
  }
  if (classOf(value) === "Uint8Array") return tokens.add(hex(value));
  if (Array.isArray(value)) {
    tokens.list(value.length);
    for (let at = 0; at < value.length; at += 1) add(value[at], `value ${at} of ${name}`, depth + 1);
    return;
  }
  if (typeof value.toJSON === "function") return add(value.toJSON(), name, depth + 1);
  if (!isPlain(value)) throw invalid(`${name} is a ${value.constructor?.name ?? classOf(value)}, and no plain object or value`);
  if (Object.getOwnPropertySymbols(value).length > 0) throw invalid(`${name} has a symbol for a name`);
  const names = Object.keys(value);
  tokens.object(names.length);
  for (const inner of names) {
    tokens.add(inner);
    add(value[inner], `"${inner}"`, depth + 1);
  }
}
