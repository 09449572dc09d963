// A builder's options, as the values that `src/options.rs` reads in this order.
import { HitherError } from "./error.js";
import { checkOptions, checkRecord, checkWhole, shown } from "./value.js";

const NAMES = "dimensions metric element keys kind codes m efConstruction lists columns properties seed".split(" ");
export const METRICS = ["l2", "cosine", "ip", "l1"];
const ELEMENTS = ["f16", "f32"];
const KEYS = ["row number", "int64", "uuid", "text"];
const KINDS = ["flat", "hnsw", "ivf"];
const CODES = ["none", "sq8", "sq8-only", "sq4"];
const TYPES = ["bool", "int64", "float64", "text", "timestamp", "uuid", "bytes", "json"];

function invalid(name, reason) {
  return new HitherError("invalid_parameter", `${name}: ${reason}`);
}

/** The number of a name; undefined where none was given. */
export function choice(name, value, known) {
  if (value === undefined || value === null) return undefined;
  if (known.includes(value)) return known.indexOf(value);
  throw invalid(name, `${shown(value)} is none of ${known.join(", ")}`);
}

/** A seed of 64 bits without sign, as the signed integer of the same bits. */
function seedBits(value) {
  if (value === undefined || value === null) return undefined;
  const number = Number.isInteger(value) && value < 2 ** 64 ? BigInt(`${value}`) : value;
  if (typeof number === "bigint" && BigInt.asUintN(64, number) === number) return BigInt.asIntN(64, number);
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
export function toValues(options, schema) {
  checkOptions(options, NAMES);
  const { dimensions, metric, element, keys, kind, codes, m, efConstruction, lists, properties, seed } = options;
  if (!Number.isInteger(dimensions) || dimensions < 0) {
    throw invalid("dimensions", "give the number of values of a vector, 1 to 65,535");
  }
  if (lists === 0) throw invalid("lists", "0 lists hold no rows; leave it out for the default");
  const kinds = [kind ?? []].flat().map((name) => choice("kind", name ?? "", KINDS));
  checkRecord("properties", properties ?? {});
  const facts = Object.entries(properties ?? {});
  if (!facts.every(([, value]) => typeof value === "string")) {
    throw invalid("properties", "names and values are strings");
  }
  const columns = schema.flatMap(({ name, type, asText }) => {
    if (typeof name !== "string") throw invalid("columns", 'give names with their types, as { title: "text" }');
    if (asText !== false && (asText !== true || type !== "json")) throw invalid("columns", `asText of ${shown(name)}: true is for columns of json`);
    if (TYPES.includes(type)) return [name, TYPES.indexOf(type)];
    throw invalid("columns", `the type of ${shown(name)} is ${shown(type)}, which is none of ${TYPES.join(", ")}`);
  });
  return [
    dimensions,
    choice("metric", metric, METRICS),
    choice("element", element, ELEMENTS),
    choice("keys", keys, KEYS),
    choice("codes", codes, CODES),
    checkWhole("m", m ?? undefined, 0),
    checkWhole("efConstruction", efConstruction ?? undefined, 0),
    checkWhole("lists", lists ?? undefined, 0),
    ...KINDS.map((_, number) => Number(kinds.includes(number))),
    seedBits(seed),
    schema.length,
    ...columns,
    facts.length,
    ...facts.flat(),
  ];
}
