// Words by letter: which begin with what was typed, or are spelt nearly so.
import { editDistance, slip } from "./spelling.js";

const collator = new Intl.Collator("en", { sensitivity: "base", numeric: true });
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** Rows `{ key, words, pos, definition }` in the order of the alphabet; a row stands under each of its words. */
export class Letters {
  #list;
  #folded;

  constructor(rows) {
    this.#list = rows
      .flatMap((row) => row.words.split(", ").map((spelt) => ({ spelt, row, folded: fold(spelt) })))
      .sort((a, b) => (a.folded < b.folded ? -1 : a.folded > b.folded ? 1 : 0) || collator.compare(a.row.pos, b.row.pos));
    this.#folded = this.#list.map((entry) => entry.folded);
  }

  get size() {
    return this.#list.length;
  }

  /** Where `text` stands or would stand. */
  #place(text) {
    let [low, high] = [0, this.#folded.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#folded[middle] < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Up to `limit` entries that begin with `typed`. */
  find(typed, limit = 60) {
    const text = fold(typed.trimStart());
    const place = this.#place(text);
    let end = place;
    while (end < this.#list.length && end - place < limit && this.#folded[end].startsWith(text)) end++;
    return this.#list.slice(place, end);
  }

  /** Up to `limit` entries that are spelt nearly like `typed`, the nearest first. */
  near(typed, limit = 12) {
    const text = fold(typed.trim());
    const most = slip(text.length);
    return this.#list
      .map((entry) => ({ entry, far: editDistance(text, entry.folded, most) }))
      .filter(({ far }) => far <= most)
      .sort((a, b) => a.far - b.far) // those equally far stay in the order of the alphabet
      .slice(0, limit)
      .map(({ entry }) => entry);
  }

  /** All rows that have this very word. */
  senses(spelt) {
    const text = fold(spelt);
    const rows = [];
    for (let i = this.#place(text); this.#folded[i] === text; i++) rows.push(this.#list[i].row);
    return rows;
  }
}
