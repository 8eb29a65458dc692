// SVG animation (SMIL): paused, and placed by the time of the clip around its picture.

import { native, nativeMethod } from "../natives.js";
import { allTrees } from "../shadow_roots.js";

const pauseSvg = nativeMethod(window.SVGSVGElement?.prototype, "pauseAnimations");
const setSvgTime = nativeMethod(window.SVGSVGElement?.prototype, "setCurrentTime");

let picturesStale = true;
/** @type {Map<SVGSVGElement, number|null>} elements with a clock that is needed, and the seconds they show */
let pictures = new native.Map();

/** Notes that elements came. */
export function markSmilDirty() {
  picturesStale = true;
}

/** The elements in `tree` whose clocks drive its animations: in Chrome the nearest `<svg>` of each, a nested one too. */
export function smilClocks(tree) {
  const animations = Array.from(
    tree.querySelectorAll("animate, animateTransform, animateMotion, set"),
  );
  return new Set(animations.map((animation) => animation.ownerSVGElement).filter(Boolean));
}

function findPictures() {
  if (!picturesStale) return;
  picturesStale = false;
  const before = pictures;
  pictures = new native.Map();
  for (const tree of allTrees()) {
    for (const svg of smilClocks(tree)) pictures.set(svg, before.get(svg) ?? null);
  }
}

/** Stops the animations that run by themselves. */
export function pauseSmil() {
  findPictures();
  for (const svg of pictures.keys()) pauseSvg(svg);
}

/** Stops one picture at `seconds`. */
export function setSmilTime(svg, seconds) {
  pauseSvg(svg);
  setSvgTime(svg, seconds);
}

/**
 * Places all pictures; `timeOf` gives an element's own time in seconds.
 * @returns {boolean} whether any may look different
 */
export function placeSmil(timeOf) {
  findPictures();
  let moved = false;
  for (const [svg, shown] of pictures) {
    const seconds = Math.max(0, timeOf(svg));
    if (seconds !== shown) moved = true;
    pictures.set(svg, seconds);
    setSmilTime(svg, seconds);
  }
  return moved;
}
