// Formats a run as a table: one line per engine, and by which factor hither is better.
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const columns = [
  { name: "build s", of: (entry) => median(entry.build) / 1000, better: "less", digits: 2 },
  { name: "load ms", of: (entry) => median(entry.restore), better: "less", digits: 1 },
  { name: "QPS", of: (entry) => median(entry.speed), better: "more", digits: 0 },
  { name: "memory MB", of: (entry) => median(entry.memory) / 1e6, better: "less", digits: 1 },
  { name: "download KB", of: (entry) => entry.downloaded / 1000, better: "less", digits: 1 },
];

/** `factor`: by which factor hither is better. */
function cell(entry, ours, { of, better, digits }) {
  const value = of(entry);
  if (!Number.isFinite(value)) return "–";
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (entry === ours) return text;
  const factor = better === "more" ? of(ours) / value : value / of(ours);
  return Number.isFinite(factor) ? `${text} (${factor < 10 ? factor.toFixed(2) : factor.toFixed(0)}×)` : text;
}

export function print({ host, rows, entries }) {
  const ours = entries.find(({ engine }) => engine === "hither");
  const table = [["engine", "index", "recall@10", ...columns.map(({ name }) => name)]];
  for (const entry of entries) {
    const recall = entry.recall === undefined ? "–" : entry.recall.toFixed(3);
    const cells = columns.map((column) => cell(entry, ours, column));
    // Without sufficient recall, speed is meaningless.
    if (entry.failed.recall) cells[2] = "–";
    table.push([`${entry.package} ${entry.version}`, entry.index ?? "–", recall, ...cells]);
  }
  const widths = table[0].map((_, at) => Math.max(...table.map((line) => line[at].length)));
  const number = rows.toLocaleString("en");
  console.log(`\n${number} rows, ${host}; in brackets how many times as good hither is\n`);
  table.forEach((line, at) => {
    console.log(`| ${line.map((text, column) => text.padEnd(widths[column])).join(" | ")} |`);
    if (at === 0) console.log(`|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
  });
  for (const { package: name, failed } of entries) {
    for (const [what, why] of Object.entries(failed)) console.log(`${name}, ${what}: ${why}`);
  }
}
