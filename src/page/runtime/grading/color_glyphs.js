// Glyphs of the effect `ascii`: points in matrices, so that they do not depend on fonts.

/** Points in matrices of 5 by 7, rows from the top, five bits each. */
const GLYPHS = {
  ".": [0, 0, 0, 0, 0, 12, 12],
  ":": [0, 12, 12, 0, 12, 12, 0],
  "-": [0, 0, 0, 31, 0, 0, 0],
  "=": [0, 0, 31, 0, 31, 0, 0],
  "+": [0, 4, 4, 31, 4, 4, 0],
  "*": [0, 4, 21, 14, 21, 4, 0],
  "#": [10, 10, 31, 10, 31, 10, 10],
  "%": [24, 25, 2, 4, 8, 19, 3],
  "@": [14, 17, 23, 21, 23, 16, 14],
  "/": [0, 1, 2, 4, 8, 16, 0],
  i: [4, 0, 12, 4, 4, 4, 14],
  o: [0, 0, 14, 17, 17, 17, 14],
  x: [0, 0, 17, 10, 4, 10, 17],
  a: [0, 0, 14, 1, 15, 17, 15],
  X: [17, 17, 10, 4, 10, 17, 17],
  H: [17, 17, 17, 31, 17, 17, 17],
  M: [17, 27, 21, 21, 17, 17, 17],
  W: [17, 17, 17, 21, 21, 27, 17],
  B: [30, 17, 17, 30, 17, 17, 30],
  8: [14, 17, 17, 14, 17, 17, 14],
  "<": [2, 4, 8, 16, 8, 4, 2],
  "|": [4, 4, 4, 4, 4, 4, 4],
  "^": [4, 10, 17, 0, 0, 0, 0],
  O: [14, 17, 17, 17, 17, 17, 14],
  "[": [14, 8, 8, 8, 8, 8, 14],
};
const LETTERS = [" .:-=+*#%@", " .:-i+*oxaXH8BM@W#", " .o#", null, null, " .-^<|/[+X#"];
/** Segments of a display of seven, and the number of them that are lit. */
const SEGMENTS = [
  [14, 0, 0, 0, 0, 0, 0],
  [0, 1, 1, 0, 0, 0, 0],
  [0, 0, 0, 0, 1, 1, 0],
  [0, 0, 0, 0, 0, 0, 14],
  [0, 0, 0, 0, 16, 16, 0],
  [0, 16, 16, 0, 0, 0, 0],
  [0, 0, 0, 14, 0, 0, 0],
];
const DIGITS = [
  [],
  [6],
  [1, 2],
  [0, 1, 2],
  [5, 6, 1, 2],
  [0, 5, 6, 2, 3],
  [0, 1, 6, 4, 3],
  [0, 1, 2, 5, 6, 3],
  [0, 1, 2, 3, 4, 5, 6],
];

const fullRows = (test) =>
  Array.from({ length: 7 }, (_, y) =>
    Array.from({ length: 5 }, (_, x) => (test(x, y) ? 16 >> x : 0)).reduce((a, b) => a | b),
  );

function glyphsOf(style) {
  if (LETTERS[style])
    return Array.from(LETTERS[style], (letter) => GLYPHS[letter] ?? [0, 0, 0, 0, 0, 0, 0]);
  // Blocks fill from the bottom.
  if (style === 3) return Array.from({ length: 8 }, (_, n) => fullRows((x, y) => y >= 7 - n));
  // Braille: two columns of four points, in the order in which they are counted.
  if (style === 4) {
    const order = [
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 0],
      [1, 1],
      [1, 2],
      [0, 3],
      [1, 3],
    ];
    return Array.from({ length: 9 }, (_, n) =>
      fullRows((x, y) =>
        order.slice(0, n).some(([column, row]) => x === 1 + 2 * column && y === 2 * row),
      ),
    );
  }
  if (style === 6)
    return DIGITS.map((lit) =>
      lit.reduce((rows, at) => rows.map((row, y) => row | SEGMENTS[at][y]), [0, 0, 0, 0, 0, 0, 0]),
    );
  // Hatching, closer and then crossed.
  const hatches = [
    () => false,
    (x, y) => (x + y) % 6 === 0,
    (x, y) => (x + y) % 4 === 0,
    (x, y) => (x + y) % 3 === 0,
    (x, y) => (x + y) % 3 === 0 || (x - y + 9) % 4 === 0,
    (x, y) => (x + y) % 2 === 0,
    (x, y) => (x + y) % 2 === 0 || x % 2 === 0,
    () => true,
  ];
  return hatches.map(fullRows);
}

export const GLYPH_BOX = [5, 7];

/** The glyphs of a style side by side, dark to light, one byte per point. */
export function glyphSheet(style) {
  const glyphs = glyphsOf(style);
  const bytes = new Uint8Array(5 * glyphs.length * 7);
  glyphs.forEach((rows, at) =>
    rows.forEach((row, y) => {
      for (let x = 0; x < 5; x++)
        bytes[y * 5 * glyphs.length + 5 * at + x] = (row >> (4 - x)) & 1 ? 255 : 0;
    }),
  );
  return { bytes, count: glyphs.length };
}
