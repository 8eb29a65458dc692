// Canvases that are drawn elsewhere than they are seen: `transferControlToOffscreen`, here or in a
// worker.
//
// The browser presents such a canvas by itself, at a time of its own. Here its drawing goes into a
// canvas apart from the element, and the end of each step puts the drawing into the element, as the
// page's own picture: so a frame has it with any backend.
//
// A worker gets the canvas itself, which keeps none of its properties but its size. Until a context
// is made the size is free, and carries the element's number across (`seal`).

import {
  config,
  native,
  nativeGetter,
  nativeMethod,
  nativeSetter,
  override,
  parentRuntime,
} from "../natives.js";
import { markChanged } from "../rendering/changes.js";
import "./canvases.js";
import { gpuContext } from "./webgpu.js";
import { warnOnce } from "../warnings.js";
import { track } from "../readiness/work.js";

// Sizes are 31 bits. Those above `SEAL` have real ones below, and parts of the number between.
const SEAL = 2 ** 30;
const SIZE_BITS = 17;
const NUMBER_BITS = 13;
const MAX_SIZE = 2 ** SIZE_BITS - 1;
const PART = 2 ** NUMBER_BITS;

/** WebGL's calls that draw. The names of extensions' calls begin with `draw` or `multiDraw`. */
const DRAWS = [
  "clear",
  "clearBufferfv",
  "clearBufferiv",
  "clearBufferuiv",
  "clearBufferfi",
  "drawArrays",
  "drawElements",
  "drawArraysInstanced",
  "drawElementsInstanced",
  "drawRangeElements",
  "blitFramebuffer",
];

/** @typedef {{number: number, kind: string|null, context: any, empties: boolean, isDrawn: boolean, takeImage: (() => Promise<ImageData|null>)|null}} Drawn
 *  `empties` is for a canvas that is empty once it was shown, `isDrawn` whether it is not by now,
 *  `takeImage` is there for one that WebGPU draws. */

const Offscreen = window.OffscreenCanvas;
const Element2d = window.HTMLCanvasElement;
const canvasWidth = nativeGetter(Offscreen?.prototype, "width");
const canvasHeight = nativeGetter(Offscreen?.prototype, "height");
const setCanvasWidth = nativeSetter(Offscreen?.prototype, "width");
const setCanvasHeight = nativeSetter(Offscreen?.prototype, "height");
const offscreenContext = nativeMethod(Offscreen?.prototype, "getContext");
const takeBitmap = nativeMethod(Offscreen?.prototype, "transferToImageBitmap");
const drawOffscreen = nativeMethod(
  window.OffscreenCanvasRenderingContext2D?.prototype,
  "drawImage",
);
const putImage = nativeMethod(window.OffscreenCanvasRenderingContext2D?.prototype, "putImageData");
const elementWidth = nativeGetter(Element2d?.prototype, "width");
const elementHeight = nativeGetter(Element2d?.prototype, "height");
const setElementWidth = nativeSetter(Element2d?.prototype, "width");
const setElementHeight = nativeSetter(Element2d?.prototype, "height");
const elementContext = nativeMethod(Element2d?.prototype, "getContext");
const transferControl = nativeMethod(Element2d?.prototype, "transferControlToOffscreen");
const drawElement = nativeMethod(window.CanvasRenderingContext2D?.prototype, "drawImage");

/** @type {Map<OffscreenCanvas, Drawn>} canvases that are drawn here */
const drawn = new native.Map();
/** @type {Map<number, {element: WeakRef<HTMLCanvasElement>, context: CanvasRenderingContext2D|null}>} */
const shownIn = new native.Map();
const handedOver = new WeakSet();
/** Elements that have a context. */
const drawnHere = new WeakSet();
/** @type {WeakMap<HTMLCanvasElement, Drawn>} elements that WebGPU draws */
const drawnByGpu = new WeakMap();
/** The same, as a list. @type {WeakRef<HTMLCanvasElement>[]} */
let gpuElements = [];
let lastCanvasNumber = 0;

/** A number that no canvas of this page has; frames within the page share them. */
export function nextCanvasNumber() {
  return parentRuntime()?.agent?.nextCanvasNumber() ?? ++lastCanvasNumber;
}

/** Breaks the seal of a canvas from another document or worker. */
function claim(canvas) {
  const width = canvasWidth(canvas);
  if (!(width >= SEAL)) return;
  const height = canvasHeight(canvas);
  const part = (size) => Math.floor((size - SEAL) / 2 ** SIZE_BITS);
  setCanvasWidth(canvas, width & MAX_SIZE);
  setCanvasHeight(canvas, height & MAX_SIZE);
  drawn.set(canvas, {
    number: part(width) * PART + part(height),
    kind: null,
    context: null,
    empties: false,
    isDrawn: false,
    takeImage: null,
  });
}

/**
 * Prepares the canvases of `list`, which is about to be transferred.
 * @returns {() => void} undoes it, if they were not transferred after all
 */
export function seal(list) {
  const sealed = [];
  for (const canvas of list) {
    const record = Offscreen && canvas instanceof Offscreen ? drawn.get(canvas) : undefined;
    if (!record || record.context) continue;
    const [width, height] = [canvasWidth(canvas), canvasHeight(canvas)];
    if (Math.max(width, height) > MAX_SIZE) continue;
    setCanvasWidth(canvas, SEAL + Math.floor(record.number / PART) * 2 ** SIZE_BITS + width);
    setCanvasHeight(canvas, SEAL + (record.number % PART) * 2 ** SIZE_BITS + height);
    drawn.delete(canvas);
    sealed.push(canvas);
  }
  return () => sealed.forEach(claim);
}

/** @returns {Drawn} of a canvas that is seen in `element` */
function newRecord(element) {
  const number = nextCanvasNumber();
  shownIn.set(number, { element: new WeakRef(element), context: null });
  return { number, kind: null, context: null, empties: false, isDrawn: false, takeImage: null };
}

function contextOfGpu(canvas, record, sizeOf) {
  watchCopies();
  if (!record.context) Object.assign(record, { kind: "webgpu", ...gpuContext(canvas, sizeOf) });
  return record.takeImage ? record.context : null;
}

// WebGPU's drawing is read at the end of the step. Copies that may come later wait for it; others
// get the picture of the frame before.

const recordOfGpu = (source) =>
  drawnByGpu.get(source) ?? (drawn.get(source)?.takeImage ? drawn.get(source) : undefined);
const handOverTracked = (record) =>
  track("a copy of a canvas that WebGPU draws", handOverImage(record, showDrawing));
let watchesCopies = false;

function watchCopies() {
  if (watchesCopies) return;
  watchesCopies = true;
  const tell = (name) =>
    warnOnce(
      "webgpu_copied",
      `page code copies a canvas that WebGPU draws by ${name}, and gets it as it was a frame before`,
    );
  for (const [owner, names] of /** @type {[object, string[]][]} */ ([
    [window.CanvasRenderingContext2D?.prototype, ["drawImage", "createPattern"]],
    [window.OffscreenCanvasRenderingContext2D?.prototype, ["drawImage", "createPattern"]],
    [window.WebGLRenderingContext?.prototype, ["texImage2D", "texSubImage2D"]],
    [
      window.WebGL2RenderingContext?.prototype,
      ["texImage2D", "texSubImage2D", "texImage3D", "texSubImage3D"],
    ],
  ])) {
    for (const name of names) {
      const copy = nativeMethod(owner, name);
      override(owner, {
        [name](...given) {
          if (given.some((each) => typeof each === "object" && each !== null && recordOfGpu(each)))
            tell(name);
          return copy(this, ...given);
        },
      });
    }
  }
  const [toUrl, toBlob] = [
    nativeMethod(Element2d?.prototype, "toDataURL"),
    nativeMethod(Element2d?.prototype, "toBlob"),
  ];
  override(Element2d?.prototype, {
    toDataURL(...given) {
      if (recordOfGpu(this)) tell("toDataURL");
      return toUrl(this, ...given);
    },
    toBlob(...given) {
      const record = recordOfGpu(this);
      if (!record) return toBlob(this, ...given);
      handOverTracked(record).then(() => toBlob(this, ...given));
      return undefined;
    },
  });
  const makeBitmap = nativeMethod(window, "createImageBitmap");
  override(window, {
    createImageBitmap(...given) {
      const record = recordOfGpu(given[0]);
      if (!record || !drawnByGpu.has(given[0])) return makeBitmap(window, ...given);
      return handOverTracked(record).then(() => makeBitmap(window, ...given));
    },
  });
}

const invalid = (text) => new DOMException(text, "InvalidStateError");

if (Offscreen) {
  override(Offscreen.prototype, {
    get width() {
      claim(this);
      return canvasWidth(this);
    },
    set width(value) {
      claim(this);
      setCanvasWidth(this, value);
    },
    get height() {
      claim(this);
      return canvasHeight(this);
    },
    set height(value) {
      claim(this);
      setCanvasHeight(this, value);
    },
    getContext(...given) {
      claim(this);
      const record = drawn.get(this);
      if (record && String(given[0]) === "webgpu")
        return contextOfGpu(this, record, () => [canvasWidth(this), canvasHeight(this)]);
      if (record?.takeImage) return null;
      const context = offscreenContext(this, ...given);
      if (context && record && !record.context) followContext(record, String(given[0]), context);
      return context;
    },
    convertToBlob: claiming("convertToBlob"),
    transferToImageBitmap: claiming("transferToImageBitmap"),
  });
}

function claiming(name) {
  const call = nativeMethod(Offscreen.prototype, name);
  return {
    [name](...given) {
      claim(this);
      return call(this, ...given);
    },
  }[name];
}

if (config.drives && Element2d && Offscreen) {
  override(Element2d.prototype, {
    transferControlToOffscreen() {
      if (drawnHere.has(this)) return transferControl(this);
      if (handedOver.has(this))
        throw invalid(
          "Failed to execute 'transferControlToOffscreen' on 'HTMLCanvasElement': Cannot transfer control from a canvas for more than one time.",
        );
      const canvas = new Offscreen(elementWidth(this), elementHeight(this));
      handedOver.add(this);
      drawn.set(canvas, newRecord(this));
      return canvas;
    },
    getContext(...given) {
      if (handedOver.has(this))
        throw invalid(
          "Failed to execute 'getContext' on 'HTMLCanvasElement': Cannot get context from a canvas that has transferred its control to offscreen.",
        );
      const isGpu = String(given[0]) === "webgpu" && typeof GPUCanvasContext === "function";
      if (drawnByGpu.has(this)) return isGpu ? drawnByGpu.get(this).context : null;
      if (isGpu && !drawnHere.has(this)) {
        const record = newRecord(this);
        drawnHere.add(this);
        drawnByGpu.set(this, record);
        gpuElements.push(new WeakRef(this));
        return contextOfGpu(this, record, () => [elementWidth(this), elementHeight(this)]);
      }
      const context = elementContext(this, ...given);
      if (context) drawnHere.add(this);
      return context;
    },
    get width() {
      return elementWidth(this);
    },
    set width(value) {
      if (handedOver.has(this))
        throw invalid(
          "Failed to set the 'width' property on 'HTMLCanvasElement': Cannot resize canvas after call to transferControlToOffscreen().",
        );
      setElementWidth(this, value);
    },
    get height() {
      return elementHeight(this);
    },
    set height(value) {
      if (handedOver.has(this))
        throw invalid(
          "Failed to set the 'height' property on 'HTMLCanvasElement': Cannot resize canvas after call to transferControlToOffscreen().",
        );
      setElementHeight(this, value);
    },
  });
}

// --- what is drawn ---

function followContext(record, kind, context) {
  record.context = context;
  record.kind = kind;
  if (typeof context.readPixels === "function") {
    record.empties = context.getContextAttributes()?.preserveDrawingBuffer === false;
    if (record.empties) watchDraws(record, context);
  }
}

function watchCalls(object, names, note) {
  for (const name of names) {
    const call = object[name];
    if (typeof call !== "function") continue;
    Object.defineProperty(object, name, {
      value(...given) {
        note();
        return Reflect.apply(call, this, given);
      },
      configurable: true,
      writable: true,
      enumerable: false,
    });
  }
}

function watchDraws(record, context) {
  // Drawing into a framebuffer of the page's own is not visible.
  const note = () => {
    if (!record.isDrawn && context.getParameter(context.FRAMEBUFFER_BINDING) === null)
      record.isDrawn = true;
  };
  watchCalls(context, DRAWS, note);
  const getExtension = context.getExtension;
  const watched = new WeakSet();
  Object.defineProperty(context, "getExtension", {
    value(...given) {
      const extension = Reflect.apply(getExtension, this, given);
      if (extension && !watched.has(extension)) {
        watched.add(extension);
        const names = Object.getOwnPropertyNames(Object.getPrototypeOf(extension) ?? {});
        watchCalls(
          extension,
          names.filter((name) => /^(?:multiD|d)raw(?!Buffers)/.test(name)),
          note,
        );
      }
      return extension;
    },
    configurable: true,
    writable: true,
    enumerable: false,
  });
}

let copyContext = null;

// The properties of the canvas, which do not change.
function copyOf(canvas) {
  const [width, height] = [canvasWidth(canvas), canvasHeight(canvas)];
  copyContext ??= offscreenContext(new Offscreen(width, height), "2d");
  if (canvasWidth(copyContext.canvas) !== width) setCanvasWidth(copyContext.canvas, width);
  if (canvasHeight(copyContext.canvas) !== height) setCanvasHeight(copyContext.canvas, height);
  copyContext.globalCompositeOperation = "copy";
  drawOffscreen(copyContext, canvas, 0, 0);
  return takeBitmap(copyContext.canvas);
}

/** Whether canvases that are shown elsewhere are drawn here. */
export const drawsForElements = () => drawn.size > 0 || gpuElements.length > 0;

/**
 * Hands over the drawings made here, as a browser does at the end of each frame.
 * @param {(number: number, picture: CanvasImageSource, colorSpace: string|undefined) => void} deliver
 * @param {boolean} asBitmap whether pictures go to another thread
 * @returns {Promise|undefined} a promise if WebGPU draws
 */
export function handOverDrawing(deliver, asBitmap) {
  const waits = [];
  for (const [canvas, record] of drawn) {
    if (record.takeImage) waits.push(handOverImage(record, deliver));
    if (
      record.takeImage ||
      !record.context ||
      canvasWidth(canvas) === 0 ||
      canvasHeight(canvas) === 0
    )
      continue;
    if (record.empties && !record.isDrawn) continue;
    record.isDrawn = false;
    const colorSpace =
      record.kind === "2d"
        ? record.context.getContextAttributes?.().colorSpace
        : record.context.drawingBufferColorSpace;
    if (record.empties) deliver(record.number, takeBitmap(canvas), colorSpace);
    else deliver(record.number, asBitmap ? copyOf(canvas) : canvas, colorSpace);
  }
  gpuElements = gpuElements.filter((reference) => reference.deref());
  for (const reference of gpuElements)
    waits.push(handOverImage(drawnByGpu.get(reference.deref()), deliver));
  return waits.length > 0 ? Promise.all(waits) : undefined;
}

async function handOverImage(record, deliver) {
  const image = await record.takeImage();
  if (!image) return;
  const canvas = new Offscreen(image.width, image.height);
  putImage(offscreenContext(canvas, "2d", { colorSpace: image.colorSpace }), image, 0, 0);
  deliver(record.number, takeBitmap(canvas), image.colorSpace);
}

/** Puts a picture into the element that it was drawn for. Returns whether that is one of this document's. */
export function showDrawing(number, picture, colorSpace) {
  const place = shownIn.get(number);
  if (!place) return false;
  const element = place.element.deref();
  if (element) {
    const [width, height] = [picture.width, picture.height];
    if (elementWidth(element) !== width) setElementWidth(element, width);
    if (elementHeight(element) !== height) setElementHeight(element, height);
    place.context ??= elementContext(element, "2d", { colorSpace: colorSpace ?? "srgb" });
    place.context.globalCompositeOperation = "copy";
    drawElement(place.context, picture, 0, 0);
    markChanged();
  } else {
    shownIn.delete(number);
  }
  if (picture instanceof ImageBitmap) picture.close();
  return true;
}
