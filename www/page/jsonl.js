// Rows of a JSON Lines file: an object a line, with a list of numbers and facts. What the command
// `hither build` makes of one (rows/src/jsonl.rs), to the byte.
import { fieldsOf } from "./fields.js";
import { float32 } from "./float32.js";
import { Evidence } from "./infer.js";
import { misfit, toKey, toValue } from "./value.js";

const VECTORS = ["vector", "embedding", "embeddings"]; // names that need not be chosen
const NUMBERS = /^\[[ \t\n\r]*[-0-9][-+.0-9eE, \t\n\r]*\]$/;
const AROUND = /^[ \t\n\f\r]+|[ \t\n\f\r]+$/g;
const PAUSE = 12; // milliseconds of work before the page may draw

async function* lines(file) {
  const reader = file.stream().pipeThrough(new TextDecoderStream("utf-8", { fatal: true })).getReader();
  let rest = "";
  try {
    for (let number = 0; ; ) {
      const { value, done } = await reader.read().catch((error) => {
        throw error instanceof TypeError ? new Error(`${file.name} is no valid UTF-8.`) : error;
      });
      const parts = (rest + (value ?? "")).split("\n");
      rest = done ? "" : parts.pop();
      for (const part of parts) {
        number++;
        const text = part.replace(AROUND, "");
        if (text) yield { number, text };
      }
      if (done) return;
    }
  } finally {
    // Where a line was wrong, the rest is not read. A stream that failed says so once more.
    await reader.cancel().catch(() => {});
  }
}

/** Runs what may fail because of a line, and names that. */
function within(file, { number }, run) {
  try {
    return run();
  } catch (error) {
    throw new Error(`${file.name}, line ${number}: ${error instanceof SyntaxError ? `not JSON (${error.message})` : error.message}.`);
  }
}

/** How many numbers a list holds, if it holds nothing else. */
const length = (raw) => (NUMBERS.test(raw) ? raw.split(",").length : 0);

/** Which column is the vector: by its name, else the only one that holds as many numbers in every row. */
function chooseVector(columns, rows) {
  const named = VECTORS.find((name) => columns.get(name)?.lists > 0);
  if (named) return named;
  const all = [...columns].filter(([, { lists, even }]) => lists === rows && even).map(([name]) => name);
  if (all.length === 1) return all[0];
  throw new Error(
    all.length
      ? `several columns could be the vector: ${all.join(", ")}; call one "vector".`
      : "no column holds a list of numbers of the same length in every row, so none can be the vector.",
  );
}

function readVector(raw, dimensions) {
  if (raw === undefined || raw === "null") throw new Error("has no vector, and every row needs one");
  if (length(raw) !== dimensions) throw new Error(`must hold ${dimensions} numbers, as in the first row that has any`);
  return raw.slice(1, -1).split(",").map((text) => {
    const number = float32(text.trim());
    if (!Number.isFinite(number)) throw new Error(`holds ${text.trim()}, which is beyond float32 (±3.4e38)`);
    return number;
  });
}

/**
 * What a JSON Lines file holds: how many rows and dimensions; the `field` of the vectors; `columns`, the
 * others: the `type` that their values say and what it would lose, and the `keyType` that they could be keys of,
 * and whether every row has one; `batches({ columns, key })`, the rows, with columns and a key as `schemaOf`
 * gives them. A first reading settles all but the last.
 */
export async function readJsonLines(file, onProgress = () => {}) {
  let rows = 0;
  const seen = new Map();
  let pause = performance.now();
  try {
    for await (const line of lines(file)) {
      for (const [name, raw] of within(file, line, () => fieldsOf(line.text))) {
        if (!seen.has(name)) seen.set(name, { evidence: new Evidence(), lists: 0, dimensions: 0, even: true });
        const column = seen.get(name);
        await column.evidence.note(raw);
        const count = raw[0] === "[" ? length(raw) : 0;
        if (!count) continue;
        column.dimensions ||= count;
        column.even &&= count === column.dimensions;
        column.lists++;
      }
      rows++;
      if (performance.now() - pause > PAUSE) {
        onProgress(rows);
        await new Promise((resume) => setTimeout(resume));
        pause = performance.now();
      }
    }
    if (!rows) throw new Error("the file is empty.");
    const field = chooseVector(seen, rows);
    const { dimensions } = seen.get(field);
    const columns = [];
    for (const [name, { evidence }] of seen) {
      if (name === field) continue;
      const type = await evidence.columnType();
      columns.push({ name, type, lost: evidence.lost(type), keyType: evidence.keyType, isFull: evidence.values === rows });
    }
    return { rows, dimensions, field, columns, batches: (schema) => batches(file, field, dimensions, schema) };
  } catch (error) {
    throw error.message.startsWith(file.name) ? error : new Error(`${file.name}: ${error.message}`, { cause: error });
  } finally {
    for (const { evidence } of seen.values()) evidence.free();
  }
}

async function* batches(file, field, dimensions, { columns, key }, batch = 256) {
  let held = [];
  const flush = () => {
    const rows = held;
    held = [];
    const vectors = new Float32Array(rows.length * dimensions);
    rows.forEach(({ vector }, i) => vectors.set(vector, i * dimensions));
    return {
      count: rows.length,
      vectors,
      keys: key && rows.map((row) => row.key),
      columns: Object.fromEntries(columns.map(({ name }, at) => [name, rows.map((row) => row.values[at])])),
      /** What the package says of a row of these, as an error in its line. */
      refusal: (at, reason) => refusal(file, columns, rows[at], reason),
    };
  };
  for await (const line of lines(file)) {
    held.push(within(file, line, () => {
      const fields = new Map(fieldsOf(line.text));
      const read = (name, run) => {
        try {
          return run(fields.get(name));
        } catch (error) {
          throw new Error(`"${name}" ${error.message}`);
        }
      };
      return {
        number: line.number,
        fields,
        vector: read(field, (raw) => readVector(raw, dimensions)),
        key: key && read(key.name, (raw) => toKey(raw, key.type)),
        values: columns.map(({ name, type }) => read(name, (raw = "null") => toValue(raw, type))),
      };
    }));
    if (held.length === batch) yield flush();
  }
  if (held.length) yield flush();
}

/** Whether a text is a timestamp is known to the package only, which names the column. */
function refusal(file, columns, { number, fields }, reason) {
  const column = columns.find(({ name, type }) => type === "timestamp" && reason.startsWith(`column "${name}" is timestamp `));
  return new Error(`${file.name}, line ${number}: ${column ? `"${column.name}" ${misfit(fields.get(column.name), "timestamp")}` : reason}.`);
}
