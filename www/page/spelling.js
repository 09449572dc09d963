// Words that are spelt nearly like another.

/**
 * How many letters must be put in, left out, changed, or exchanged with the next to make `b` of `a`
 * (the optimal string alignment distance); `limit + 1` where it is more than `limit`.
 */
export function editDistance(a, b, limit = Infinity) {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let [before, last] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = last[j - 1] + Number(a[i - 1] !== b[j - 1]);
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, change);
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (exchanged) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    // No later row has less than the least of two rows that follow one another.
    if (Math.min(...row, ...last) > limit) return limit + 1;
    [before, last] = [last, row];
  }
  return Math.min(last[b.length], limit + 1);
}

/** How far a word of so many letters may be from another to be taken for a slip of the pen. */
export const slip = (length) => (length < 3 ? 0 : length < 5 ? 1 : length < 9 ? 2 : 3);
