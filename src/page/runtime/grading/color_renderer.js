// Draws graded pictures: one WebGL context for all elements of a document.
//
// The source is a canvas with the element's picture as it lies in its box; the result is pixels.
// Nothing stays from one drawing to the next except programs and tables, so that the result depends
// on the input alone.

import { native, nativeMethod } from "../natives.js";
import { CURVE_SIZE, curveTable, hueTable } from "./color_curves.js";
import { CHANNEL_CURVES, ZONES } from "./color_grades.js";
import { GLYPH_BOX, glyphSheet } from "./color_glyphs.js";
import { tapeBands } from "./color_sampling.js";
import {
  BLUR_PASS,
  BRIGHT_PASS,
  CARRY_PASS,
  GLOW_PASS,
  KUWAHARA_PASS,
  MIX_PASS,
  SUM_PASS,
  VERTEX_PROGRAM,
} from "./color_passes.js";
import {
  fragmentProgram,
  hasChannelCurves,
  hasHueCurves,
  samplingPrograms,
} from "./color_shaders.js";

const BLACK_AND_WHITE = [
  [0, 0, 0],
  [1, 1, 1],
];
const INK_ON_PAPER = [
  [0x1a, 0x1a, 0x1a],
  [0xf5, 0xf5, 0xdc],
].map((color) => color.map((code) => code / 255));

/** @typedef {{program: WebGLProgram, uniforms: {name: string, type: number, count: number, at: WebGLUniformLocation}[]}} GradeProgram */
/** @typedef {{texture: WebGLTexture, target: number}} GradeTexture */
/** @typedef {{canvas: OffscreenCanvas, grade: object, lut: object|null, unit: number, seconds: number, seed: number}} GradeDrawing
 *  `unit` is how many pixels of the canvas one of the device is. */

export const contextOf = nativeMethod(window.OffscreenCanvas?.prototype, "getContext");
const NativeCanvas = window.OffscreenCanvas;

/** A canvas outside of any document. */
export const hiddenCanvas = (width, height) => new NativeCanvas(width, height);
export const context2d = (canvas) => contextOf(canvas, "2d", { willReadFrequently: true });

/** @type {WebGL2RenderingContext|null} */
let gl = null;
/** @type {Map<string, GradeProgram>} by fragment program */
let programs = new native.Map();
/** @type {Map<object, WebGLTexture>} of color tables */
let lutTextures = new native.Map();
/** @type {Map<number, {texture: WebGLTexture, count: number}>} by style */
let glyphTextures = new native.Map();
let framebuffer = null;

/** Opens the context, or another one if the browser took it away. */
function openContext() {
  if (gl && !gl.isContextLost()) return;
  gl = contextOf(hiddenCanvas(1, 1), "webgl2", { antialias: false, depth: false, alpha: true });
  if (!gl) throw new Error("WebGL 2 is not to be had");
  [programs, lutTextures, glyphTextures] = [new native.Map(), new native.Map(), new native.Map()];
  // Sums of colors need more than eight bits.
  if (!gl.getExtension("EXT_color_buffer_float"))
    throw new Error("WebGL 2 without targets of floats");
  framebuffer = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.pixelStorei(gl.PACK_ALIGNMENT, 1);
}

function compile(kind, text) {
  const shader = gl.createShader(kind);
  gl.shaderSource(shader, text);
  gl.compileShader(shader);
  if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost())
    throw new Error(`a program does not compile: ${gl.getShaderInfoLog(shader)}`);
  return shader;
}

/** @returns {GradeProgram} */
function programOf(text) {
  let known = programs.get(text);
  if (known) return known;
  const program = gl.createProgram();
  gl.attachShader(program, compile(gl.VERTEX_SHADER, VERTEX_PROGRAM));
  gl.attachShader(program, compile(gl.FRAGMENT_SHADER, text));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost())
    throw new Error(`a program does not link: ${gl.getProgramInfoLog(program)}`);
  const uniforms = Array.from(
    { length: gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS) },
    (_, i) => {
      const { name, type, size } = gl.getActiveUniform(program, i);
      return {
        name: name.replace("[0]", ""),
        type,
        count: size,
        at: gl.getUniformLocation(program, name),
      };
    },
  );
  known = { program, uniforms };
  programs.set(text, known);
  return known;
}

function makeTexture(target, filter, fill) {
  const texture = gl.createTexture();
  gl.bindTexture(target, texture);
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R])
    gl.texParameteri(target, side, gl.CLAMP_TO_EDGE);
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, filter);
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, filter);
  fill();
  return texture;
}

function setUniform(type, at, value) {
  const list = typeof value === "number" ? [value] : value.flat();
  if (type === gl.FLOAT) gl.uniform1fv(at, list);
  else if (type === gl.FLOAT_VEC2) gl.uniform2fv(at, list);
  else if (type === gl.FLOAT_VEC3) gl.uniform3fv(at, list);
  else gl.uniform1iv(at, list);
}

/** Draws over the whole of a target. `values` has numbers and textures by the names of uniforms. */
function run(text, target, values) {
  const { program, uniforms } = programOf(text);
  gl.useProgram(program);
  gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target.texture, 0);
  gl.viewport(0, 0, target.width, target.height);
  const given = { ...values, size: [target.width, target.height] };
  let unit = 0;
  for (const { name, type, at } of uniforms) {
    const isTable = type === gl.SAMPLER_3D;
    if (isTable || type === gl.SAMPLER_2D) {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(isTable ? gl.TEXTURE_3D : gl.TEXTURE_2D, given[name]);
      gl.uniform1i(at, unit++);
    } else setUniform(type, at, given[name]);
  }
  gl.drawArrays(gl.TRIANGLES, 0, 3);
}

/** A step's own textures, which are deleted at its end. */
class Scratch {
  textures = [];

  keep(texture) {
    this.textures.push(texture);
    return texture;
  }

  target(width, height) {
    const allocate = () => gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
    return { texture: this.keep(makeTexture(gl.TEXTURE_2D, gl.LINEAR, allocate)), width, height };
  }

  /** A texture whose numbers may be large. */
  sums(width, height) {
    const allocate = () => gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA32F, width, height);
    return { texture: this.keep(makeTexture(gl.TEXTURE_2D, gl.NEAREST, allocate)), width, height };
  }

  source(canvas) {
    const upload = () => {
      gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, true);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, canvas);
      gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    };
    return {
      texture: this.keep(makeTexture(gl.TEXTURE_2D, gl.LINEAR, upload)),
      width: canvas.width,
      height: canvas.height,
    };
  }

  curves(entryAt) {
    const entries = new Float32Array(4 * CURVE_SIZE);
    for (let i = 0; i < CURVE_SIZE; i++) entries.set(entryAt(i), 4 * i);
    const upload = () =>
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, CURVE_SIZE, 1, 0, gl.RGBA, gl.FLOAT, entries);
    return this.keep(makeTexture(gl.TEXTURE_2D, gl.NEAREST, upload));
  }

  free() {
    this.textures.forEach((texture) => gl.deleteTexture(texture));
  }
}

function lutTexture(lut) {
  let texture = lutTextures.get(lut);
  if (!texture) {
    const upload = () =>
      gl.texImage3D(
        gl.TEXTURE_3D,
        0,
        gl.RGBA8,
        lut.size,
        lut.size,
        lut.size,
        0,
        gl.RGBA,
        gl.UNSIGNED_BYTE,
        lut.rows,
      );
    lutTextures.set(lut, (texture = makeTexture(gl.TEXTURE_3D, gl.NEAREST, upload)));
  }
  return texture;
}

function glyphTexture(style) {
  let known = glyphTextures.get(style);
  if (!known) {
    const { bytes, count } = glyphSheet(style);
    const upload = () =>
      gl.texImage2D(
        gl.TEXTURE_2D,
        0,
        gl.R8,
        GLYPH_BOX[0] * count,
        GLYPH_BOX[1],
        0,
        gl.RED,
        gl.UNSIGNED_BYTE,
        bytes,
      );
    glyphTextures.set(
      style,
      (known = { texture: makeTexture(gl.TEXTURE_2D, gl.NEAREST, upload), count }),
    );
  }
  return known;
}

/** The addition of a wheel: the pure color of its hue without its light, and its level. */
function wheelColor({ hue, amount, level }) {
  const pure = [0, 2, 1].map((third) =>
    Math.min(Math.max(Math.abs(((hue / 360 + third / 3) % 1) * 6 - 3) - 1, 0), 1),
  );
  const light = 0.2126 * pure[0] + 0.7152 * pure[1] + 0.0722 * pure[2];
  const apart = pure.map((code) => code - light);
  const most = Math.max(...apart.map(Math.abs));
  return apart.map((code) => (0.18 * amount * code) / most + 0.25 * level);
}

const blurRadius = (amount) => 0.75 + 32 * amount ** 1.35;
const roundedMix = (from, to, part) => Math.round(from + (to - from) * part);
// Changes by hue are stored in eight bits, as in HyperFrames.
const inBytes = (part) => (Math.round(127 * part + 128) - 128) / 127;

/**
 * The radius in pixels above which a blur is made in half the size, where no difference is visible.
 */
const COARSE_RADIUS = 8;
// A standard deviation is 5/12 of the radius, which has twelve taps.
const blurWeights = (() => {
  const weights = Array.from({ length: 13 }, (_, i) => Math.exp(-0.5 * (i / 5) ** 2));
  const all = weights.reduce((sum, weight) => sum + 2 * weight, -weights[0]);
  return weights.map((weight) => weight / all);
})();

function blurred(scratch, source, amount, unit) {
  const full = unit * blurRadius(amount);
  const part = full > COARSE_RADIUS ? 2 : 1;
  const [width, height] = [source.width, source.height].map((side) =>
    Math.max(1, Math.ceil(side / part)),
  );
  const radius = full / part;
  const [a, b] = [scratch.target(width, height), scratch.target(width, height)];
  run(CARRY_PASS, a, { source: source.texture });
  for (let i = amount > 0.55 ? 3 : 2; i > 0; i--) {
    run(BLUR_PASS, b, { source: a.texture, direction: [1, 0], radius, weights: blurWeights });
    run(BLUR_PASS, a, { source: b.texture, direction: [0, 1], radius, weights: blurWeights });
  }
  const mixed = scratch.target(source.width, source.height);
  run(MIX_PASS, mixed, { source: source.texture, other: a.texture, amount });
  return mixed;
}

function painted(scratch, source, effects, unit) {
  const reach = Math.round(unit * roundedMix(2, 16, effects.kuwaharaRadius));
  const [width, height] = [source.width + reach, source.height + reach];
  const [across, sums] = [scratch.sums(width, source.height), scratch.sums(width, height)];
  run(SUM_PASS, across, { source: source.texture, reach, isFirst: 1 });
  run(SUM_PASS, sums, { source: across.texture, reach, isFirst: 0 });
  const target = scratch.target(source.width, source.height);
  run(KUWAHARA_PASS, target, {
    source: source.texture,
    sums: sums.texture,
    reach,
    amount: effects.kuwahara,
    sharpness: effects.kuwaharaSharpness,
    saturation: effects.kuwaharaSaturation,
  });
  return target;
}

/** The picture in the form that the last program needs: blurred, painted over, moved and worn. */
function prepared(scratch, source, grade, unit, values) {
  let picture = source;
  if (grade.effects.blur > 0) picture = blurred(scratch, picture, grade.effects.blur, unit);
  if (grade.effects.kuwahara > 0) picture = painted(scratch, picture, grade.effects, unit);
  for (const text of samplingPrograms(grade)) {
    const target = scratch.target(source.width, source.height);
    run(text, target, { ...values, source: picture.texture });
    picture = target;
  }
  return picture;
}

function glowOf(scratch, source, { effects }, unit) {
  const [width, height] = [source.width, source.height].map((side) =>
    Math.max(1, Math.round(side / 2)),
  );
  const [a, b] = [scratch.target(width, height), scratch.target(width, height)];
  run(BRIGHT_PASS, a, { source: source.texture });
  const radius = unit * effects.bloomRadius;
  run(GLOW_PASS, b, { source: a.texture, direction: [1, 0], radius });
  run(GLOW_PASS, a, { source: b.texture, direction: [0, 1], radius });
  return a.texture;
}

/** Tables of a grade's curves. */
function curveTextures(scratch, grade) {
  const found = {};
  if (hasChannelCurves(grade)) {
    const tables = CHANNEL_CURVES.map(
      (name) => grade.curves[name] && curveTable(grade.curves[name]),
    );
    found.channelCurves = scratch.curves((i) =>
      tables.map((table) => (table ? table[i] : i / (CURVE_SIZE - 1))),
    );
  }
  if (hasHueCurves(grade)) {
    const { hueVsHue, hueVsSaturation, hueVsLuma } = grade.hueCurves;
    const tables = [hueVsHue, hueVsSaturation, hueVsLuma].map(
      (points) => points && hueTable(points),
    );
    found.hueCurves = scratch.curves((i) => [
      ...tables.map((table, at) => (table ? inBytes(table[i] / (at === 0 ? 180 : 1)) : 0)),
      0,
    ]);
  }
  return found;
}

function keysOf(secondaries) {
  const all = (pick) =>
    Array.from({ length: 4 }, (_, i) =>
      secondaries[i] ? pick(secondaries[i]) : pick(secondaries[0]),
    );
  return {
    secondaryCount: secondaries.length,
    keyHue: all(({ hue }) => [hue.center, hue.range, hue.softness]),
    keySaturation: all(({ saturation }) => [saturation.min, saturation.max, saturation.softness]),
    keyLuma: all(({ luma }) => [luma.min, luma.max, luma.softness]),
    fixColor: all(({ correction }) => [
      correction.hueShift,
      correction.saturation,
      correction.luma,
    ]),
    fixTone: all(({ correction }) => [correction.temperature, correction.tint]),
  };
}

function paletteOf({ palette }) {
  const colors = palette ?? BLACK_AND_WHITE;
  const lines = palette ?? INK_ON_PAPER;
  return {
    palette: Array.from({ length: 6 }, (_, i) => colors[Math.min(i, colors.length - 1)]),
    paletteCount: colors.length,
    ink: colors[0],
    paper: colors.at(-1),
    lineInk: lines[0],
    linePaper: lines.at(-1),
  };
}

/**
 * Draws a picture.
 * @param {GradeDrawing} drawing
 * @returns {Uint8Array} straight RGBA, the lowest row first. Throws where it cannot be drawn.
 */
export function drawGrade(drawing) {
  for (let tries = 0; tries < 2; tries++) {
    openContext();
    const pixels = drawOnce(drawing);
    // The browser takes the oldest context away from a page that opens many.
    if (!gl.isContextLost()) return pixels;
  }
  throw new Error("the browser takes its WebGL context away");
}

function drawOnce({ canvas, grade, lut, unit, seconds, seed }) {
  const scratch = new Scratch();
  try {
    const source = scratch.source(canvas);
    const values = {
      ...grade.adjust,
      ...grade.details,
      ...grade.effects,
      ...paletteOf(grade),
      ...curveTextures(scratch, grade),
      ...(grade.secondaries.length > 0 ? keysOf(grade.secondaries) : {}),
      ...Object.fromEntries(
        ZONES.map((zone) => [
          `wheel${zone[0].toUpperCase()}${zone.slice(1)}`,
          wheelColor(grade.wheels[zone]),
        ]),
      ),
      intensity: grade.intensity,
      canvas: [canvas.width / unit, canvas.height / unit],
      time: seconds,
      tapeBands: tapeBands(grade.effects.tapeSpeed, seconds),
      seed,
    };
    if (lut)
      Object.assign(values, {
        lut: lutTexture(lut),
        lutIntensity: grade.lut.intensity,
        lutMin: lut.min,
        lutMax: lut.max,
      });
    if (grade.effects.bloom > 0) values.glow = glowOf(scratch, source, grade, unit);
    if (grade.effects.ascii > 0) {
      const { texture, count } = glyphTexture(Math.round(grade.effects.asciiStyle));
      Object.assign(values, { glyphs: texture, glyphCount: count });
    }
    values.source = prepared(scratch, source, grade, unit, values).texture;
    const target = scratch.target(canvas.width, canvas.height);
    run(fragmentProgram(lut ? grade : { ...grade, lut: null }), target, values);
    const pixels = new Uint8Array(4 * target.width * target.height);
    gl.readPixels(0, 0, target.width, target.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    return pixels;
  } finally {
    scratch.free();
  }
}
