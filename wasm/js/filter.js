// Makes of a caller's filter plain objects of plain values, which WebAssembly takes. A condition that would say
// nothing is refused: left out, it would match every row.
import { HitherError } from "./error.js";
import { hex, parseJson, toJson } from "./json.js";
import { classOf, isDate } from "./realm.js";
import { setOwn } from "./result.js";

/** How deep a filter may be, where each operator and each list takes a level. */
const DEEPEST = 256;

function invalid(reason, cause) {
  return new HitherError("invalid_filter", `invalid filter: ${reason}`, { cause });
}

/** A filter as conditions of plain values. */
export function toConditions(filter) {
  if (typeof filter === "string") return plain(parsed(filter), "it", 0);
  if (isPlain(filter) || typeof filter?.toJSON === "function") return plain(filter, "it", 0);
  throw invalid("give an object of conditions by column, or its JSON");
}

/**
 * A filter as text with the same meaning: to tell whether it is another one, and to send it to a worker, where an
 * object of a class would become another.
 */
export function filterText(filter) {
  return typeof filter === "string" || filter === undefined || filter === null ? filter : toJson(toConditions(filter));
}

function parsed(text) {
  try {
    return parseJson(text, true);
  } catch (cause) {
    throw invalid(`in its JSON ${cause.message}`, cause);
  }
}

/** Whether a value has all its content in properties of its own, as `{}` has, of whichever realm. */
function isPlain(value) {
  if (classOf(value) !== "Object") return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Makes a value plain; `name` is its name in messages. */
function plain(value, name, depth) {
  if (depth > DEEPEST) throw invalid("it is nested more than 64 deep, or contains itself");
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return BigInt.asIntN(64, value) === value ? value : Number(value);
    case "undefined":
      throw invalid(`${name} is undefined: leave that condition out, or give null for rows without a value`);
    case "object":
      return plainObject(value, name, depth);
  }
  throw invalid(`${name} is a ${typeof value}`);
}

function plainObject(value, name, depth) {
  if (value === null) return value;
  if (isDate(value)) {
    if (Number.isNaN(value.getTime())) throw invalid(`${name} is a Date that is no date`);
    return value.toISOString();
  }
  if (classOf(value) === "Uint8Array") return hex(value);
  if (Array.isArray(value)) return Array.from(value, (item, at) => plain(item, `value ${at} of ${name}`, depth + 1));
  if (typeof value.toJSON === "function") return plain(value.toJSON(), name, depth + 1);
  if (!isPlain(value)) throw invalid(`${name} is a ${value.constructor?.name ?? classOf(value)}, and no plain object or value`);
  if (Object.getOwnPropertySymbols(value).length > 0) throw invalid(`${name} has a symbol for a name`);
  const conditions = {};
  for (const inner of Object.keys(value)) setOwn(conditions, inner, plain(value[inner], `"${inner}"`, depth + 1));
  return conditions;
}
