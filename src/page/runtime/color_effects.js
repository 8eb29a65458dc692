// Parts of programs that are more than correction: where pixels are taken from, and looks.
//
// Names, order, ranges and the formulas that its reference gives are HyperFrames'; the rest is ours, so
// these pictures resemble its own and are not the same. What moves, moves by the page's time alone.

/** For all of them. */
export const SHARED_EFFECTS = `
uniform vec3 ink, paper, lineInk, linePaper;
const float PI = 3.14159265;
mat2 turned(float angle) { return mat2(cos(angle), -sin(angle), sin(angle), cos(angle)); }
float pixelScale() { return min(canvas.x, canvas.y) / 540.0; }
`;

const TAPE = `
uniform float tapeDamage, tapeTracking, tapeNoise, tapeSpeed;
float tapeTime() { return 2.0 * tapeSpeed * time; }`;

const effect = (name) => ({ effects }) => effects[name] > 0;

/**
 * Where a pixel comes from. What has the stage `place` moves pixels, in a pass of its own; each of the
 * stage `sample` is a pass over what came before; `warp` and `after` belong to the last program, where
 * `sampled` reads what the passes made.
 */
export const SAMPLING_PARTS = [
  {
    stage: "warp",
    isUsed: effect("crtCurvature"),
    call: "at = bulged(at);",
    code: `
uniform float crtCurvature;
vec2 bulged(vec2 uv) {
  vec2 p = 2.0 * uv - 1.0;
  return 0.5 + 0.5 * p * (1.0 + 0.5 * crtCurvature * dot(p, p));
}`,
  },
  {
    stage: "place",
    isUsed: effect("pixelate"),
    call: "uv = blocked(uv);",
    code: `
uniform float pixelate;
vec2 blocked(vec2 uv) {
  float side = mix(1.0, 48.0, pixelate);
  return (floor(uv * canvas / side) + 0.5) * side / canvas;
}`,
  },
  {
    stage: "place",
    isUsed: effect("tapeDamage"),
    call: "uv = shaken(uv);",
    code: `
${TAPE}
uniform vec3 tapeBands[5];
vec2 shaken(vec2 uv) {
  float t = tapeTime(), line = floor(uv.y * canvas.y / 2.0), tick = floor(t * 30.0 + 1e-4);
  float shift = 0.9 * tapeNoise * (2.0 * hash(vec2(line, mod(tick, 977.0))) - 1.0);
  shift += 0.55 * sin(32.0 * uv.y + 2.6 * t);
  shift += ramp(0.88, 1.0, uv.y) * 4.0 * sin(240.0 * uv.y + 8.0 * t);
  for (int i = 0; i < 5; i++) shift += 48.0 * tapeTracking * tapeBands[i].z * (1.0 - ramp(0.0, tapeBands[i].y, abs(uv.y - tapeBands[i].x)));
  return uv + vec2(tapeDamage * shift / canvas.x, 0.0);
}`,
  },
  {
    stage: "sample",
    isUsed: effect("tapeDamage"),
    call: "picked = taped(picked, uv);",
    code: `${TAPE}
vec4 taped(vec4 picked, vec2 uv) {
  vec2 px = vec2(1.0 / canvas.x, 0.0);
  float left = luma(sampled(uv - px).rgb), right = luma(sampled(uv + px).rgb);
  float own = luma(picked.rgb);
  vec3 c = picked.rgb + tapeDamage * (0.25 * (left + 2.0 * own + right) - own);
  c = mix(c, sampled(uv - 12.0 * px).rgb, 0.045 * tapeDamage);
  float t = tapeTime(), tick = mod(floor(t * 30.0 + 1e-4), 977.0);
  vec2 cell = floor(uv * canvas);
  c += tapeDamage * tapeNoise * 0.07 * (hash(cell + 1.7 * tick) - 0.5);
  float row = floor(cell.y / 2.0), torn = hash(vec2(row, 31.0 + tick)), from = hash(vec2(row, 57.0 + tick));
  float inside = step(from, uv.x) * step(uv.x, from + 0.02 + 0.1 * hash(vec2(row, 91.0 + tick)));
  c += tapeDamage * tapeNoise * 0.55 * step(0.994, torn) * inside * hash(cell + tick);
  return vec4(clamp(c, 0.0, 1.0), picked.a);
}`,
  },
  {
    stage: "sample",
    isUsed: effect("chromaBleed"),
    call: "picked = bled(picked, uv);",
    code: `
uniform float chromaBleed;
vec3 chromaAt(vec2 uv) { vec3 c = sampled(uv).rgb; return c - luma(c); }
vec4 bled(vec4 picked, vec2 uv) {
  vec2 px = vec2(mix(1.0, 4.0, chromaBleed) / canvas.x, 0.0);
  vec3 wide = (6.0 * chromaAt(uv) + 4.0 * (chromaAt(uv - px) + chromaAt(uv + px)) + chromaAt(uv - 2.0 * px) + chromaAt(uv + 2.0 * px)) / 16.0;
  float y = luma(picked.rgb);
  return vec4(clamp(y + mix(picked.rgb - y, wide, chromaBleed), 0.0, 1.0), picked.a);
}`,
  },
  {
    stage: "after",
    isUsed: effect("chromaticAberration"),
    call: "picked = fringed(picked, at);",
    code: `
uniform float chromaticAberration, chromaticAngle;
vec4 fringed(vec4 picked, vec2 uv) {
  float angle = 2.0 * PI * chromaticAngle;
  vec2 away = 0.02 * chromaticAberration * vec2(cos(angle), sin(angle));
  return vec4(sampled(uv + away).r, picked.g, sampled(uv - away).b, picked.a);
}`,
  },
  {
    stage: "after",
    isUsed: effect("digitalGlitch"),
    call: "picked = glitched(picked, at);",
    code: `
uniform float digitalGlitch, digitalGlitchColorSplit, digitalGlitchLineTear, digitalGlitchPixelate, digitalGlitchBlockAmount, digitalGlitchBlockDisplacement, digitalGlitchBlockOpacity, digitalGlitchSpeed;
vec4 glitched(vec4 picked, vec2 uv) {
  float t = 2.0 * digitalGlitchSpeed * time, tick = mod(floor(12.0 * t + 1e-4), 977.0), quick = mod(floor(24.0 * t + 1e-4), 977.0);
  vec2 from = uv;
  if (digitalGlitchPixelate > 0.0) {
    float side = mix(1.0, 40.0, digitalGlitchPixelate);
    from = (floor(from * canvas / side) + 0.5) * side / canvas;
  }
  float rows = mix(50.0, 350.0, digitalGlitchLineTear), row = floor(uv.y * rows);
  if (hash(vec2(row, quick + 0.5)) < 0.25 * digitalGlitchLineTear) from.x += 0.25 * (2.0 * hash(vec2(row, quick + 7.5)) - 1.0) * mix(0.3, 1.0, digitalGlitchLineTear);
  vec2 block = floor(uv * (8.0 + 60.0 * digitalGlitchBlockAmount));
  bool hit = digitalGlitchBlockAmount > 0.0 && hash(block + 0.37 * tick) < 0.35 * digitalGlitchBlockAmount;
  if (hit) from += 0.3 * digitalGlitchBlockDisplacement * (2.0 * vec2(hash(block + tick + 11.0), hash(block + tick + 23.0)) - 1.0);
  vec2 split = vec2(0.12 * digitalGlitchColorSplit * (0.6 + 0.4 * hash(vec2(tick, 4.0))), 0.0);
  vec4 found = sampled(from);
  vec3 c = digitalGlitchColorSplit > 0.0 ? vec3(sampled(from + split).r, found.g, sampled(from - split).b) : found.rgb;
  if (hit) {
    float kind = hash(block + tick + 41.0);
    vec3 other = kind < 0.35 ? 1.0 - c : kind < 0.7 ? c.gbr : vec3(step(0.85, kind));
    c = mix(c, other, digitalGlitchBlockOpacity);
  }
  return vec4(mix(picked.rgb, c, digitalGlitch), mix(picked.a, found.a, digitalGlitch));
}`,
  },
];

/** A number that looks like chance, and is always the same. */
const chance = (a, b) => {
  const x = 43758.5453 * Math.sin(127.1 * a + 311.7 * b);
  return x - Math.floor(x);
};

/** Bands of bad tracking that travel upwards: where each is, its reach, and how far it shifts. */
export function tapeBands(speed, seconds) {
  return Array.from({ length: 5 }, (_, i) => {
    const place = chance(i, 3.7) + 2 * speed * seconds * (0.05 + 0.09 * chance(i, 8.1));
    return [place % 1, 0.012 + 0.033 * chance(i, 5.3), 2 * chance(i, 1.9) - 1];
  });
}

/** Points in matrices of 5 by 7, rows from the top, five bits each. */
const GLYPHS = {
  ".": [0, 0, 0, 0, 0, 12, 12], ":": [0, 12, 12, 0, 12, 12, 0], "-": [0, 0, 0, 31, 0, 0, 0], "=": [0, 0, 31, 0, 31, 0, 0], "+": [0, 4, 4, 31, 4, 4, 0],
  "*": [0, 4, 21, 14, 21, 4, 0], "#": [10, 10, 31, 10, 31, 10, 10], "%": [24, 25, 2, 4, 8, 19, 3], "@": [14, 17, 23, 21, 23, 16, 14], "/": [0, 1, 2, 4, 8, 16, 0],
  i: [4, 0, 12, 4, 4, 4, 14], o: [0, 0, 14, 17, 17, 17, 14], x: [0, 0, 17, 10, 4, 10, 17], a: [0, 0, 14, 1, 15, 17, 15], X: [17, 17, 10, 4, 10, 17, 17],
  H: [17, 17, 17, 31, 17, 17, 17], M: [17, 27, 21, 21, 17, 17, 17], W: [17, 17, 17, 21, 21, 27, 17], B: [30, 17, 17, 30, 17, 17, 30], 8: [14, 17, 17, 14, 17, 17, 14],
  "<": [2, 4, 8, 16, 8, 4, 2], "|": [4, 4, 4, 4, 4, 4, 4], "^": [4, 10, 17, 0, 0, 0, 0], O: [14, 17, 17, 17, 17, 17, 14], "[": [14, 8, 8, 8, 8, 8, 14],
};
const LETTERS = [" .:-=+*#%@", " .:-i+*oxaXH8BM@W#", " .o#", null, null, " .-^<|/[+X#"];
/** Segments of a display of seven, and how many of them are lit. */
const SEGMENTS = [[14, 0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0, 14], [0, 0, 0, 0, 16, 16, 0], [0, 16, 16, 0, 0, 0, 0], [0, 0, 0, 14, 0, 0, 0]];
const DIGITS = [[], [6], [1, 2], [0, 1, 2], [5, 6, 1, 2], [0, 5, 6, 2, 3], [0, 1, 6, 4, 3], [0, 1, 2, 5, 6, 3], [0, 1, 2, 3, 4, 5, 6]];

const fullRows = (test) => Array.from({ length: 7 }, (_, y) => Array.from({ length: 5 }, (_, x) => (test(x, y) ? 16 >> x : 0)).reduce((a, b) => a | b));

function glyphsOf(style) {
  if (LETTERS[style]) return Array.from(LETTERS[style], (letter) => GLYPHS[letter] ?? [0, 0, 0, 0, 0, 0, 0]);
  // Blocks fill from below.
  if (style === 3) return Array.from({ length: 8 }, (_, n) => fullRows((x, y) => y >= 7 - n));
  // Braille: two columns of four points, in the order in which they are counted.
  if (style === 4) {
    const order = [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [0, 3], [1, 3]];
    return Array.from({ length: 9 }, (_, n) => fullRows((x, y) => order.slice(0, n).some(([column, row]) => x === 1 + 2 * column && y === 2 * row)));
  }
  if (style === 6) return DIGITS.map((lit) => lit.reduce((rows, at) => rows.map((row, y) => row | SEGMENTS[at][y]), [0, 0, 0, 0, 0, 0, 0]));
  // Hatching, closer and then crossed.
  const hatches = [() => false, (x, y) => (x + y) % 6 === 0, (x, y) => (x + y) % 4 === 0, (x, y) => (x + y) % 3 === 0, (x, y) => (x + y) % 3 === 0 || (x - y + 9) % 4 === 0, (x, y) => (x + y) % 2 === 0, (x, y) => (x + y) % 2 === 0 || x % 2 === 0, () => true];
  return hatches.map(fullRows);
}

export const GLYPH_BOX = [5, 7];

/** The glyphs of a style side by side, dark to light, one byte per point. */
export function glyphSheet(style) {
  const glyphs = glyphsOf(style);
  const bytes = new Uint8Array(5 * glyphs.length * 7);
  glyphs.forEach((rows, at) => rows.forEach((row, y) => {
    for (let x = 0; x < 5; x++) bytes[y * 5 * glyphs.length + 5 * at + x] = (row >> (4 - x)) & 1 ? 255 : 0;
  }));
  return { bytes, count: glyphs.length };
}

const EDGES = `
float lumaAt(vec2 uv) { return luma(sampled(uv).rgb); }
vec2 slopeAt(vec2 uv, vec2 px) {
  float a = lumaAt(uv + px * vec2(-1, 1)), b = lumaAt(uv + px * vec2(0, 1)), c = lumaAt(uv + px), d = lumaAt(uv + px * vec2(-1, 0));
  float e = lumaAt(uv + px * vec2(1, 0)), f = lumaAt(uv - px), g = lumaAt(uv + px * vec2(0, -1)), h = lumaAt(uv + px * vec2(1, -1));
  return vec2(c + 2.0 * e + h - a - 2.0 * d - f, a + 2.0 * b + c - f - 2.0 * g - h);
}
`;

/** What is laid over the graded picture, in this order. */
export const EFFECT_PARTS = [
  {
    stage: "film",
    isUsed: effect("filmArtifacts"),
    call: "c = aged(clamp(c, 0.0, 1.0), uv);",
    code: `
uniform float filmArtifacts;
vec3 aged(vec3 c, vec2 uv) {
  float dustTick = mod(floor(time * 20.0 + 1e-4), 991.0), tick = mod(floor(time * 5.0 + 1e-4), 991.0);
  vec2 grid = uv * vec2(128.0, 72.0), cell = floor(grid);
  if (hash(cell + 1.13 * dustTick) < 0.0025) {
    vec2 middle = 0.25 + 0.5 * vec2(hash(cell + dustTick + 3.0), hash(cell + dustTick + 5.0));
    float reach = mix(0.12, 0.4, hash(cell + dustTick + 7.0));
    float speck = 1.0 - ramp(0.6 * reach, reach, length(fract(grid) - middle));
    c = mix(c, vec3(hash(cell + dustTick + 9.0) > 0.5 ? 0.95 : 0.02), 0.72 * filmArtifacts * speck);
  }
  if (hash(vec2(tick, 17.0)) < 0.22) {
    float x = hash(vec2(tick, 29.0)) * canvas.x + 0.8 * sin(40.0 * uv.y + tick);
    float line = 1.0 - ramp(0.4, 1.3, abs(uv.x * canvas.x - x));
    c = mix(c, vec3(1.0, 0.96, 0.86), 0.28 * filmArtifacts * line * step(0.25, hash(vec2(floor(uv.y * 14.0), tick))));
  }
  return c;
}`,
  },
  {
    stage: "print",
    isUsed: effect("monoScreen"),
    call: "c = mix(clamp(c, 0.0, 1.0), screened(clamp(c, 0.0, 1.0), uv), monoScreen);",
    code: `
uniform float monoScreen, monoScreenSize, monoScreenAngle, monoScreenSpread, monoScreenShape, monoScreenInvert;
vec3 screened(vec3 c, vec2 uv) {
  float side = mix(4.0, 18.0, monoScreenSize) * pixelScale(), tone = pow(luma(c), mix(1.7, 0.58, monoScreenSpread));
  float dark = monoScreenInvert > 0.5 ? tone : 1.0 - tone;
  vec2 p = fract(turned(0.5 * PI * monoScreenAngle) * (uv * canvas) / side) - 0.5;
  int shape = int(floor(monoScreenShape + 0.5));
  // The distance is 1 in the corners; the share is the reach of the dark at which shapes have their own area.
  float away, share = 1.0;
  if (shape == 0) { away = length(p) / 0.7072; share = 0.8; }
  else if (shape == 1) away = 2.0 * max(abs(p.x), abs(p.y));
  else if (shape == 2) { away = abs(p.x) + abs(p.y); share = 0.707; }
  else if (shape == 3) { away = max(0.866 * abs(p.x) + 0.5 * p.y, -p.y) / 0.683; share = 0.643; }
  else away = 2.0 * abs(p.y);
  float reach = shape == 4 ? dark : mix(share, 1.0, dark * dark * dark) * sqrt(dark);
  float soft = 1.4 / side;
  float covered = ramp(-soft, soft, reach * (1.0 + 2.0 * soft) - soft - away);
  return mix(paper, ink, covered);
}`,
  },
  {
    stage: "print",
    isUsed: effect("engraving"),
    call: "c = mix(clamp(c, 0.0, 1.0), engraved(clamp(c, 0.0, 1.0), uv), engraving);",
    code: `
uniform float engraving, engravingSpacing, engravingMinThickness, engravingMaxThickness, engravingAngle, engravingContrast, engravingSharpness, engravingWave, engravingWaveFrequency;
vec3 engraved(vec3 c, vec2 uv) {
  float gap = mix(3.0, 20.0, engravingSpacing), dark = 1.0 - pow(luma(c), mix(0.5, 2.0, engravingContrast));
  vec2 p = turned(PI * engravingAngle) * (uv * canvas);
  p.y += engravingWave * gap * sin(p.x * mix(0.005, 0.1, engravingWaveFrequency));
  float away = abs(fract(p.y / gap) - 0.5) * gap;
  float width = 0.5 * mix(2.0 * engravingMinThickness, mix(1.0, 8.0, engravingMaxThickness), dark);
  float soft = mix(1.6, 0.25, engravingSharpness);
  float covered = (1.0 - ramp(width - soft, width + soft, away)) * ramp(0.02, 0.1, dark);
  return mix(linePaper, lineInk, covered);
}`,
  },
  {
    stage: "print",
    isUsed: effect("crosshatch"),
    call: "c = mix(clamp(c, 0.0, 1.0), hatched(clamp(c, 0.0, 1.0), uv, at), crosshatch);",
    needs: "edges",
    code: `
uniform float crosshatch, crosshatchSpacing, crosshatchThickness, crosshatchAngle, crosshatchContrast, crosshatchEdges, crosshatchLineWeight, crosshatchWave, crosshatchWaveFrequency;
float hatchLine(vec2 p, float angle, float gap, float width) {
  vec2 q = turned(angle) * p;
  q.y += 0.35 * crosshatchWave * gap * sin(q.x * mix(0.01, 0.15, crosshatchWaveFrequency) + 1.5 * time);
  return 1.0 - ramp(0.5 * width - 0.6, 0.5 * width + 0.6, abs(fract(q.y / gap) - 0.5) * gap);
}
vec3 hatched(vec3 c, vec2 uv, vec2 at) {
  float gap = mix(5.0, 30.0, crosshatchSpacing), dark = clamp((1.0 - luma(c) - 0.5) * mix(0.5, 2.0, crosshatchContrast) + 0.5, 0.0, 1.0);
  vec2 p = uv * canvas;
  float base = PI * (crosshatchAngle - 0.25), covered = 0.0;
  vec4 angles = vec4(0.0, 0.5, 0.25, -0.25) * PI, starts = vec4(0.2, 0.4, 0.6, 0.75);
  for (int i = 0; i < 4; i++) {
    float over = ramp(starts[i], starts[i] + 0.15, dark);
    float width = mix(1.0, 5.0, crosshatchThickness) * mix(1.0, 0.4 + 1.2 * dark, crosshatchLineWeight);
    covered = max(covered, over * hatchLine(p, base + angles[i], gap, width));
  }
  covered = max(covered, ramp(0.35, 1.1, length(slopeAt(at, 1.0 / canvas))) * crosshatchEdges * 2.0);
  return mix(linePaper, lineInk, clamp(covered, 0.0, 1.0));
}`,
  },
  {
    stage: "print",
    isUsed: effect("halftone"),
    call: "c = mix(clamp(c, 0.0, 1.0), halftoned(clamp(c, 0.0, 1.0), uv), halftone);",
    needs: "dots",
    code: `
uniform float halftone, halftoneSize;
vec3 halftoned(vec3 c, vec2 uv) {
  float side = mix(5.0, 14.0, halftoneSize) * pixelScale(), black = 0.72 * (1.0 - max(c.r, max(c.g, c.b)));
  vec3 inks = clamp((1.0 - c - black) / max(1.0 - black, 1e-3), 0.0, 1.0);
  vec2 p = uv * canvas;
  vec3 print = vec3(0.975, 0.962, 0.925);
  print *= mix(vec3(1.0), vec3(0.04, 0.66, 0.88), dotOf(p, side, PI / 12.0, inks.r));
  print *= mix(vec3(1.0), vec3(0.88, 0.08, 0.52), dotOf(p, side, 5.0 * PI / 12.0, inks.g));
  print *= mix(vec3(1.0), vec3(0.98, 0.9, 0.06), dotOf(p, side, 0.0, inks.b));
  return print * mix(vec3(1.0), vec3(0.09, 0.085, 0.08), dotOf(p, side, PI / 4.0, black));
}`,
  },
  {
    stage: "print",
    isUsed: effect("twoInkPrint"),
    call: "c = mix(clamp(c, 0.0, 1.0), twoInked(clamp(c, 0.0, 1.0), uv), twoInkPrint);",
    needs: "dots",
    code: `
uniform float twoInkPrint, twoInkPrintSize;
vec3 twoInked(vec3 c, vec2 uv) {
  float scale = pixelScale(), side = mix(4.5, 12.0, twoInkPrintSize) * scale, dark = 1.0 - luma(c);
  vec2 p = uv * canvas;
  // Warm colors take more of the first ink, cold ones more of the second, shadows both.
  float warm = clamp(0.5 + 1.4 * (c.r - 0.5 * (c.g + c.b)), 0.0, 1.0);
  float first = clamp(dark * mix(0.55, 1.15, warm) + 0.35 * max(c.r - max(c.g, c.b), 0.0), 0.0, 1.0);
  float second = clamp(dark * mix(1.2, 0.6, warm) - 0.05, 0.0, 1.0);
  vec3 print = vec3(0.955, 0.910, 0.795) + 0.03 * (hash(floor(p)) - 0.5);
  float red = dotOf(p + vec2(1.2, -0.8) * scale, side, PI / 12.0, first), teal = dotOf(p, side, 5.0 * PI / 12.0, second);
  print = mix(print, vec3(0.88, 0.13, 0.075), 0.94 * red);
  print = mix(print, vec3(0.035, 0.285, 0.355), 0.94 * teal);
  return mix(print, vec3(0.07, 0.06, 0.065), 0.85 * red * teal);
}`,
  },
  {
    stage: "print",
    isUsed: effect("dither"),
    call: "c = mix(clamp(c, 0.0, 1.0), dithered(clamp(c, 0.0, 1.0), uv), dither);",
    code: `
uniform float dither, ditherSize;
uniform vec3 palette[6];
uniform int paletteCount;
vec3 dithered(vec3 c, vec2 uv) {
  int bayer[16] = int[](0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5);
  ivec2 cell = ivec2(floor(uv * canvas / mix(1.0, 5.0, ditherSize))) & 3;
  float threshold = (float(bayer[4 * cell.y + cell.x]) + 0.5) / 16.0;
  return palette[clamp(int(floor(luma(c) * float(paletteCount - 1) + threshold)), 0, paletteCount - 1)];
}`,
  },
  {
    stage: "print",
    isUsed: effect("ascii"),
    call: "c = mix(clamp(c, 0.0, 1.0), typed(uv, at), ascii);",
    needs: "edges",
    code: `
uniform float ascii, asciiSize, asciiInvert, asciiColor, asciiRotation;
uniform sampler2D glyphs;
uniform float glyphCount;
vec3 typed(vec2 uv, vec2 at) {
  float high = mix(4.0, 80.0, asciiSize) * pixelScale();
  vec2 cell = vec2(0.75, 1.0) * high, index = floor(uv * canvas / cell), middle = (index + 0.5) * cell / canvas;
  vec3 seen = clamp(graded(sampled(middle + at - uv).rgb), 0.0, 1.0);
  float tone = luma(seen);
  if (asciiInvert > 0.5) tone = 1.0 - tone;
  vec2 p = fract(uv * canvas / cell) - 0.5;
  if (asciiRotation > 0.0) {
    vec2 slope = slopeAt(middle + at - uv, cell / canvas);
    if (length(slope) > 0.15) p = turned(-asciiRotation * (atan(slope.y, slope.x) + 0.5 * PI)) * p;
  }
  // One point of space around each matrix of 5 by 7.
  vec2 point = (p + 0.5) * vec2(6.0, 8.0) - 0.5;
  float lit = 0.0;
  if (all(greaterThanEqual(point, vec2(0.0))) && point.x < 5.0 && point.y < 7.0) {
    int which = int(min(floor(tone * glyphCount), glyphCount - 1.0));
    lit = texelFetch(glyphs, ivec2(5 * which + int(point.x), 6 - int(point.y)), 0).r;
  }
  return mix(mix(ink, paper, lit), seen * lit, asciiColor);
}`,
  },
  {
    stage: "light",
    isUsed: effect("bloom"),
    call: "c += bloom * texture(glow, at).rgb;",
    code: `
uniform float bloom;
uniform sampler2D glow;`,
  },
  {
    stage: "light",
    isUsed: effect("scanlines"),
    call: "c *= lined(uv);",
    code: `
uniform float scanlines, scanlineCount, scanlineSoftness;
float lined(vec2 uv) {
  float dark = 0.5 - 0.5 * sin(PI * mix(50.0, 500.0, scanlineCount) * uv.y);
  return 1.0 - scanlines * mix(pow(dark, 2.2), dark, scanlineSoftness);
}`,
  },
  {
    stage: "edge",
    isUsed: effect("crtCurvature"),
    call: "c *= framed(at);",
    code: `
float framed(vec2 at) {
  vec2 inside = min(at, 1.0 - at);
  return ramp(0.0, 0.006, inside.x) * ramp(0.0, 0.006, inside.y);
}`,
  },
];

const DOTS = `
float dotOf(vec2 p, float side, float angle, float amount) {
  vec2 q = turned(angle) * p / side;
  float soft = 0.9 / side, reach = 0.68 * sqrt(amount);
  return (1.0 - ramp(reach - soft, reach + soft, length(fract(q) - 0.5))) * ramp(0.0, 0.02, amount);
}
`;

/** What several effects share, by the name under which they need it. */
export const SHARED_PARTS = { edges: EDGES, dots: DOTS };
