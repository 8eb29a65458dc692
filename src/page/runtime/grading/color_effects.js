// Parts of programs that are laid over a graded picture: wear, prints, light.
//
// Names, order, ranges and the formulas in its reference are HyperFrames'; the rest is ours, so
// these pictures resemble its own without being equal. Moving effects depend on the page's time
// alone.

/** Functions for all effects. */
export const SHARED_EFFECTS = `
uniform vec3 ink, paper, lineInk, linePaper;
const float PI = 3.14159265;
mat2 turned(float angle) { return mat2(cos(angle), -sin(angle), sin(angle), cos(angle)); }
float pixelScale() { return min(canvas.x, canvas.y) / 540.0; }
`;

/** Whether an effect has an amount. */
export const effect =
  (name) =>
  ({ effects }) =>
    effects[name] > 0;

const EDGES = `
float lumaAt(vec2 uv) { return luma(sampled(uv).rgb); }
vec2 slopeAt(vec2 uv, vec2 px) {
  float a = lumaAt(uv + px * vec2(-1, 1)), b = lumaAt(uv + px * vec2(0, 1)), c = lumaAt(uv + px), d = lumaAt(uv + px * vec2(-1, 0));
  float e = lumaAt(uv + px * vec2(1, 0)), f = lumaAt(uv - px), g = lumaAt(uv + px * vec2(0, -1)), h = lumaAt(uv + px * vec2(1, -1));
  return vec2(c + 2.0 * e + h - a - 2.0 * d - f, a + 2.0 * b + c - f - 2.0 * g - h);
}
`;

/** Effects over the graded picture, in this order. */
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

/** Functions shared by several effects, by the names under which they need them. */
export const SHARED_PARTS = { edges: EDGES, dots: DOTS };
