// An index file, made of rows in this browser.
import { Builder } from "hither/worker";

import { schemaOf } from "./schema.js";

/**
 * Makes an index file of rows, as `readJsonLines` and `readNpy` give them, and gives its bytes. `key` is the
 * name of the column that names them, if one does; `types` maps columns to types that are named. `onProgress`
 * hears of `{ stage, done, total, share }`.
 */
export async function makeIndex(rows, { metric, key: wanted, types }, { signal, onProgress = () => {} } = {}) {
  const schema = schemaOf(rows.columns, types);
  const key = schema.keys.find(({ name }) => name === wanted);
  if (wanted !== undefined && !key) throw new Error(`The column "${wanted}" cannot be the key: every row needs one, and keys are int64, text or uuid.`);
  const columns = schema.columns.filter(({ name }) => name !== wanted);
  const problem = columns.find(({ problem }) => problem)?.problem;
  if (problem) throw new Error(problem);
  const builder = new Builder({
    dimensions: rows.dimensions,
    metric,
    // Documents are given as they are written.
    columns: columns.map(({ name, type }) => ({ name, type, asText: type === "json" })),
    keys: key?.type,
  });
  try {
    let done = 0;
    for await (const batch of rows.batches({ columns, key })) {
      signal?.throwIfAborted();
      try {
        await builder.addMany(batch.vectors, { keys: batch.keys, columns: batch.columns });
      } catch (error) {
        const [, row, reason] = /^row (\d+): ([^]*)$/.exec(error.message) ?? [];
        throw row && batch.refusal ? batch.refusal(row - done, reason) : error;
      }
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
