// Programs of a grade: correction of colors, details, and how the parts are put together.
//
// A program has only those parts that a grade uses, because a renderer without a graphics card pays
// for every line. All numbers are codes of 0 to 1, as in the picture; `v` counts from the bottom.
// `size` is that of the bitmap, `canvas` that of the element on the device: lengths that
// HyperFrames measures in pixels of its canvas are measured in those.

import { CURVE_SIZE } from "./color_curves.js";
import { EFFECT_PARTS, SHARED_EFFECTS, SHARED_PARTS } from "./color_effects.js";
import { SAMPLING_PARTS } from "./color_sampling.js";

const HEAD = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler3D;
uniform sampler2D source;
uniform vec2 size;
uniform vec2 canvas;
uniform float time;
out vec4 result;
float luma(vec3 c) { return dot(c, vec3(0.2126, 0.7152, 0.0722)); }
float hash(vec2 p) { return fract(43758.5453 * sin(dot(p, vec2(127.1, 311.7)))); }
float ramp(float from, float to, float x) {
  float t = clamp((x - from) / max(to - from, 1e-6), 0.0, 1.0);
  return t * t * (3.0 - 2.0 * t);
}
`;

const HUES = `
vec3 hsvOf(vec3 c) {
  float most = max(c.r, max(c.g, c.b)), least = min(c.r, min(c.g, c.b)), d = most - least;
  float h = 0.0;
  if (d > 1e-6) {
    if (most == c.r) h = (c.g - c.b) / d;
    else if (most == c.g) h = 2.0 + (c.b - c.r) / d;
    else h = 4.0 + (c.r - c.g) / d;
  }
  return vec3(fract(h / 6.0), most > 1e-6 ? d / most : 0.0, most);
}
vec3 rgbOf(vec3 hsv) {
  vec3 pure = clamp(abs(fract(hsv.x + vec3(0.0, 2.0, 1.0) / 3.0) * 6.0 - 3.0) - 1.0, 0.0, 1.0);
  return hsv.z * mix(vec3(1.0), pure, hsv.y);
}
`;

const TONE = `
vec3 toned(vec3 c, float temperature, float tint) {
  return c + vec3(0.08 * temperature + 0.04 * tint, -0.08 * tint, -0.08 * temperature + 0.04 * tint);
}
`;

const isNonZero = (numbers) => Object.values(numbers).some((value) => value !== 0);
const HUE_CURVES = ["hueVsHue", "hueVsSaturation", "hueVsLuma"];
export const hasChannelCurves = ({ curves }) => Object.values(curves).some(Boolean);
export const hasHueCurves = ({ hueCurves }) => HUE_CURVES.some((name) => hueCurves[name]);

/** Corrections of each color by itself, in this order. */
const CORRECTIONS = [
  {
    isUsed: ({ adjust }) => isNonZero(adjust),
    call: "c = primary(c);",
    code: `
uniform float exposure, contrast, highlights, shadows, whites, blacks, temperature, tint, vibrance, saturation;
vec3 primary(vec3 c) {
  c *= exp2(exposure);
  float y = luma(c);
  c += 0.35 * shadows * (1.0 - ramp(0.0, 0.65, y)) + 0.35 * highlights * ramp(0.35, 1.0, y);
  float black = 0.18 * blacks, white = 1.0 - 0.18 * whites;
  c = (c - black) / max(white - black, 0.2);
  c = toned(c, temperature, tint);
  c = (c - 0.5) * max(0.0, 1.0 + contrast) + 0.5;
  y = luma(c);
  float spread = clamp(max(c.r, max(c.g, c.b)) - min(c.r, min(c.g, c.b)), 0.0, 1.0);
  float skin = ramp(0.02, 0.18, c.r - c.g) * ramp(0.0, 0.16, c.g - c.b) * ramp(0.18, 0.82, y);
  float weight = (1.0 - 0.72 * spread) * mix(1.0, 0.55, skin);
  c = mix(vec3(y), c, max(0.0, 1.0 + vibrance * weight));
  return mix(vec3(y), c, max(0.0, 1.0 + saturation));
}`,
  },
  {
    isUsed: ({ wheels }) =>
      Object.values(wheels).some(({ amount, level }) => amount !== 0 || level !== 0),
    call: "c = wheeled(c);",
    code: `
uniform vec3 wheelShadows, wheelMidtones, wheelHighlights;
vec3 wheeled(vec3 c) {
  float y = luma(c);
  float low = 1.0 - ramp(0.0, 0.6, y), high = ramp(0.4, 1.0, y), middle = max(0.0, 1.0 - low - high);
  return c + (low * wheelShadows + middle * wheelMidtones + high * wheelHighlights) / (low + middle + high);
}`,
  },
  {
    isUsed: hasChannelCurves,
    call: "c = curved(c);",
    code: `
uniform sampler2D channelCurves;
vec4 curvesAt(float x) {
  float at = clamp(x, 0.0, 1.0) * ${CURVE_SIZE - 1}.0;
  int low = int(floor(at));
  return mix(texelFetch(channelCurves, ivec2(low, 0), 0), texelFetch(channelCurves, ivec2(min(low + 1, ${CURVE_SIZE - 1}), 0), 0), fract(at));
}
vec3 curved(vec3 c) {
  c = vec3(curvesAt(c.r).r, curvesAt(c.g).r, curvesAt(c.b).r);
  return vec3(curvesAt(c.r).g, curvesAt(c.g).b, curvesAt(c.b).a);
}`,
  },
  {
    isUsed: hasHueCurves,
    call: "c = hueCurved(c);",
    code: `
uniform sampler2D hueCurves;
vec3 hueCurved(vec3 c) {
  vec3 hsv = hsvOf(clamp(c, 0.0, 1.0));
  float at = hsv.x * ${CURVE_SIZE}.0;
  int low = int(floor(at)) % ${CURVE_SIZE};
  vec3 change = mix(texelFetch(hueCurves, ivec2(low, 0), 0), texelFetch(hueCurves, ivec2((low + 1) % ${CURVE_SIZE}, 0), 0), fract(at)).rgb;
  float y = luma(clamp(c, 0.0, 1.0));
  vec3 moved = rgbOf(vec3(fract(hsv.x + 0.5 * change.r), clamp(hsv.y * max(0.0, 1.0 + change.g), 0.0, 1.0), hsv.z));
  return moved + (y - luma(moved) + change.b);
}`,
  },
  {
    isUsed: ({ secondaries }) => secondaries.length > 0,
    call: "for (int i = 0; i < secondaryCount; i++) c = secondary(c, i);",
    code: `
uniform int secondaryCount;
uniform vec3 keyHue[4], keySaturation[4], keyLuma[4];
uniform vec3 fixColor[4];
uniform vec2 fixTone[4];
float inRange(vec3 key, float x) {
  float below = key.z > 0.0 ? ramp(key.x - key.z, key.x, x) : step(key.x, x);
  float above = key.z > 0.0 ? 1.0 - ramp(key.y, key.y + key.z, x) : step(x, key.y);
  return below * above;
}
vec3 secondary(vec3 c, int i) {
  vec3 seen = clamp(c, 0.0, 1.0), hsv = hsvOf(seen), key = keyHue[i];
  float away = abs(fract(hsv.x - key.x / 360.0 + 0.5) - 0.5) * 360.0;
  float mask = away <= key.y ? 1.0 : key.z > 0.0 ? 1.0 - ramp(key.y, key.y + key.z, away) : 0.0;
  if (hsv.y < 0.001 && key.y < 180.0) mask = 0.0;
  mask *= inRange(keySaturation[i], hsv.y) * inRange(keyLuma[i], luma(seen));
  vec3 moved = fixColor[i].x == 0.0 ? c : rgbOf(vec3(fract(hsv.x + fixColor[i].x / 360.0), hsv.yz));
  moved = mix(vec3(luma(moved)), moved, max(0.0, 1.0 + fixColor[i].y)) + fixColor[i].z;
  return mix(c, toned(moved, fixTone[i].x, fixTone[i].y), mask);
}`,
  },
  {
    isUsed: ({ lut }) => lut !== null,
    call: "c = looked(clamp(c, 0.0, 1.0));",
    code: `
uniform sampler3D lut;
uniform float lutIntensity;
uniform vec3 lutMin, lutMax;
vec3 looked(vec3 c) {
  ivec3 last = textureSize(lut, 0) - 1;
  vec3 at = clamp((c - lutMin) / (lutMax - lutMin), 0.0, 1.0) * vec3(last);
  ivec3 a = ivec3(floor(at)), b = min(a + 1, last);
  vec3 t = fract(at);
  vec3 near = mix(
    mix(texelFetch(lut, a, 0).rgb, texelFetch(lut, ivec3(b.r, a.gb), 0).rgb, t.r),
    mix(texelFetch(lut, ivec3(a.r, b.g, a.b), 0).rgb, texelFetch(lut, ivec3(b.rg, a.b), 0).rgb, t.r), t.g);
  vec3 far = mix(
    mix(texelFetch(lut, ivec3(a.rg, b.b), 0).rgb, texelFetch(lut, ivec3(b.r, a.g, b.b), 0).rgb, t.r),
    mix(texelFetch(lut, ivec3(a.r, b.gb), 0).rgb, texelFetch(lut, b, 0).rgb, t.r), t.g);
  return mix(c, mix(near, far, t.b), lutIntensity);
}`,
  },
];

const GRAIN = {
  isUsed: ({ details }) => details.grain > 0,
  call: "c = grained(c, floor(uv * canvas) + 0.5);",
  code: `
uniform float grain, grainSize, grainRoughness, seed;
vec3 grained(vec3 c, vec2 px) {
  vec2 cell = floor(px / mix(1.0, 6.0, grainSize)) + vec2(seed, 1.37 * seed);
  float base = hash(cell) - hash(cell + vec2(19.19, 73.31));
  float fine = hash(px + vec2(2.11, 0.71) * seed) - 0.5;
  float noise = mix(0.7 * base, base + 0.35 * fine, grainRoughness);
  float y = luma(c);
  return c + noise * grain * mix(0.025, 0.08, ramp(0.02, 0.55, y) * (1.0 - ramp(0.88, 1.0, y)));
}`,
};

const VIGNETTE = {
  isUsed: ({ details }) => details.vignette > 0,
  call: "c *= vignetted(uv);",
  code: `
uniform float vignette, vignetteMidpoint, vignetteRoundness, vignetteFeather;
float vignetted(vec2 uv) {
  vec2 q = abs(2.0 * (uv - 0.5)) * size / min(size.x, size.y);
  float e = mix(8.0, 1.8, 0.5 * (vignetteRoundness + 1.0));
  float r = pow(pow(q.x, e) + pow(q.y, e), 1.0 / e);
  float middle = mix(0.22, 1.08, vignetteMidpoint), feather = mix(0.08, 0.72, vignetteFeather);
  return 1.0 - 0.75 * vignette * ramp(middle, middle + feather, r);
}`,
};

const callsOf = (parts) => parts.map(({ call }) => `  ${call}`).join("\n");
const codeOf = (parts) => parts.map(({ code }) => code).join("\n");
const usedOf = (parts, grade) => parts.filter(({ isUsed }) => isUsed(grade));

const SAMPLED = "vec4 sampled(vec2 uv) { return texture(source, uv); }";

/** Programs that prepare the input of the last one, in their order. @returns {string[]} */
export function samplingPrograms(grade) {
  const used = usedOf(SAMPLING_PARTS, grade);
  const head = [HEAD, SHARED_EFFECTS, SAMPLED].join("\n");
  const places = used.filter(({ stage }) => stage === "place");
  const samples = used.filter(({ stage }) => stage === "sample");
  const move = `${head}${codeOf(places)}
void main() {
  vec2 uv = gl_FragCoord.xy / size;
${callsOf(places)}
  result = sampled(uv);
}`;
  const passes = samples.map(
    ({ call, code }) => `${head}${code}
void main() {
  vec2 uv = gl_FragCoord.xy / size;
  vec4 picked = texelFetch(source, ivec2(gl_FragCoord.xy), 0);
  ${call}
  result = picked;
}`,
  );
  return places.length > 0 ? [move, ...passes] : passes;
}

/** The last program of a grade. @returns {string} */
export function fragmentProgram(grade) {
  const corrections = grade.intensity > 0 ? usedOf(CORRECTIONS, grade) : [];
  const sampling = usedOf(SAMPLING_PARTS, grade).filter(
    ({ stage }) => stage === "warp" || stage === "after",
  );
  const effects = usedOf(EFFECT_PARTS, grade);
  const details = usedOf([GRAIN, VIGNETTE], grade);
  const when = (stage) => callsOf(effects.filter((part) => part.stage === stage));
  // Without any part that moves pixels, each is read at its own place.
  const own = sampling.length > 0 ? "sampled(at)" : "texelFetch(source, ivec2(gl_FragCoord.xy), 0)";
  return [
    HEAD,
    HUES,
    TONE,
    SHARED_EFFECTS,
    SAMPLED,
    codeOf(sampling),
    codeOf(corrections),
    `uniform float intensity;\nvec3 graded(vec3 given) {\n  vec3 c = given;\n${callsOf(corrections)}\n  return ${corrections.length > 0 ? "mix(given, clamp(c, 0.0, 1.0), intensity)" : "given"};\n}`,
    ...Object.keys(SHARED_PARTS)
      .filter((name) => effects.some(({ needs }) => needs === name))
      .map((name) => SHARED_PARTS[name]),
    codeOf([...effects, ...details]),
    `void main() {
  vec2 uv = gl_FragCoord.xy / size, at = uv;
${callsOf(sampling.filter(({ stage }) => stage === "warp"))}
  vec4 picked = ${own};
${callsOf(sampling.filter(({ stage }) => stage === "after"))}
  vec3 c = graded(picked.rgb);
${callsOf(details.filter((part) => part === GRAIN))}
${when("film")}
${when("print")}
${when("light")}
${callsOf(details.filter((part) => part === VIGNETTE))}
${when("edge")}
  result = vec4(clamp(c, 0.0, 1.0), picked.a);
}`,
  ].join("\n");
}
