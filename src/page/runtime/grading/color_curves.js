// Curves of a grade: smooth lines through given points, as tables.

/** Entries of a table. */
export const CURVE_SIZE = 1024;

/** The slope at an end, from the two nearest pieces; it does not overshoot. */
function endSlope(h0, h1, d0, d1) {
  const slope = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
  if (Math.sign(slope) !== Math.sign(d0)) return 0;
  return Math.sign(d0) !== Math.sign(d1) && Math.abs(slope) > 3 * Math.abs(d0) ? 3 * d0 : slope;
}

// Fritsch and Carlson's monotone cubic interpolation with weighted harmonic means.
function slopesOf(points) {
  const count = points.length;
  const widths = points.slice(1).map(([x], i) => x - points[i][0]);
  const rises = points.slice(1).map(([, y], i) => (y - points[i][1]) / widths[i]);
  if (count === 2) return [rises[0], rises[0]];
  const slopes = [endSlope(widths[0], widths[1], rises[0], rises[1])];
  for (let i = 1; i < count - 1; i++) {
    const [before, after] = [rises[i - 1], rises[i]];
    const [w1, w2] = [2 * widths[i] + widths[i - 1], widths[i] + 2 * widths[i - 1]];
    slopes.push(before * after <= 0 ? 0 : (w1 + w2) / (w1 / before + w2 / after));
  }
  slopes.push(endSlope(widths.at(-1), widths.at(-2), rises.at(-1), rises.at(-2)));
  return slopes;
}

function evaluate(points, slopes, x) {
  let at = 0;
  while (at < points.length - 2 && x > points[at + 1][0]) at += 1;
  const [[x0, y0], [x1, y1]] = [points[at], points[at + 1]];
  const h = x1 - x0;
  const t = Math.min(Math.max((x - x0) / h, 0), 1);
  const [t2, t3] = [t * t, t * t * t];
  return (
    y0 * (2 * t3 - 3 * t2 + 1) +
    h * slopes[at] * (t3 - 2 * t2 + t) +
    y1 * (3 * t2 - 2 * t3) +
    h * slopes[at + 1] * (t3 - t2)
  );
}

/** A curve over 0 to 1, clamped to 0 to 1. */
export function curveTable(points) {
  const slopes = slopesOf(points);
  return Float32Array.from({ length: CURVE_SIZE }, (_, i) =>
    Math.min(Math.max(evaluate(points, slopes, i / (CURVE_SIZE - 1)), 0), 1),
  );
}

/** A curve over the hues 0 to 360, which is periodic; entry `i` is that of hue `360 i / 1024`. */
export function hueTable(points) {
  // One period before and after, so that slopes at the seam are like those elsewhere.
  const round = (by) => points.map(([x, y]) => [x + by, y]);
  const all = [...round(-360), ...points, ...round(360)].filter(
    ([x], i, list) => i === 0 || x > list[i - 1][0],
  );
  const slopes = slopesOf(all);
  return Float32Array.from({ length: CURVE_SIZE }, (_, i) =>
    evaluate(all, slopes, (360 * i) / CURVE_SIZE),
  );
}
