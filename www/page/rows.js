// Rows out of a dropped file: .npy (a matrix) and JSON Lines (a list of numbers a row, and facts).

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const READ = {
  f4: [4, (view, at) => view.getFloat32(at, true)],
  f8: [8, (view, at) => view.getFloat64(at, true)],
  f2: [2, (view, at) => half(view.getUint16(at, true))],
  u1: [1, (view, at) => view.getUint8(at)],
  i1: [1, (view, at) => view.getInt8(at)],
};

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** What a .npy file holds: `{ rows, dimensions, columns: [] , batches }`. */
export async function readNpy(file) {
  const head = new Uint8Array(await file.slice(0, 65_552).arrayBuffer());
  if (MAGIC.some((byte, i) => head[i] !== byte)) throw new Error(`${file.name} is not a .npy file: it does not begin as one.`);
  const view = new DataView(head.buffer);
  const long = head[6] >= 2;
  const start = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const text = new TextDecoder("latin1").decode(head.subarray(start, start + length));
  const kind = /'descr':\s*'([<>|=]?)([a-z]\d+)'/.exec(text);
  const shape = /'shape':\s*\((\d+),\s*(\d+),?\s*\)/.exec(text);
  if (!kind || !READ[kind[2]] || kind[1] === ">") {
    throw new Error(`${file.name} holds ${kind ? `values of type ${kind[1]}${kind[2]}` : "a structure"}; this page reads f2, f4, f8, u1 and i1, little-endian.`);
  }
  if (!shape) throw new Error(`${file.name} is not a matrix: it needs two dimensions, one row a vector.`);
  if (/'fortran_order':\s*True/.test(text)) throw new Error(`${file.name} is stored column by column; save it with numpy.ascontiguousarray.`);
  const [rows, dimensions] = [Number(shape[1]), Number(shape[2])];
  const [size, get] = READ[kind[2]];
  const body = start + length;
  if (file.size < body + rows * dimensions * size) throw new Error(`${file.name} ends too soon: its header promises ${rows} rows of ${dimensions}.`);
  return {
    rows,
    dimensions,
    columns: [],
    async *batches(_, batch = Math.max(1, Math.floor(1_000_000 / dimensions))) {
      for (let row = 0; row < rows; row += batch) {
        const many = Math.min(batch, rows - row);
        const from = body + row * dimensions * size;
        const chunk = new DataView(await file.slice(from, from + many * dimensions * size).arrayBuffer());
        const vectors = new Float32Array(many * dimensions);
        for (let i = 0; i < vectors.length; i++) vectors[i] = get(chunk, i * size);
        yield { count: many, vectors, columns: {} };
      }
    },
  };
}

async function* lines(file) {
  const reader = file.stream().pipeThrough(new TextDecoderStream("utf-8", { fatal: true })).getReader();
  let rest = "";
  for (let number = 0; ; ) {
    const { value, done } = await reader.read();
    const parts = (rest + (value ?? "")).split("\n");
    rest = done ? "" : parts.pop();
    for (const text of parts) {
      number++;
      if (text.trim()) yield { number, text };
    }
    if (done) return;
  }
}

const isVector = (value) => Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "number" || typeof item === "bigint");
const isInt64 = (integer) => BigInt.asIntN(64, integer) === integer;

/** The type of a column for values so far: the narrowest that holds them all. */
function widen(type, value) {
  const own =
    typeof value === "boolean" ? "bool"
    : typeof value === "string" ? "text"
    : Number.isSafeInteger(value) || (typeof value === "bigint" && isInt64(value)) ? "int64"
    : typeof value === "number" || typeof value === "bigint" ? "float64"
    : "json";
  if (!type || type === own) return own;
  return [type, own].every((name) => name === "int64" || name === "float64") ? "float64" : "json";
}

/** Keeps the digits of integers that JSON.parse rounds, as bigints, by the text that they came from. */
function exact(_, value, context) {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  if (!Number.isFinite(value)) throw new Error("a number is beyond float64");
  if (!Number.isInteger(value)) return value;
  if (context?.source === undefined) {
    throw new Error(`this browser would round an integer near ${value}; a newer one keeps it, and so does the command hither build`);
  }
  return /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
}

function parse(file, { number, text }) {
  let row;
  try {
    row = JSON.parse(text, exact);
  } catch (error) {
    throw new Error(`${file.name}, line ${number}: ${error instanceof SyntaxError ? `not JSON (${error.message})` : error.message}.`);
  }
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw new Error(`${file.name}, line ${number}: an object is needed, one a line.`);
  }
  return row;
}

/** What a JSON Lines file holds; a first reading settles rows, the vectors' field and the columns' types. */
export async function readJsonLines(file, onProgress = () => {}) {
  let rows = 0;
  let field;
  let dimensions = 0;
  const types = new Map();
  const lost = new Map(); // the first integer of a column that a float64 is not
  let pause = performance.now();
  for await (const line of lines(file)) {
    const row = parse(file, line);
    field ??= Object.keys(row).find((name) => isVector(row[name]));
    if (field === undefined) throw new Error(`${file.name}, line ${line.number}: no field holds a list of numbers, the vector.`);
    dimensions ||= row[field].length;
    if (!isVector(row[field]) || row[field].length !== dimensions) {
      throw new Error(`${file.name}, line ${line.number}: "${field}" must hold ${dimensions} numbers, as in the lines before.`);
    }
    for (const [name, value] of Object.entries(row)) {
      if (name === field || value === null) continue;
      types.set(name, widen(types.get(name), value));
      if (typeof value === "bigint" && !lost.has(name) && (!isInt64(value) || BigInt(Number(value)) !== value)) lost.set(name, value);
    }
    rows++;
    if (performance.now() - pause > 12) {
      onProgress(rows);
      await new Promise((resume) => setTimeout(resume)); // let the page draw
      pause = performance.now();
    }
  }
  if (!rows) throw new Error(`${file.name} has no rows.`);
  for (const [name, digits] of lost) {
    if (types.get(name) !== "float64") continue;
    throw new Error(`${file.name}: the column "${name}" holds ${digits}, which would be rounded; write its values as text, or build with hither build --type ${name}=text.`);
  }
  const columns = [...types].map(([name, type]) => ({ name, type }));
  return {
    rows,
    dimensions,
    field,
    columns,
    async *batches(keyField, batch = 256) {
      let held = [];
      const flush = () => {
        const vectors = new Float32Array(held.length * dimensions);
        held.forEach((row, i) => vectors.set(row[field].map(Number), i * dimensions));
        const values = Object.fromEntries(
          columns.filter(({ name }) => name !== keyField).map(({ name, type }) => [
            name,
            held.map((row) => row[name] ?? null).map((value) => (type === "float64" && typeof value === "bigint" ? Number(value) : value)),
          ]),
        );
        const keys = keyField ? held.map((row) => row[keyField]) : undefined;
        const out = { count: held.length, vectors, keys, columns: values };
        held = [];
        return out;
      };
      for await (const line of lines(file)) {
        held.push(parse(file, line));
        if (held.length === batch) yield flush();
      }
      if (held.length) yield flush();
    },
  };
}
