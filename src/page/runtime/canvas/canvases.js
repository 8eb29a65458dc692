// Drawing by graphics card, real or emulated: page code hands it over and continues at once.
//
// A captured frame waits for it. A frame that is only passed would not, and a page that draws for
// half a second per frame would hand over minutes of work at once. So passed frames wait for it,
// too.

import { native, nativeMethod, override } from "../natives.js";

/** The native `getContext` of a canvas, which the watch below does not see. */
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

/** Whether page code draws elements into canvases: the page has to be painted before it draws. */
export const drawsPaintedElements = () => hasDrawnElements;

/** Resolves when the document has been painted in its present state. */
export function nextPaint() {
  return new Promise((resolve) => native.requestFrame(() => native.requestFrame(resolve)));
}

// Reading a pixel is the only call that waits for all drawing (`finish` only hands over).
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

/** Waits until all drawing of page code is done. */
export function finishOwnDrawing() {
  if (contexts.length === 0) return;
  contexts = contexts.filter((reference) => reference.deref());
  for (const reference of contexts) {
    const gl = reference.deref();
    if (gl) finishContext(gl);
  }
}
