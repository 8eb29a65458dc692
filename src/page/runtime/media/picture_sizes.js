// The sizes in which pictures of videos are needed.
//
// A source of 3840x2160 in a box of half its size, or of a quarter, is requested in half its size,
// or a quarter: the engine averages pixels, and Chrome gets that many fewer of them. Only by powers
// of two, so that a growing box changes its picture seldom, and never below the visible size.

import { native, nativeMethod } from "../natives.js";
import { mediaElements, mediaInfoAt, playsAt } from "./media.js";

const DIVISORS = [8, 4, 2];
/** Smaller savings are not worth the request. */
const SMALL = 640;

/** @type {Map<HTMLMediaElement, number>} by video */
const divisors = new native.Map();

export const boundsOf = nativeMethod(Element.prototype, "getBoundingClientRect");
const styleMapOf = nativeMethod(Element.prototype, "computedStyleMap");

export const divisorOf = (element) => divisors.get(element) ?? 1;

export const styleOf = (element, pseudo) =>
  (element.ownerDocument.defaultView ?? window).getComputedStyle(element, pseudo);

export const cssPixels = (text) => Number.parseFloat(text) || 0;

/** Width and height of an element's content box, before it is transformed. */
export function contentSize(element, style) {
  const sides = (names) => names.reduce((sum, name) => sum + cssPixels(style[name]), 0);
  const isBorderBox = style.boxSizing === "border-box";
  const inner = (length, names) =>
    Math.max(0, cssPixels(length) - (isBorderBox ? sides(names) : 0));
  return [
    inner(style.width, ["paddingLeft", "paddingRight", "borderLeftWidth", "borderRightWidth"]),
    inner(style.height, ["paddingTop", "paddingBottom", "borderTopWidth", "borderBottomWidth"]),
  ];
}

/** The enlargement of an element on screen; too large where it is turned. */
function enlargement(element) {
  const { width, height } = boundsOf(element);
  const own = Math.max(width / element.offsetWidth, height / element.offsetHeight);
  const frame = element.ownerDocument.defaultView?.frameElement;
  return Number.isFinite(own) ? own * (frame ? enlargement(frame) : 1) : Infinity;
}

const isLength = (size) => /^[\d.]+px$/.test(size);

/**
 * Whether a side of an element's box does not depend on its content: the picture's size must not
 * become that of the box. `false` where it is unclear.
 */
function isGiven(element, side) {
  const [styles, style, parent] = [styleMapOf(element), styleOf(element), element.parentElement];
  const sizeOf = (name) => String(styles.get(name) ?? "auto");
  const isOut = style.position === "absolute" || style.position === "fixed";
  // Boxes in a row may shrink, but only as far as their contents allow.
  if (!isOut && parent && /flex|grid|table|ruby/.test(styleOf(parent).display)) return false;
  const followsParent = () =>
    isOut ||
    !parent ||
    (/^(block|flow-root)$/.test(styleOf(parent).display) && isGiven(parent, side));
  const limits = [sizeOf(`min-${side}`), sizeOf(`max-${side}`)].filter(
    (limit) => limit !== "auto" && limit !== "none" && !isLength(limit),
  );
  if (limits.some((limit) => !limit.includes("%")) || (limits.length > 0 && !followsParent()))
    return false;
  const size = sizeOf(side);
  if (isLength(size)) return true;
  if (size.includes("%")) return followsParent();
  if (size !== "auto" || element.localName === "video") return false;
  if (isOut)
    return (side === "width" ? ["left", "right"] : ["top", "bottom"]).every(
      (end) => sizeOf(end) !== "auto",
    );
  return (
    side === "width" &&
    /^(block|flow-root)$/.test(style.display) &&
    style.float === "none" &&
    followsParent()
  );
}

/** The divisor for a video in its present layout. */
export function wantedDivisor(element, info) {
  if (Math.max(info.width, info.height) < SMALL || info.hdr) return 1;
  const style = styleOf(element);
  if (
    !["fill", "contain", "cover"].includes(style.objectFit) ||
    !isGiven(element, "width") ||
    !isGiven(element, "height")
  )
    return 1;
  const [width, height] = contentSize(element, style);
  if (!(width > 0 && height > 0)) return 1;
  let scale = [width / info.width, height / info.height];
  if (style.objectFit === "contain") scale = [Math.min(...scale), Math.min(...scale)];
  if (style.objectFit === "cover") scale = [Math.max(...scale), Math.max(...scale)];
  const most = Math.max(...scale) * enlargement(element) * devicePixelRatio;
  const fits = (divisor) =>
    info.width % divisor === 0 && info.height % divisor === 0 && most <= 1.001 / divisor;
  return DIVISORS.find(fits) ?? 1;
}

/**
 * Finds the sizes for the frame at `seconds`, in its present layout.
 * @returns {boolean} whether other pictures are to be shown
 */
export function settleSizes(seconds) {
  let changed = false;
  for (const element of mediaElements()) {
    if (element.localName !== "video" || !element.isConnected || !playsAt(element, seconds))
      continue;
    const info = mediaInfoAt(element, seconds);
    if (!info || info.ticks.length === 0) continue;
    const divisor = wantedDivisor(element, info);
    if (divisor !== divisorOf(element)) changed = true;
    divisors.set(element, divisor);
  }
  return changed;
}
