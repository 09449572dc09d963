// Numbers straight to float32, without the second rounding that a detour over float64 has.

const view = new DataView(new ArrayBuffer(8));

/** The float32 next to a positive one. */
function next(float, step) {
  view.setFloat32(0, float);
  view.setUint32(0, view.getUint32(0) + step);
  return view.getFloat32(0);
}

/** Whether a positive decimal is more (1), less (-1) or as much (0) as a positive float64. */
function compare(decimal, float) {
  const [, whole, fraction = "", power = "0"] = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(decimal);
  const ten = Number(power) - fraction.length;
  view.setFloat64(0, float);
  const bits = view.getBigUint64(0);
  const two = Number(bits >> 52n) - 1075; // none so small that it is not normal comes here
  const left = BigInt(whole + fraction) * 10n ** BigInt(Math.max(0, ten)) * 2n ** BigInt(Math.max(0, -two));
  const right = ((bits & (2n ** 52n - 1n)) | (2n ** 52n)) * 10n ** BigInt(Math.max(0, -ten)) * 2n ** BigInt(Math.max(0, two));
  return left > right ? 1 : left < right ? -1 : 0;
}

/** The float32 nearest to a number as JSON writes it. */
export function float32(text) {
  const double = Math.abs(Number(text));
  const float = Math.fround(double);
  if (float === double) return Math.fround(Number(text));
  const least = float < double ? float : next(float, -1);
  const most = next(least, 1);
  const half = Number.isFinite(most) ? (least + most) / 2 : 2 ** 128 - 2 ** 103;
  let nearest = float;
  if (double === half) {
    const side = compare(text.replace(/^-/, ""), half);
    if (side !== 0) nearest = side > 0 ? most : least;
  }
  return text.startsWith("-") ? -nearest : nearest;
}
