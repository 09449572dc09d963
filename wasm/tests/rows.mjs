// A small index for tests: its rows are vectors [at, 1] under l2, with the given attributes.
import { Builder, open } from "hither";

/** The file of these rows, each `{ key, …attributes }`. */
export async function fileOf(columns, rows, options = {}) {
  const builder = new Builder({ dimensions: 2, metric: "l2", columns, ...options });
  rows.forEach(({ key, ...attributes }, at) => builder.add([at, 1], { key, columns: attributes }));
  return builder.finish();
}

export async function indexOf(...given) {
  return open(await fileOf(...given));
}
