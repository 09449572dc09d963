// Values of columns and keys, from their text in JSON to what the package takes. Each type takes what it
// takes of the command (`value_from_text` in rows/src/infer.rs), and nothing else.

const SHOWN = 40; // letters of a value, in messages
const BOOLS = new Map([["true", true], ["True", true], ["TRUE", true], ["false", false], ["False", false], ["FALSE", false]]);
const INTEGER = /^[+-]?\d+$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const DIGITS = /^[0-9a-fA-F]{32}$/;
export const BYTES = /^\\x(?:[0-9a-fA-F]{2})*$/;
/** The numbers that JSON cannot write. */
export const NON_FINITE = new Map([
  ["NaN", NaN], ["nan", NaN], ["Infinity", Infinity], ["inf", Infinity], ["-Infinity", -Infinity], ["-inf", -Infinity],
]);

export const isInt64 = (text) => BigInt.asIntN(64, BigInt(text)) === BigInt(text);

/** Text as a value of a type; undefined where it is none. */
const READ = {
  bool: (text) => BOOLS.get(text),
  int64(text) {
    if (!INTEGER.test(text) || !isInt64(text)) return undefined;
    const number = Number(text);
    return Number.isSafeInteger(number) ? number : BigInt(text);
  },
  float64(text) {
    if (NON_FINITE.has(text)) return NON_FINITE.get(text);
    const number = FLOAT.test(text) ? Number(text) : Infinity;
    return Number.isFinite(number) ? number : undefined; // beyond its range, infinity is another number
  },
  text: (text) => text,
  timestamp: (text) => text, // the package says whether it is one
  uuid: (text) => (DIGITS.test(text.replaceAll("-", "")) ? text : undefined),
  bytes: (text) =>
    BYTES.test(text) ? Uint8Array.from({ length: text.length / 2 - 1 }, (_, i) => Number.parseInt(text.slice(2 * i + 2, 2 * i + 4), 16)) : undefined,
};

/** A string without its quotes, anything else as it is written. */
const plain = (raw) => (raw[0] === '"' ? JSON.parse(raw) : raw);

function shorten(raw) {
  const letters = [...raw.slice(0, 2 * SHOWN + 1)];
  return letters.length > SHOWN ? `${letters.slice(0, SHOWN).join("")}…` : raw;
}

/** That a value does not fit its column, and what to do. */
export const misfit = (raw, type) => `is ${shorten(raw)}, and the column is ${type}; name another type: text and json take every value`;

/** A value of a column. */
export function toValue(raw, type) {
  if (raw === "null") return null;
  const value = type === "json" ? raw : READ[type](plain(raw));
  if (value === undefined) throw new Error(misfit(raw, type));
  return value;
}

/** A key. */
export function toKey(raw, type) {
  const key = READ[type](plain(raw));
  if (key === undefined) throw new Error(`is ${shorten(raw)}, and the keys are ${type}; name another type: text takes every value`);
  return key;
}
