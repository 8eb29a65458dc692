// The effects of `data-vfx-chain`: their parameters, and the programs that draw them.
//
// Colors carry their alpha. Places are pixels of the page from the upper left corner, so that a finer
// picture shows the same; only `noise` counts pixels of the picture itself.

const EFFECT_HEAD = `#version 300 es
precision highp float;
precision highp int;
uniform sampler2D source;
uniform vec2 size;
uniform float unit;
out vec4 result;
vec2 place() { return vec2(gl_FragCoord.x, size.y - gl_FragCoord.y) / unit; }
vec4 own() { return texelFetch(source, ivec2(gl_FragCoord.xy), 0); }
vec4 colorAt(vec2 at) {
  vec2 part = at * unit / size;
  if (any(lessThan(part, vec2(0.0))) || any(greaterThan(part, vec2(1.0)))) return vec4(0.0);
  return texture(source, vec2(part.x, 1.0 - part.y));
}
`;

/** Shows the source unchanged. */
export const PLAIN_PROGRAM = `${EFFECT_HEAD}
void main() { result = own(); }`;

// The hash is "lowbias32". Each octave has values of its own.
const FRACTAL_NOISE = `${EFFECT_HEAD}
uniform int noiseType, invert, randomSeed;
uniform float contrast, brightness, scale, complexity, subInfluence, subScaling, evolution, opacity;
uint scatter(uint x) {
  x ^= x >> 16; x *= 0x7feb352du;
  x ^= x >> 15; x *= 0x846ca68bu;
  return x ^ (x >> 16);
}
float valueAt(vec2 cell, uint seed) {
  uvec2 at = uvec2(mod(cell, 1048576.0));
  return float(scatter(at.x ^ scatter(at.y ^ scatter(seed))) >> 8) / 16777215.0;
}
float valueNoise(vec2 p, uint seed) {
  vec2 cell = floor(p), t = p - cell;
  if (noiseType == 1) return valueAt(cell, seed);
  if (noiseType == 3) t = t * t * (3.0 - 2.0 * t);
  if (noiseType == 4) t = t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
  float above = mix(valueAt(cell, seed), valueAt(cell + vec2(1.0, 0.0), seed), t.x);
  float below = mix(valueAt(cell + vec2(0.0, 1.0), seed), valueAt(cell + 1.0, seed), t.x);
  return mix(above, below, t.y);
}
void main() {
  vec2 p = place() / max(scale, 0.01) + evolution * vec2(1.0, 0.5);
  float octaves = clamp(complexity, 1.0, 20.0), gain = max(subInfluence, 0.0) / 100.0, lacunarity = 100.0 / max(subScaling, 1.0);
  float sum = 0.0, weights = 0.0, weight = 1.0;
  for (int i = 0; i < 20; i++) {
    float part = weight * clamp(octaves - float(i), 0.0, 1.0);
    if (float(i) >= octaves) break;
    sum += part * valueNoise(p, uint(randomSeed) * 32u + uint(i));
    weights += part;
    weight *= gain;
    p *= lacunarity;
  }
  float n = sum / weights;
  if (invert != 0) n = 1.0 - n;
  float v = clamp((n - 0.5) * contrast / 100.0 + 0.5 + brightness / 100.0, 0.0, 1.0);
  float alpha = clamp(opacity / 100.0, 0.0, 1.0);
  result = vec4(vec3(v), 1.0) * alpha + own() * (1.0 - alpha);
}`;

const WAVE_WARP = `${EFFECT_HEAD}
uniform float height, width, direction, speed, phase, seconds;
void main() {
  float angle = radians(direction);
  vec2 travel = vec2(sin(angle), -cos(angle)), across = vec2(-travel.y, travel.x);
  float length = abs(width) < 0.01 ? 0.01 : width;
  float turns = dot(place(), travel) / length + phase / 360.0 + speed * seconds;
  result = colorAt(place() + across * height * sin(6.283185307179586 * fract(turns)));
}`;

const DISPLACEMENT_MAP = `${EFFECT_HEAD}
uniform sampler2D map;
uniform int useH, useV;
uniform float maxH, maxV;
float level(vec4 c, int channel) {
  if (channel == 4) return c.a;
  vec3 rgb = c.a > 0.0 ? c.rgb / c.a : vec3(0.0);
  if (channel <= 3) return rgb[channel - 1];
  if (channel <= 8) return dot(rgb, vec3(0.299, 0.587, 0.114));
  return channel == 9 ? 1.0 : 0.5;
}
void main() {
  vec4 c = texture(map, gl_FragCoord.xy / size);
  vec2 shift = 2.0 * (vec2(level(c, useH), level(c, useV)) - 0.5) * vec2(maxH, maxV);
  result = colorAt(place() + shift);
}`;

const LUMA_MATTE = `${EFFECT_HEAD}
uniform sampler2D matte;
uniform int mode;
void main() {
  vec4 c = texture(matte, gl_FragCoord.xy / size);
  float part = mode <= 2 ? c.a : dot(c.rgb, vec3(0.299, 0.587, 0.114));
  result = own() * (mode == 2 || mode == 4 ? 1.0 - part : part);
}`;

// Jenkins' hash, "one at a time" for one word.
const NOISE = `${EFFECT_HEAD}
uniform float amount;
uniform int useColorNoise, clipping, frame;
uint scatter(uint x) {
  x += x << 10; x ^= x >> 6;
  x += x << 3; x ^= x >> 11;
  return x + (x << 15);
}
float levelOf(uint x) { return float(x >> 8) / 16777215.0; }
void main() {
  uvec2 at = uvec2(uint(gl_FragCoord.x), uint(size.y - gl_FragCoord.y));
  uint r = scatter(at.x ^ scatter(at.y ^ scatter(uint(frame))));
  uint g = scatter(r), b = scatter(g);
  vec3 random = useColorNoise != 0 ? vec3(levelOf(r), levelOf(g), levelOf(b)) : vec3(levelOf(r));
  vec4 c = own();
  vec3 rgb = c.rgb + (random - 0.5) * amount / 100.0;
  if (clipping == 0 && c.a > 0.0) rgb = fract(rgb / c.a) * c.a;
  result = vec4(clamp(rgb, vec3(0.0), vec3(c.a)), c.a);
}`;

/**
 * @typedef {object} VfxEffect
 * @property {string} program
 * @property {boolean} [generates] it draws without a source
 * @property {"seconds"|"frame"} [moves] by what it changes although no parameter does
 * @property {Record<string, number>} numbers parameters that can be animated, with their defaults
 * @property {Record<string, [number, number]>} choices parameters that are one of 1 to the second
 *   number, and the default
 * @property {Record<string, boolean>} flags
 * @property {Record<string, boolean>} refs parameters that name an element, and whether they must
 */

/** @type {Record<string, VfxEffect>} */
export const VFX_EFFECTS = {
  "fractal-noise": {
    program: FRACTAL_NOISE,
    generates: true,
    numbers: {
      contrast: 100,
      brightness: 0,
      scale: 100,
      complexity: 6,
      subInfluence: 70,
      subScaling: 56,
      evolution: 0,
      randomSeed: 0,
      opacity: 100,
    },
    choices: { noiseType: [3, 4] },
    flags: { invert: false },
    refs: {},
  },
  "wave-warp": {
    program: WAVE_WARP,
    moves: "seconds",
    numbers: { height: 10, width: 40, direction: 90, speed: 1, phase: 0 },
    choices: {},
    flags: {},
    refs: {},
  },
  "displacement-map": {
    program: DISPLACEMENT_MAP,
    numbers: { maxH: 5, maxV: 5 },
    choices: { useH: [1, 11], useV: [2, 11] },
    flags: {},
    refs: { map: false },
  },
  "luma-matte": {
    program: LUMA_MATTE,
    numbers: {},
    choices: { mode: [3, 4] },
    flags: {},
    refs: { matte: true },
  },
  noise: {
    program: NOISE,
    moves: "frame",
    numbers: { amount: 0 },
    choices: {},
    flags: { useColorNoise: true, clipping: true },
    refs: {},
  },
};
