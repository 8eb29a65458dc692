// HDR pictures in `<img>`: where the engine puts their light into the frame, the page shows flat
// areas.
//
// This works as with videos (native_layers.js), and with `content` as for animated pictures
// (animated_images.js): the element keeps its box, its fit and its effects.

import { native } from "../natives.js";
import { hdrCurves } from "./image_files.js";
import { decodesMedia, mediaSourceAt } from "../media/media_sources.js";
import { isCovered } from "./covers.js";
import { allTrees } from "../shadow_roots.js";
import { describeElement } from "../warnings.js";

/** @type {Map<HTMLImageElement, {value: string, written: string}>} the `content` that was set */
const flatImages = new native.Map();

/** The engine's facts about the picture of an `<img>`; null if it is not HDR. */
export function hdrImageInfo(image) {
  if (!decodesMedia || !hdrCurves.has(image.currentSrc)) return null;
  const info = mediaSourceAt(image.currentSrc)?.info;
  return info && info.ticks.length > 0 ? info : null;
}

/** All `<img>` with HDR pictures in the document. */
export function hdrImages() {
  if (!decodesMedia || hdrCurves.size === 0) return [];
  const found = [];
  for (const tree of allTrees()) {
    for (const image of tree.querySelectorAll("img")) {
      if (hdrCurves.has(image.currentSrc)) found.push(image);
    }
  }
  return found;
}

/** Asks the engine about the files of HDR pictures, which is work under way. */
export function findHdrImages() {
  hdrImages().forEach(hdrImageInfo);
}

/** HDR pictures in the form of the engine's list. */
export function listHdrImages() {
  return hdrImages().map((image) => ({
    label: describeElement(image),
    curve: hdrImageInfo(image)?.hdr === "light" ? hdrCurves.get(image.currentSrc) : null,
  }));
}

/** Shows an address instead of the picture, or the picture again. */
export function showFlatImage(image, address) {
  if (isCovered(image)) return;
  const info = hdrImageInfo(image);
  const shown = flatImages.get(image) ?? { value: "", written: "" };
  // `srcset` may give the file more pixels than CSS pixels.
  const density = info && image.naturalWidth > 0 ? info.width / image.naturalWidth : 1;
  const url = address && `url("${address}")`;
  const value =
    !url || Math.abs(density - 1) < 0.01 ? (url ?? "") : `image-set(${url} ${density}x)`;
  const { style } = image;
  if (value === shown.value && style.getPropertyValue("content") === shown.written) return;
  if (value) style.setProperty("content", value, "important");
  else style.removeProperty("content");
  flatImages.set(image, { value, written: value && style.getPropertyValue("content") });
}
