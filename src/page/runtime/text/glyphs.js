// Characters that no font has: the browser draws a box for them.

import { native, nativeMethod, nativeSetter } from "../natives.js";
import { BOX_SIZE, probeContext } from "./fonts.js";

/** A character that no font has. */
const UNKNOWN = String.fromCodePoint(0x10fffd);
/** Marks, blanks, controls and the like have no picture of their own. */
const UNPICTURED =
  /[\p{M}\p{White_Space}\p{Cc}\p{Cs}\p{Cn}\p{Default_Ignorable_Code_Point}\u2800]/u;

const textCanvas = window.CanvasRenderingContext2D?.prototype;
const setTextFont = nativeSetter(textCanvas, "font");
const measureGlyph = nativeMethod(textCanvas, "measureText");
const fillText = nativeMethod(textCanvas, "fillText");
const clearRect = nativeMethod(textCanvas, "clearRect");
const getImageData = nativeMethod(textCanvas, "getImageData");

/** Characters that some font of the system has. */
const drawable = new Set();

function pixelsOf(context, text) {
  clearRect(context, 0, 0, 2 * BOX_SIZE, 2 * BOX_SIZE);
  fillText(context, text, BOX_SIZE / 2, BOX_SIZE);
  return getImageData(context, 0, 0, 2 * BOX_SIZE, 2 * BOX_SIZE).data;
}

const boxes = new native.Map();

// A character that no font has looks like another one that no font has.
function isBox(character, font) {
  const context = probeContext();
  setTextFont(context, font);
  if (!boxes.has(font))
    boxes.set(font, { width: measureGlyph(context, UNKNOWN).width, pixels: null });
  const box = boxes.get(font);
  if (measureGlyph(context, character).width !== box.width) return false;
  box.pixels ??= pixelsOf(context, UNKNOWN);
  const pixels = pixelsOf(context, character);
  return pixels.every((value, at) => value === box.pixels[at]);
}

/** Whether a box is drawn for a character in a font, whose size is 16px. */
export function isBoxed(character, font) {
  if (drawable.has(character) || UNPICTURED.test(character)) return false;
  if (isBox(character, `${BOX_SIZE}px sans-serif`))
    return isBox(character, font.replace("16px", `${BOX_SIZE}px`));
  drawable.add(character);
  return false;
}
