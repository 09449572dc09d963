// What is asked of an index, in memory or on a server: checks of the arguments, and the form of the answer.
import { HitherError } from "./error.js";
import { METRICS, choice } from "./options.js";
import { checkArray, checkNames, checkNumbers, checkOptions, checkType, checkWhole, shown } from "./value.js";

const SEARCH = ["k", "efSearch", "probes", "recall", "exact", "filter", "radius", "metric", "include"];
/** A hint for people who give a text to search for: a text as a query is a key. */
const BY_VECTORS = "; to search for a text, make a vector of it first, by the model that made those of the rows";

/** Checks the options of a search, those named `more` included; says whether the query is a key. */
export function checkSearch(query, options, shape, more = []) {
  checkOptions(options, [...SEARCH, ...more]);
  const { radius, recall, exact = false, metric, filter, include } = options;
  const k = checkWhole("k", options.k, 1) ?? (radius === undefined ? 10 : 0);
  const efSearch = checkWhole("efSearch", options.efSearch, 1);
  const probes = checkWhole("probes", options.probes, 1);
  checkType("recall", recall, "number");
  checkType("radius", radius, "number");
  const measure = choice("metric", metric, METRICS);
  checkInclude(include);
  const filtered = filter !== undefined && filter !== null;
  const isKey = ["number", "bigint", "string"].includes(typeof query);
  if (!isKey) checkNumbers("query", query, shape.dimensions);
  const { keys } = shape;
  if (typeof query === "string" && keys !== "text" && keys !== "uuid") {
    throw new HitherError("key_type", `query: ${shown(query)} is a text, and the keys of this index are numbers${BY_VECTORS}`);
  }
  return { k, efSearch, probes, recall, exact, measure, radius, filter, filtered, include, isKey };
}

export function checkInclude(include) {
  const named = Array.isArray(include) && include.every((name) => typeof name === "string");
  if (named || include === undefined || typeof include === "boolean") return;
  throw new HitherError("invalid_parameter", "include: give true, false or an array of names of columns");
}

/** The error of a search for rows like one that does not exist. */
export function keyNotFound(key) {
  return new HitherError("key_not_found", `no row has the key ${key}${typeof key === "string" ? BY_VECTORS : ""}`);
}

/** The queries of a batch, one by one. */
export function queriesOf(queries, dimensions) {
  checkArray("queries", queries);
  const flat = ArrayBuffer.isView(queries) || typeof queries[0] === "number";
  if (!flat) return Array.from(queries);
  if (queries.length % dimensions !== 0) {
    throw new HitherError("dimension_mismatch", `${queries.length} numbers are no whole vectors of ${dimensions} dimensions`);
  }
  const slice = queries.subarray ?? queries.slice;
  return Array.from({ length: queries.length / dimensions }, (_, at) => slice.call(queries, at * dimensions, (at + 1) * dimensions));
}

/** The keys of many rows, one by one. */
export function keysOf(keys) {
  if (!Array.isArray(keys) && !(ArrayBuffer.isView(keys) && keys.length !== undefined)) {
    throw new HitherError("invalid_parameter", "keys: give an array of keys; get() takes one");
  }
  return Array.from({ length: keys.length }, (_, at) => keys[at]);
}

/** The columns that are to be read, each with its number. */
export function included(include = true, columns) {
  const names = include === true ? columns.map(({ name }) => name) : include || [];
  return names.map((name) => {
    const number = columns.findIndex((column) => column.name === name);
    if (number < 0) checkNames(columns, Object.fromEntries([[name, null]]));
    return { name, type: columns[number].type, number };
  });
}

/** The keys of an answer in WebAssembly, as a typed array where there is one for them. */
export function answeredKeys(answer, type) {
  switch (type) {
    case "row number":
      return answer.rowNumbers();
    case "int64":
      return answer.integers();
  }
  return answer.keys();
}

/** What the last search in WebAssembly did. */
export function statsOf({ visited, compared, reached }) {
  return { visited, compared, ...(reached !== undefined && { reachedRecall: reached }) };
}
