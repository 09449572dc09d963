/** The rows of an answer: plain data, valid whatever becomes of the index. */
export class SearchResult {
  constructor(keys, distances, columns, stats) {
    this.keys = keys;
    this.distances = distances;
    this.columns = columns;
    this.stats = stats;
  }

  get length() {
    return this.distances.length;
  }

  rows() {
    return Array.from(this.distances, (distance, at) => {
      const row = {};
      for (const name in this.columns) row[name] = this.columns[name][at];
      return Object.assign(row, { key: plainKey(this.keys[at]), distance });
    });
  }

  [Symbol.iterator]() {
    return this.rows()[Symbol.iterator]();
  }
}

function plainKey(key) {
  if (typeof key !== "bigint") return key;
  const number = Number(key);
  return Number.isSafeInteger(number) ? number : key;
}
