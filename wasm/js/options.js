// A builder's options, as `src/options.rs` reads them.
import { HitherError } from "./error.js";
import { checkOptions, checkRecord, checkWhole, shown } from "./value.js";

const NAMES = "dimensions metric element keys kind codes m efConstruction lists ranges columns properties seed".split(" ");
export const METRICS = ["l2", "cosine", "ip", "l1"];
const ELEMENTS = ["f16", "f32"];
const KEYS = ["row number", "int64", "uuid", "text"];
const KINDS = ["flat", "hnsw", "ivf"];
const CODES = ["none", "sq8", "sq8-only", "sq4"];
const TYPES = ["bool", "int64", "float64", "text", "timestamp", "uuid", "bytes", "json"];

function invalid(name, reason) {
  return new HitherError("invalid_parameter", `${name}: ${reason}`);
}

/** A name that is one of `known`; undefined if none was given. */
export function choice(name, value, known) {
  if (value === undefined || value === null) return undefined;
  if (known.includes(value)) return value;
  throw invalid(name, `${shown(value)} is none of ${known.join(", ")}`);
}

/** A seed: an unsigned integer of 64 bits. */
function seedOf(value) {
  if (value === undefined || value === null) return undefined;
  const number = Number.isInteger(value) && value < 2 ** 64 ? BigInt(`${value}`) : value;
  if (typeof number === "bigint" && BigInt.asUintN(64, number) === number) return number;
  throw invalid("seed", "give a whole number from 0 on");
}

/** The columns, as a list in order. */
export function toSchema(columns) {
  columns ??= [];
  if (!Array.isArray(columns)) checkRecord("columns", columns);
  const list = Array.isArray(columns) ? columns : Object.entries(columns).map(([name, type]) => ({ name, type }));
  return list.map((column) => ({ name: column?.name, type: column?.type, asText: column?.asText ?? false }));
}

/** Checks the options of a builder with these columns. */
export function checkBuilderOptions(options, schema) {
  checkOptions(options, NAMES);
  const { dimensions, metric, element, keys, kind, codes, m, efConstruction, lists, ranges, properties, seed } = options;
  if (!Number.isInteger(dimensions) || dimensions < 0 || dimensions >= 2 ** 32) {
    throw invalid("dimensions", "give the number of values of a vector, 1 to 65,535");
  }
  if (lists === 0) throw invalid("lists", "0 lists hold no rows; leave it out for the default");
  if (typeof (ranges ?? false) !== "boolean") throw invalid("ranges", `give true or false, not ${shown(ranges)}`);
  const kinds = [kind ?? []].flat().map((name) => choice("kind", name ?? "", KINDS));
  checkRecord("properties", properties ?? {});
  const facts = Object.entries(properties ?? {});
  if (!facts.every(([, value]) => typeof value === "string")) {
    throw invalid("properties", "names and values are strings");
  }
  for (const { name, type, asText } of schema) {
    if (typeof name !== "string") throw invalid("columns", 'give names with their types, as { title: "text" }');
    if (asText !== false && (asText !== true || type !== "json")) throw invalid("columns", `asText of ${shown(name)}: true is for columns of json`);
    if (TYPES.includes(type)) continue;
    throw invalid("columns", `the type of ${shown(name)} is ${shown(type)}, which is none of ${TYPES.join(", ")}`);
  }
  return {
    dimensions,
    metric: choice("metric", metric, METRICS),
    element: choice("element", element, ELEMENTS),
    keys: choice("keys", keys, KEYS),
    codes: choice("codes", codes, CODES),
    m: checkWhole("m", m ?? undefined, 0),
    efConstruction: checkWhole("efConstruction", efConstruction ?? undefined, 0),
    lists: checkWhole("lists", lists ?? undefined, 0),
    ranges: ranges ?? false,
    kinds,
    seed: seedOf(seed),
    columns: schema.map(({ name, type }) => ({ name, type })),
    properties: facts,
  };
}
