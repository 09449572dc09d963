// Rows of a .npy file: a matrix, one row a vector.

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

/** What a .npy file holds, as `readJsonLines` gives it. */
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
    keys: [],
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
