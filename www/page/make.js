// An index file, made of rows in this browser.
import { Builder } from "hither/worker";

/**
 * Makes an index file of rows, as `readJsonLines` and `readNpy` give them, and gives its bytes. `key` is the
 * name of the one of `rows.keys` that names them, if one does. `onProgress` hears of `{ stage, done, total, share }`.
 */
export async function makeIndex(rows, { metric, key }, { signal, onProgress = () => {} } = {}) {
  const builder = new Builder({
    dimensions: rows.dimensions,
    metric,
    // Documents are given as they are written.
    columns: rows.columns.filter(({ name }) => name !== key).map((column) => ({ ...column, asText: column.type === "json" })),
    keys: rows.keys.find(({ name }) => name === key)?.type,
  });
  try {
    let done = 0;
    for await (const batch of rows.batches(key)) {
      signal?.throwIfAborted();
      await builder.addMany(batch.vectors, { keys: batch.keys, columns: batch.columns });
      done += batch.count;
      onProgress({ stage: "reading", done, total: rows.rows, share: (done / rows.rows) * 0.2 });
    }
    return await builder.finish({
      signal,
      onProgress: ({ stage, done, total }) => onProgress({ stage, done, total, share: 0.2 + 0.8 * (total ? done / total : 0) }),
    });
  } finally {
    await builder.free();
  }
}
