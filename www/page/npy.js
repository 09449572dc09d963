// Rows of a .npy file: a matrix of numbers, one row a vector, in C or Fortran order.

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const LONGEST = 2 ** 16; // of a header
const AT_A_TIME = 1_000_000; // numbers
/** How a number of a type is read, `little` end first or not. */
const READ = {
  f2: (view, at, little) => half(view.getUint16(at, little)),
  f4: (view, at, little) => view.getFloat32(at, little),
  f8: (view, at, little) => view.getFloat64(at, little),
  u1: (view, at) => view.getUint8(at),
  i1: (view, at) => view.getInt8(at),
};

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** What the header says, a Python dictionary: the type of numbers, their order, the shape, where they begin. */
async function readHeader(file) {
  const head = new Uint8Array(await file.slice(0, LONGEST + 12).arrayBuffer());
  if (MAGIC.some((byte, i) => head[i] !== byte)) throw new Error(`${file.name} is not a .npy file: it does not begin as one.`);
  const view = new DataView(head.buffer);
  const start = head[6] > 1 ? 12 : 10;
  const length = head.length < start ? Infinity : head[6] > 1 ? view.getUint32(8, true) : view.getUint16(8, true);
  const text = new TextDecoder("latin1").decode(head.subarray(start, start + length));
  const type = /["']descr["']\s*:\s*["']([<>|=]?)([a-zA-Z]\d+)/.exec(text);
  const order = /["']fortran_order["']\s*:\s*(True|False)/.exec(text);
  const shape = /["']shape["']\s*:\s*\(([^)]*)\)/.exec(text);
  if (head[6] < 1 || head[6] > 3 || length > LONGEST || text.length < length || !type || !order || !shape) {
    throw new Error(`${file.name}: its header is damaged, or of a structure; save the matrix of the vectors alone, with numpy.save.`);
  }
  return {
    type: type[2],
    little: type[1] !== ">",
    fortran: order[1] === "True",
    shape: shape[1].split(",").filter((number) => number.trim()).map((number) => Number.parseInt(number, 10)), // Python 2 wrote 3L
    body: start + length,
  };
}

/** What a .npy file holds, as `readJsonLines` gives it. */
export async function readNpy(file) {
  const { type, little, fortran, shape, body } = await readHeader(file);
  const get = READ[type];
  if (!get) throw new Error(`${file.name} holds values of type ${type}; vectors are f2, f4, f8, u1 or i1.`);
  if (shape.length !== 2) throw new Error(`${file.name} is not a matrix: it needs two dimensions, one row a vector.`);
  const [rows, dimensions] = shape;
  if (!rows || !dimensions) throw new Error(`${file.name} is empty: ${rows} rows of ${dimensions} dimensions.`);
  const size = Number(type[1]);
  const needed = body + rows * dimensions * size;
  if (file.size !== needed) {
    throw new Error(`${file.name} ${file.size < needed ? "ends too soon" : "goes on behind its matrix"}: its header promises ${rows} rows of ${dimensions}.`);
  }
  const read = async (first, many) => new DataView(await file.slice(body + first * size, body + (first + many) * size).arrayBuffer());

  async function* batches() {
    const batch = Math.max(1, Math.floor(AT_A_TIME / dimensions));
    for (let row = 0; row < rows; row += batch) {
      const many = Math.min(batch, rows - row);
      const vectors = new Float32Array(many * dimensions);
      if (fortran) {
        for (let column = 0; column < dimensions; column++) {
          const view = await read(column * rows + row, many);
          for (let i = 0; i < many; i++) vectors[i * dimensions + column] = get(view, i * size, little);
        }
      } else {
        const view = await read(row * dimensions, many * dimensions);
        for (let i = 0; i < vectors.length; i++) vectors[i] = get(view, i * size, little);
      }
      yield { count: many, vectors, columns: {} };
    }
  }
  return { rows, dimensions, columns: [], batches };
}
