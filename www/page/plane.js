// A neighbourhood on a plane: classical scaling, refined by stress majorization (SMACOF).

/** Cosine distances of all pairs, as a flat matrix. */
export function distances(vectors) {
  const n = vectors.length;
  const lengths = vectors.map((vector) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) || 1);
  const all = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const a = vectors[i];
      const b = vectors[j];
      let dot = 0;
      for (let d = 0; d < a.length; d++) dot += a[d] * b[d];
      all[i * n + j] = all[j * n + i] = Math.max(0, 1 - dot / (lengths[i] * lengths[j]));
    }
  }
  return all;
}

/** Classical scaling: the two strongest directions of the doubly centred squared distances. */
function classical(far, n) {
  const gram = new Float64Array(n * n);
  const mean = new Float64Array(n);
  let total = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) mean[i] += far[i * n + j] ** 2 / n;
    total += mean[i] / n;
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) gram[i * n + j] = -0.5 * (far[i * n + j] ** 2 - mean[i] - mean[j] + total);
  }
  const axes = [];
  for (let axis = 0; axis < 2; axis++) {
    let vector = Float64Array.from({ length: n }, (_, i) => Math.cos(1 + i * (axis + 1.7)));
    let value = 0;
    for (let round = 0; round < 40; round++) {
      const next = new Float64Array(n);
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) next[i] += gram[i * n + j] * vector[j];
      for (const known of axes) {
        let along = 0;
        for (let i = 0; i < n; i++) along += next[i] * known.vector[i];
        for (let i = 0; i < n; i++) next[i] -= along * known.vector[i];
      }
      value = Math.hypot(...next);
      if (!(value > 1e-12)) break;
      vector = next.map((x) => x / value);
    }
    axes.push({ vector, scale: Math.sqrt(value) });
  }
  return Array.from({ length: n }, (_, i) => axes.map(({ vector, scale }) => vector[i] * scale));
}

/** Moves points until their distances fit `far` as well as they can (Guttman transform). */
function majorize(points, far, n, rounds) {
  let x = Float64Array.from(points, (point) => point[0]);
  let y = Float64Array.from(points, (point) => point[1]);
  for (let round = 0; round < rounds; round++) {
    // The centre stays at 0, so a point's next place is the mean of the pulls on it.
    const nextX = new Float64Array(n);
    const nextY = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) {
        const dx = x[i] - x[j];
        const dy = y[i] - y[j];
        const ratio = far[i * n + j] / (n * (Math.sqrt(dx * dx + dy * dy) || 1e-9)); // hypot is several times slower
        nextX[i] += ratio * dx;
        nextX[j] -= ratio * dx;
        nextY[i] += ratio * dy;
        nextY[j] -= ratio * dy;
      }
    }
    [x, y] = [nextX, nextY];
  }
  return points.map((_, i) => [x[i], y[i]]);
}

/** Pearson's correlation of the distances on the plane with the true ones. */
function correlation(points, far, n) {
  let count = 0, sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const x = far[i * n + j];
      const y = Math.hypot(points[i][0] - points[j][0], points[i][1] - points[j][1]);
      count++; sx += x; sy += y; sxx += x * x; syy += y * y; sxy += x * y;
    }
  }
  return (count * sxy - sx * sy) / Math.sqrt((count * sxx - sx * sx) * (count * syy - sy * sy));
}

/** The minimum spanning tree of the true distances, as pairs of places. */
function tree(far, n) {
  const edges = [];
  const nearest = Array.from({ length: n }, (_, i) => ({ to: 0, far: far[i] }));
  const inside = new Set([0]);
  while (inside.size < n) {
    let best = -1;
    for (let i = 0; i < n; i++) if (!inside.has(i) && (best < 0 || nearest[i].far < nearest[best].far)) best = i;
    inside.add(best);
    edges.push([nearest[best].to, best]);
    for (let i = 0; i < n; i++) {
      if (!inside.has(i) && far[best * n + i] < nearest[i].far) nearest[i] = { to: best, far: far[best * n + i] };
    }
  }
  return edges;
}

/** Turns and mirrors points about the first so that they lie as near as can be to where `before` has them. */
function align(points, keys, before) {
  let a = 0, b = 0, c = 0, d = 0;
  keys.forEach((key, i) => {
    const old = before.get(key);
    if (!old) return;
    const [x, y] = points[i];
    a += x * old[0] + y * old[1];
    b += x * old[1] - y * old[0];
    c += x * old[0] - y * old[1];
    d += x * old[1] + y * old[0];
  });
  const mirrored = Math.hypot(c, d) > Math.hypot(a, b);
  const [p, q] = mirrored ? [c, d] : [a, b];
  const length = Math.hypot(p, q);
  if (!length) return points;
  const [cos, sin] = [p / length, q / length];
  return points.map(([x, y0]) => {
    const y = mirrored ? -y0 : y0;
    return [x * cos - y * sin, x * sin + y * cos];
  });
}

/**
 * Lays out vectors, the first in the middle. `keys` name them; `before` is a map of keys to the
 * places they had, which the layout keeps to where it can. Gives places, the edges of the spanning
 * tree, and how well distances on the plane follow the true ones (1 is perfectly).
 */
export function layOut(vectors, keys, before = new Map()) {
  const n = vectors.length;
  if (n < 2) return { points: vectors.map(() => [0, 0]), edges: [], fit: 1 };
  const far = distances(vectors);
  const points = majorize(classical(far, n), far, n, 50);
  const fit = n > 2 ? correlation(points, far, n) : 1;
  const [cx, cy] = points[0];
  const centred = points.map(([x, y]) => [x - cx, y - cy]);
  return { points: align(centred, keys, before), edges: tree(far, n), fit };
}
