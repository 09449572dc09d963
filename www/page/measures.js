// The live panel: numbers taken on this device since the page opened, and what they are.

const median = (sorted) => sorted[Math.floor((sorted.length - 1) / 2)];
const p95 = (sorted) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)];
const milliseconds = (value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
export const count = new Intl.NumberFormat("en");

export function bytes(value) {
  return value < 1e6 ? `${(value / 1e3).toFixed(value < 1e4 ? 1 : 0)} KB` : `${(value / 1e6).toFixed(1)} MB`;
}

export class Measures {
  #list;
  #cells = new Map();
  #times = [];
  #recalls = [];
  #frames = { seen: 0, late: 0 };
  #until = 0;
  #watching = false;

  constructor(list) {
    this.#list = list;
    for (const name of ["Search, median", "Recall@10", "Ready after", "Bytes loaded"]) this.write(name, "–", "", "");
  }

  /** Writes one figure: `value` large, `unit` beside it, `detail` below. */
  write(name, value, unit, detail) {
    let cell = this.#cells.get(name);
    if (!cell) {
      const group = document.createElement("div");
      const term = document.createElement("dt");
      term.textContent = name;
      cell = [document.createElement("dd"), document.createElement("dd")];
      cell[1].className = "detail";
      group.append(term, ...cell);
      this.#list.append(group);
      this.#cells.set(name, cell);
    }
    const small = document.createElement("small");
    small.textContent = ` ${unit}`;
    cell[0].replaceChildren(String(value), small);
    cell[1].textContent = detail;
  }

  /** The site's files, from the list that was made with it. */
  loaded(files, offline) {
    const sums = {};
    let total = 0;
    for (const { group, bytes: size } of files) {
      sums[group] = (sums[group] ?? 0) + size;
      total += size;
    }
    const [value, unit] = bytes(total).split(" ");
    this.write(
      "Bytes loaded", value, unit,
      `Index ${bytes(sums.index)}, library ${bytes(sums.library)}, typeface ${bytes(sums.type)}, page ${bytes(sums.page)}; ` +
        (offline ? "all kept on this device, no network needed" : "as sent over the network"),
    );
  }

  opened(milli, opening) {
    this.write("Ready after", milliseconds(milli), "ms", `From navigation to the first search; of it ${milliseconds(opening)} ms to load and open the index`);
  }

  /** One search as the page saw it: asked to answered, across the worker. */
  searched(milli) {
    this.#times.push(milli);
    if (this.#times.length > 1000) this.#times.shift();
    const sorted = [...this.#times].sort((a, b) => a - b);
    this.write(
      "Search, median", milliseconds(median(sorted)), "ms",
      `95th percentile ${milliseconds(p95(sorted))} ms over the last ${count.format(sorted.length)} ${sorted.length === 1 ? "search" : "searches"}; from the page to the worker and back, with its rows`,
    );
  }

  /** The share of the `k` exact nearest that came first in a search for `asked` rows. */
  recalled(share, rows, k, asked) {
    this.#recalls.push(share);
    const mean = this.#recalls.reduce((sum, value) => sum + value, 0) / this.#recalls.length;
    this.write(
      `Recall@${k}`, mean.toFixed(3), "", `Share of the ${k} exact nearest, by a scan of all ${count.format(rows)} rows, among the first ${k} of a search for ${asked}; mean of ${count.format(this.#recalls.length)}, without a filter`,
    );
  }

  /** Watches the frames for a second from now: a frame is late when it took half again as long as usual. */
  watchFrames() {
    this.#until = performance.now() + 1000;
    if (this.#watching) return;
    this.#watching = true;
    const spans = [];
    let last;
    const step = (now) => {
      if (last !== undefined) spans.push(now - last);
      last = now;
      if (now < this.#until && spans.length < 3600) return requestAnimationFrame(step);
      this.#watching = false;
      if (spans.length < 8) return;
      const usual = median([...spans].sort((a, b) => a - b));
      this.#frames.seen += spans.length;
      this.#frames.late += spans.filter((span) => span > 1.5 * usual).length;
      this.write(
        "Late frames", count.format(this.#frames.late), `of ${count.format(this.#frames.seen)}`,
        `While you typed or moved, at ${Math.round(1000 / usual)} frames a second`,
      );
    };
    requestAnimationFrame(step);
  }
}
