// What the page asks of the package: an index in a worker, and its rows.
import { open } from "hither/worker";

const SHOWN = ["words", "pos", "definition"];

/** The dictionary: senses by their key, and their neighbours. */
export class Dictionary {
  #index;
  #vectors = new Map(); // key → vector, of rows seen

  /** Opens the index; `onProgress({ loaded, total })` as its bytes come. */
  static async open(url, onProgress) {
    const dictionary = new Dictionary();
    dictionary.#index = await open(url, { onProgress });
    return dictionary;
  }

  get rows() {
    return Number(this.#index.info.rows);
  }

  /** Every sense: `{ key, words, pos, definition }`. */
  async senses() {
    const first = await this.#index.get(0); // a search like a row leaves that row out
    const others = await this.#index.search(0, { k: this.rows, exact: true, include: SHOWN });
    const { key, words, pos, definition } = first;
    return [{ key, words, pos, definition }, ...rowsOf(others)];
  }

  /** The `k` nearest of a sense, itself left out, as rows with a distance; only of a part of speech if one is given. */
  async near(key, k, part) {
    const filter = part ? { pos: part } : undefined;
    const found = await this.#index.search(key, { k, filter, include: SHOWN });
    return rowsOf(found);
  }

  /** The keys of the `k` exact nearest, itself left out, by a scan of all rows. */
  async exact(key, k) {
    const found = await this.#index.search(key, { k, exact: true, include: false });
    return Array.from(found.keys);
  }

  /** The stored vectors of rows, one for each key. */
  async vectors(keys) {
    const missing = keys.filter((key) => !this.#vectors.has(key));
    const rows = await this.#index.getMany(missing, { include: false });
    rows.forEach((row, i) => this.#vectors.set(missing[i], row.vector));
    return keys.map((key) => this.#vectors.get(key));
  }
}

function rowsOf(found) {
  return found.rows();
}
