// Runs one engine in one process, Node's or a page's, step by step. `place` abstracts the difference
// between the two: where files are read and stored.
export class Measurement {
  #engine;
  #place;
  #index;
  #vectors;
  #queries;
  #truth;
  #kept = 0; // results of answers go here, so that no search can be optimised away

  constructor(engine, place) {
    this.#engine = engine;
    this.#place = place;
  }

  /** Loads the engine's module, and the queries. */
  async init({ rows, dimensions }) {
    this.#queries = split(await this.#place.numbers("queries"), dimensions);
    this.#truth = split(await this.#place.numbers(`truth-${rows}`), 10);
    await this.#engine.init(this.#place);
    const { index, settings, builtWith } = this.#engine;
    return { index, settings, builtWith };
  }

  async data({ rows }) {
    this.#vectors = await this.#place.numbers(`rows-${rows}`);
  }

  /** Milliseconds from the flat vectors to an index that can answer. */
  async build({ options, setting }) {
    const start = performance.now();
    this.#index = await this.#engine.build(this.#vectors, options, setting);
    return performance.now() - start;
  }

  /** Stores the index as the engine's documentation does; returns its bytes, if it reports them. */
  async save(kept) {
    const bytes = await this.#engine.save(this.#index, { ...this.#place, ...kept });
    return typeof bytes === "number" ? bytes : null;
  }

  /** Milliseconds from the stored index to the first answer. */
  async restore(kept) {
    const start = performance.now();
    this.#index = await this.#engine.restore({ ...this.#place, ...kept });
    const setting = kept.setting ?? this.#engine.settings[0][0];
    const found = this.#engine.rows(this.#engine.search(this.#index, this.#queries[0], 10, setting));
    if (found.length !== 10) throw new Error(`what was kept gives ${found.length} rows in place of 10`);
    return performance.now() - start;
  }

  /** Drops what only the build needed, and frees memory, so that memory can be measured. */
  async settle() {
    this.#vectors = undefined;
    for (let at = 0; at < 3; at += 1) {
      globalThis.gc?.();
      await new Promise((resume) => setTimeout(resume, 100));
    }
  }

  /** The share of the ten nearest rows that are found, over all queries. */
  recall({ setting }) {
    let found = 0;
    this.#queries.forEach((query, at) => {
      const rows = this.#engine.rows(this.#engine.search(this.#index, query, 10, setting));
      const truth = new Set(this.#truth[at]);
      for (const row of rows) found += truth.has(Number(row));
    });
    return found / (10 * this.#queries.length);
  }

  /**
   * Queries a second, one after another: by the median time of a few queries that take a
   * millisecond, which other programs disturb less than the mean.
   */
  speed({ setting, milliseconds }) {
    const { search } = this.#engine;
    let asked = 0;
    const time = (queries) => {
      const start = performance.now();
      for (let at = 0; at < queries; at += 1) {
        const answer = search(this.#index, this.#queries[asked % this.#queries.length], 10, setting);
        this.#kept += answer === undefined;
        asked += 1;
      }
      return performance.now() - start;
    };
    let few = 1;
    while (time(few) < 1) few *= 2;
    const start = performance.now();
    const times = [];
    while (performance.now() - start < milliseconds) times.push(time(few));
    times.sort((a, b) => a - b);
    return (1000 * few) / times[times.length >> 1];
  }
}

function split(numbers, width) {
  return Array.from({ length: numbers.length / width }, (_, at) => numbers.slice(at * width, (at + 1) * width));
}
