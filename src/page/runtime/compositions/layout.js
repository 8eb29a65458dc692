// The boxes that compositions count on: HyperFrames' rules.
//
// The page begins at the corner without margins, the root has the size that it declares and clips
// its contents, and clips directly in it are stacked rather than laid out one after the other.

import { findRoot, numberAttribute } from "../time/timing.js";
import { native } from "../natives.js";

const NO_BOX = new Set(["script", "style", "link", "meta", "template"]);

function pixels(element, name) {
  const value = numberAttribute(element, name);
  return Number.isFinite(value) && value > 0 ? `${value}px` : null;
}

function setMissing(style, name, value) {
  if (!style.getPropertyValue(name)) style.setProperty(name, value);
}

function stackClip(element) {
  const { style } = element;
  const computed = native.getComputedStyle(element);
  if (computed.position !== "absolute" && computed.position !== "fixed")
    style.position = "absolute";
  if (!style.bottom && computed.top === "auto" && computed.bottom === "auto")
    setMissing(style, "top", "0");
  if (!style.right && computed.left === "auto" && computed.right === "auto")
    setMissing(style, "left", "0");
  // A video has a size of its own, known or not.
  if (element instanceof HTMLMediaElement) return;
  for (const side of ["width", "height"]) {
    if (computed[side] === "0px" || computed[side] === "auto")
      setMissing(style, side, pixels(element, `data-${side}`) ?? "100%");
  }
}

/** Gives the document, the root and the clips in it their boxes. */
export function normalizeLayout() {
  const root = findRoot();
  if (!root?.style || !root.hasAttribute("data-composition-id")) return;
  const width = pixels(root, "data-width");
  const height = pixels(root, "data-height");
  for (const box of [document.documentElement, document.body]) {
    box.style.margin = "0";
    box.style.padding = "0";
    box.style.overflow = "hidden";
    if (width) box.style.width = width;
    if (height) box.style.height = height;
  }
  setMissing(root.style, "position", "relative");
  root.style.overflow = "hidden";
  for (const [side, value] of [
    ["width", width],
    ["height", height],
  ]) {
    if (!value) continue;
    root.style.setProperty(side, value);
    root.style.setProperty(`--comp-${side}`, value);
  }
  for (const element of root.children) {
    if (element.hasAttribute("data-start") && element.style && !NO_BOX.has(element.localName))
      stackClip(element);
  }
}
