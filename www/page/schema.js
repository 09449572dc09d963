// Which columns an index has, and which of them can be its keys: by their values, or with the types that
// were named, as of `hither build --type NAME=TYPE` (rows/src/jsonl.rs).

export const TYPES = ["bool", "int64", "float64", "text", "timestamp", "uuid", "bytes", "json"];
const KEY_TYPES = ["int64", "text", "uuid"];
const KEYS = ["key", "id"]; // names that need not be chosen

/**
 * Of `found`, the columns as `readJsonLines` gives them, and of `named`, a map from names to types: `columns`,
 * with the `problem` that only naming a type solves, and `keys`, those that can name the rows; the one that
 * does, unless another is chosen, `isKey`.
 */
export function schemaOf(found, named = new Map()) {
  const columns = found.map(({ name, type, lost }) => {
    if (named.has(name)) return { name, type: named.get(name) };
    const problem = lost && `The column "${name}" holds ${lost}; name its type: text keeps the digits, float64 rounds them.`;
    return { name, type, problem };
  });
  const keys = found
    .filter(({ isFull }) => isFull)
    .map(({ name, keyType }) => ({ name, type: named.get(name) ?? keyType }))
    .filter(({ type }) => KEY_TYPES.includes(type));
  const key = KEYS.map((name) => keys.find((key) => key.name === name)).find(Boolean);
  if (key) key.isKey = true;
  return { columns, keys };
}
