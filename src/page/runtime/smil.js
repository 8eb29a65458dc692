// SVG animation (SMIL): paused, and placed by the time of the clip that its picture stands in.

import { native, nativeMethod } from "./natives.js";

const pauseSvg = nativeMethod(window.SVGSVGElement?.prototype, "pauseAnimations");
const setSvgTime = nativeMethod(window.SVGSVGElement?.prototype, "setCurrentTime");

let picturesStale = true;
/** @type {Map<SVGSVGElement, number|null>} outermost pictures with animations, and the seconds they show */
let pictures = new native.Map();

/** Tells that elements came. */
export function markSmilDirty() {
  picturesStale = true;
}

function outermostSvg(element) {
  let svg = element.ownerSVGElement ?? element;
  while (svg.ownerSVGElement) svg = svg.ownerSVGElement;
  return svg;
}

function findPictures() {
  if (!picturesStale) return;
  picturesStale = false;
  const before = pictures;
  pictures = new native.Map();
  for (const element of document.querySelectorAll("svg animate, svg animateTransform, svg animateMotion, svg set")) {
    const svg = outermostSvg(element);
    if (svg instanceof SVGSVGElement) pictures.set(svg, before.get(svg) ?? null);
  }
}

/** Stops the animations that run by themselves. */
export function pauseSmil() {
  findPictures();
  for (const svg of pictures.keys()) pauseSvg(svg);
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
    pauseSvg(svg);
    setSvgTime(svg, seconds);
  }
  return moved;
}
