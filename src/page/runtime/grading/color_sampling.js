// Parts of programs that choose the place of a pixel, and change it before it is graded.

import { effect } from "./color_effects.js";

const TAPE = `
uniform float tapeDamage, tapeTracking, tapeNoise, tapeSpeed;
float tapeTime() { return 2.0 * tapeSpeed * time; }`;

/**
 * The source of a pixel. Parts of the stage `place` move pixels, in a pass of their own; each part
 * of the stage `sample` is a pass over the result before it; `warp` and `after` belong to the last
 * program, where `sampled` reads the result of the passes.
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

/** A pseudorandom number, which is always the same. */
const chance = (a, b) => {
  const x = 43758.5453 * Math.sin(127.1 * a + 311.7 * b);
  return x - Math.floor(x);
};

/** Bands of bad tracking that travel upwards: the place of each, its reach, and its shift. */
export function tapeBands(speed, seconds) {
  return Array.from({ length: 5 }, (_, i) => {
    const place = chance(i, 3.7) + 2 * speed * seconds * (0.05 + 0.09 * chance(i, 8.1));
    return [place % 1, 0.012 + 0.033 * chance(i, 5.3), 2 * chance(i, 1.9) - 1];
  });
}
