// Drawing by graphics card, real or emulated: page code hands it over and goes on at once.
//
// A frame that is captured is waited for. One that is only passed is not, and a page that draws for
// half a second a frame would hand over minutes of work in a moment. So passed frames wait for theirs.

import { native, nativeMethod, override } from "../natives.js";

/** A context of a canvas element, and an element drawn into it, unseen by what is watched here. */
export const canvasContext = nativeMethod(window.HTMLCanvasElement?.prototype, "getContext");
export const drawElementImage = nativeMethod(
  window.CanvasRenderingContext2D?.prototype,
  "drawElementImage",
);

/** @type {WeakRef<WebGLRenderingContext>[]} */
let contexts = [];
const seenContexts = new WeakSet();
const pixel = new Uint8Array(4);

function noteContext(context) {
  if (!context || seenContexts.has(context) || typeof context.readPixels !== "function") return;
  seenContexts.add(context);
  contexts.push(new WeakRef(context));
}

for (const owner of [window.HTMLCanvasElement?.prototype, window.OffscreenCanvas?.prototype]) {
  const getContext = owner?.getContext;
  override(owner, {
    getContext(...given) {
      const context = Reflect.apply(getContext, this, given);
      noteContext(context);
      return context;
    },
  });
}

// Canvases that draw elements draw them as they were last painted.

let hasDrawnElements = false;
for (const owner of [
  window.CanvasRenderingContext2D?.prototype,
  window.WebGLRenderingContext?.prototype,
  window.WebGL2RenderingContext?.prototype,
]) {
  for (const name of ["drawElementImage", "texElementImage2D"]) {
    const draw = owner?.[name];
    if (!draw) continue;
    override(owner, {
      [name](...given) {
        hasDrawnElements = true;
        return Reflect.apply(draw, this, given);
      },
    });
  }
}

/** Whether page code draws elements into canvases: it has to be drawn itself before it draws. */
export const drawsPaintedElements = () => hasDrawnElements;

/** Resolves when the document has been painted as it is now. */
export function nextPaint() {
  return new Promise((resolve) => native.requestFrame(() => native.requestFrame(resolve)));
}

// Reading a pixel is what no browser can answer before all is drawn (`finish` only hands over).
function finishContext(gl) {
  if (gl.isContextLost()) return;
  if (
    gl.getParameter(gl.FRAMEBUFFER_BINDING) === null &&
    !(gl.PIXEL_PACK_BUFFER_BINDING && gl.getParameter(gl.PIXEL_PACK_BUFFER_BINDING))
  ) {
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    return;
  }
  const probe = new OffscreenCanvas(1, 1).getContext("2d");
  probe.drawImage(gl.canvas, 0, 0, 1, 1);
  probe.getImageData(0, 0, 1, 1);
}

/** Waits until all that page code has handed over is drawn. */
export function finishOwnDrawing() {
  if (contexts.length === 0) return;
  contexts = contexts.filter((reference) => reference.deref());
  for (const reference of contexts) {
    const gl = reference.deref();
    if (gl) finishContext(gl);
  }
}
