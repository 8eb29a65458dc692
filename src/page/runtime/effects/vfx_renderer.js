// Draws chains of effects: one WebGL context for all chains of a document.
//
// Everything has eight bits, and colors carry their alpha. Nothing stays from one drawing to the
// next except `vfxPrograms`, so that the result depends on the input alone.

import { native } from "../natives.js";
import { contextOf, hiddenCanvas } from "../grading/color_renderer.js";
import { VERTEX_PROGRAM } from "../grading/color_passes.js";
import { PLAIN_PROGRAM, VFX_EFFECTS } from "./vfx_effects.js";

/** @typedef {{type: string, values: Record<string, number>, pictures: Record<string, CanvasImageSource|null>}} VfxNode
 *  `pictures` are stretched over the whole; null stands for what the node itself gets */
/** @typedef {{width: number, height: number, unit: number, source: OffscreenCanvas|null, nodes: VfxNode[]}} VfxDrawing
 *  in pixels of the picture; `unit` is how many of them one of the page is */

/** @type {WebGL2RenderingContext|null} */
let vfxGl = null;
let vfxCanvas = null;
let vfxFramebuffer = null;
/** @type {Map<string, WebGLProgram>} by fragment program */
let vfxPrograms = new native.Map();

function openVfxContext() {
  if (vfxGl && !vfxGl.isContextLost()) return;
  vfxCanvas = hiddenCanvas(1, 1);
  vfxGl = contextOf(vfxCanvas, "webgl2", {
    antialias: false,
    depth: false,
    alpha: true,
    premultipliedAlpha: true,
  });
  if (!vfxGl) throw new Error("WebGL 2 is not to be had");
  vfxPrograms = new native.Map();
  vfxFramebuffer = vfxGl.createFramebuffer();
  vfxGl.pixelStorei(vfxGl.UNPACK_FLIP_Y_WEBGL, true);
  vfxGl.pixelStorei(vfxGl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
}

function vfxProgram(text) {
  let program = vfxPrograms.get(text);
  if (program) return program;
  program = vfxGl.createProgram();
  for (const [kind, source] of [
    [vfxGl.VERTEX_SHADER, VERTEX_PROGRAM],
    [vfxGl.FRAGMENT_SHADER, text],
  ]) {
    const shader = vfxGl.createShader(kind);
    vfxGl.shaderSource(shader, source);
    vfxGl.compileShader(shader);
    if (!vfxGl.getShaderParameter(shader, vfxGl.COMPILE_STATUS) && !vfxGl.isContextLost())
      throw new Error(`a program does not compile: ${vfxGl.getShaderInfoLog(shader)}`);
    vfxGl.attachShader(program, shader);
  }
  vfxGl.linkProgram(program);
  if (!vfxGl.getProgramParameter(program, vfxGl.LINK_STATUS) && !vfxGl.isContextLost())
    throw new Error(`a program does not link: ${vfxGl.getProgramInfoLog(program)}`);
  vfxPrograms.set(text, program);
  return program;
}

function vfxTexture(fill) {
  const texture = vfxGl.createTexture();
  vfxGl.bindTexture(vfxGl.TEXTURE_2D, texture);
  for (const side of [vfxGl.TEXTURE_WRAP_S, vfxGl.TEXTURE_WRAP_T])
    vfxGl.texParameteri(vfxGl.TEXTURE_2D, side, vfxGl.CLAMP_TO_EDGE);
  for (const filter of [vfxGl.TEXTURE_MIN_FILTER, vfxGl.TEXTURE_MAG_FILTER])
    vfxGl.texParameteri(vfxGl.TEXTURE_2D, filter, vfxGl.LINEAR);
  fill();
  return texture;
}

const emptyTexture = (width, height) =>
  vfxTexture(() => vfxGl.texStorage2D(vfxGl.TEXTURE_2D, 1, vfxGl.RGBA8, width, height));
const pictureTexture = (picture) =>
  vfxTexture(() =>
    vfxGl.texImage2D(vfxGl.TEXTURE_2D, 0, vfxGl.RGBA8, vfxGl.RGBA, vfxGl.UNSIGNED_BYTE, picture),
  );

// Draws into `target`, or into the canvas if there is none.
function runEffect(text, target, { width, height }, values, textures) {
  const program = vfxProgram(text);
  vfxGl.useProgram(program);
  vfxGl.bindFramebuffer(vfxGl.FRAMEBUFFER, target ? vfxFramebuffer : null);
  if (target)
    vfxGl.framebufferTexture2D(
      vfxGl.FRAMEBUFFER,
      vfxGl.COLOR_ATTACHMENT0,
      vfxGl.TEXTURE_2D,
      target,
      0,
    );
  vfxGl.viewport(0, 0, width, height);
  for (let i = vfxGl.getProgramParameter(program, vfxGl.ACTIVE_UNIFORMS) - 1; i >= 0; i--) {
    const { name, type } = vfxGl.getActiveUniform(program, i);
    const at = vfxGl.getUniformLocation(program, name);
    if (type === vfxGl.SAMPLER_2D) {
      vfxGl.activeTexture(vfxGl.TEXTURE0 + i);
      vfxGl.bindTexture(vfxGl.TEXTURE_2D, textures[name]);
      vfxGl.uniform1i(at, i);
    } else if (type === vfxGl.FLOAT_VEC2) vfxGl.uniform2f(at, width, height);
    else if (type === vfxGl.FLOAT) vfxGl.uniform1f(at, values[name]);
    else vfxGl.uniform1i(at, values[name]);
  }
  vfxGl.drawArrays(vfxGl.TRIANGLES, 0, 3);
}

function drawChainOnce(drawing) {
  const { width, height, unit, source, nodes } = drawing;
  Object.assign(vfxCanvas, { width, height });
  const textures = [emptyTexture(width, height), emptyTexture(width, height)];
  const keep = (texture) => (textures.push(texture), texture);
  try {
    let [next, other] = textures;
    let shown = source ? keep(pictureTexture(source)) : keep(emptyTexture(width, height));
    for (const { type, values, pictures } of nodes) {
      const refs = Object.fromEntries(
        Object.entries(pictures).map(([name, picture]) => [
          name,
          picture ? keep(pictureTexture(picture)) : shown,
        ]),
      );
      runEffect(
        VFX_EFFECTS[type].program,
        next,
        drawing,
        { ...values, unit },
        { ...refs, source: shown },
      );
      [shown, next, other] = [next, other, next];
    }
    runEffect(PLAIN_PROGRAM, null, drawing, { unit }, { source: shown });
  } finally {
    textures.forEach((texture) => vfxGl.deleteTexture(texture));
  }
}

/**
 * Draws a chain.
 * @param {VfxDrawing} drawing
 * @returns {OffscreenCanvas} which keeps it until this task ends. Throws where it cannot be drawn.
 */
export function drawChain(drawing) {
  for (let tries = 0; tries < 2; tries++) {
    openVfxContext();
    drawChainOnce(drawing);
    // The browser takes the oldest context away from a page that opens many.
    if (!vfxGl.isContextLost()) return vfxCanvas;
  }
  throw new Error("the browser takes its WebGL context away");
}
