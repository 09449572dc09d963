/** What is in an index, from the values that `src/info.rs` gives in this order. */
export function readInfo(values) {
  let at = 0;
  const next = () => values[at++];
  const list = (read) => Array.from({ length: next() }, read);
  const common = {
    dimensions: next(),
    metric: next(),
    element: next(),
    keys: next(),
    unitLength: next(),
    model: next(),
    columns: list(() => ({ name: next(), type: next() })),
  };
  const files = list(() => ({
    formatVersion: next(),
    contentId: next(),
    rows: next(),
    bytes: next(),
    m: next(),
    efConstruction: next(),
    properties: Object.fromEntries(list(() => [next(), next()])),
    segments: list(() => ({
      rows: next(),
      removed: next(),
      structures: list(next),
      codes: next(),
      lists: next(),
      calibrations: list(() => {
        const calibration = { structure: next(), k: next(), queries: next(), points: list(() => [next(), next()]) };
        return { ...calibration, best: best(calibration.points) };
      }),
    })),
    sections: list(() => ({ segment: next(), name: next(), column: next(), offset: next(), bytes: next() })),
  }));
  const sum = (name) => files.reduce((total, file) => total + file[name], 0);
  return { rows: sum("rows"), bytes: sum("bytes"), ...common, files };
}

/** The setting with the highest recall, the least of them if several have it, as the library's `best`. */
function best(points) {
  const [effort, recall] = points.reduce((best, point) => (point[1] > best[1] ? point : best), [1, 0]);
  return { effort, recall };
}
