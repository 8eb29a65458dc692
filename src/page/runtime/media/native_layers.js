// Videos that the page leaves empty: the engine puts their pictures in their place.
//
// HDR videos, because the page's pictures are sRGB and cannot carry their light (`light`). In SDR
// those whose pixels lie on pixels of the frame, because Chrome need not load and draw them then
// (`codes`). Such a video shows a flat picture of its size, once black and once in a color, and the
// difference gives the engine its visible share of each pixel: elements above and below, opacity,
// clips, masks and soft edges are all drawn by Chrome. Three videos share a picture of mattes, in
// red, green and blue; where there are more, there are more rounds.
//
// This holds as long as Chrome only mixes the video's colors. A video under a filter or a blend
// mode is drawn in the page, HDR with SDR light and a warning.

import { config, native, nativeMethod, parentRuntime } from "../natives.js";
import { mediaElements, mediaInfo, mediaInfoAt, mediaTime, playsAt } from "./media.js";
import { pictureNumber } from "./media_sources.js";
import {
  boundsOf,
  contentSize,
  cssPixels,
  divisorOf,
  styleOf,
  wantedDivisor,
} from "./picture_sizes.js";
import { isGraded } from "../grading/color_grades.js";
import { hdrImageInfo, hdrImages } from "../images/hdr_images.js";
import { allTrees } from "../shadow_roots.js";
import { describeElement, warnOnce } from "../warnings.js";

const BLACK = "000000";
const CHANNELS = ["ff0000", "00ff00", "0000ff"];
/** Filters that do not change the video's own colors and places. */
const HARMLESS_FILTERS = /(opacity|drop-shadow)\((?:[^()]|\([^()]*\))*\)/g;

/** @typedef {{slot: number, reason: string|null}} LayerState */

/** @type {null|"light"|"codes"} which videos are layers */
let kind = parentRuntime()?.agent?.layerKind() ?? null;
/** The number of the mattes that are shown; 0 for none. */
let matteRound = parentRuntime()?.agent?.matteRound() ?? 0;
/** @type {Map<HTMLVideoElement|HTMLImageElement, LayerState>} by element: its place among the layers, or why it is none */
const layerStates = new native.Map();
/** @type {(HTMLVideoElement|HTMLImageElement)[]} by their numbers */
const layerElements = [];

export const checkVisibility = nativeMethod(Element.prototype, "checkVisibility");

export const layerKind = () => kind;
export const shownRound = () => matteRound;

export function setLayered(as) {
  kind = as;
}

export function setRound(round) {
  matteRound = round;
}

const couldBeLayer = (info) =>
  kind === "codes" ? Boolean(info?.isOpaque) : kind === "light" && info?.hdr === "light";

const flatPicture = (element, info, color) =>
  `${config.media}flat/${Math.ceil(info.width / divisorOf(element))}/${Math.ceil(info.height / divisorOf(element))}/${color}.png`;

const layerInfo = (element, seconds) =>
  element.localName === "img" ? hdrImageInfo(element) : mediaInfoAt(element, seconds);

function* layerCandidates() {
  for (const element of mediaElements()) if (element.localName === "video") yield element;
  if (kind === "light") yield* hdrImages();
}

/** The address of the placeholder for a video's picture; null if the page shows its own. */
export function flatAddress(element, info) {
  if (!couldBeLayer(info) || isGraded(element)) return null;
  const state = layerStates.get(element);
  // A video of HDR is no layer until it is found to be one; the page shows one of SDR until it is a
  // layer.
  if (state?.reason || (kind === "codes" && !(state?.slot >= 0))) return null;
  const isColored =
    state && state.slot >= 0 && 1 + Math.floor(state.slot / CHANNELS.length) === matteRound;
  return flatPicture(element, info, isColored ? CHANNELS[state.slot % CHANNELS.length] : BLACK);
}

/** All flat pictures of a video, loaded in advance so that none is waited for later. */
export function* flatAddresses(element, info) {
  if (kind === "codes" && !(layerStates.get(element)?.slot >= 0)) return;
  if (couldBeLayer(info))
    for (const color of [BLACK, ...CHANNELS]) yield flatPicture(element, info, color);
}

function ancestorsOf(element) {
  const found = [];
  for (let at = element; at;) {
    found.push(at);
    at =
      at.assignedSlot ??
      at.parentElement ??
      at.getRootNode().host ??
      at.ownerDocument.defaultView?.frameElement ??
      null;
  }
  return found;
}

function changesColors(style) {
  const filter = style.filter;
  if (filter !== "none" && filter.replace(HARMLESS_FILTERS, "").trim() !== "")
    return `filter: ${filter}`;
  if (style.mixBlendMode !== "normal") return `mix-blend-mode: ${style.mixBlendMode}`;
  const reflection = style.webkitBoxReflect;
  if (reflection && reflection !== "none") return "-webkit-box-reflect";
  return null;
}

// An element over a video may use the colors in the page. Its order is not known here; overlapping
// is enough.
function takesBackdrop(style) {
  if (style.mixBlendMode !== "normal") return `mix-blend-mode: ${style.mixBlendMode}`;
  const backdrop = style.backdropFilter;
  return backdrop && backdrop !== "none" ? `backdrop-filter: ${backdrop}` : null;
}

function overlap(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** Elements of this document that blend with the elements below them. */
function blendingElements() {
  const found = [];
  const note = (element, pseudo) => {
    const style = native.getComputedStyle(element, pseudo);
    if (pseudo && style.content === "none") return;
    const reason = takesBackdrop(style);
    if (reason) found.push({ element, reason, isPseudo: Boolean(pseudo) });
  };
  for (const element of document.querySelectorAll("*")) {
    note(element);
    note(element, "::before");
    note(element, "::after");
  }
  return found;
}

const isPlain = (style) =>
  (style.transform === "none" || style.transform.startsWith("matrix(1, 0, 0, 1, ")) &&
  style.rotate === "none" &&
  style.scale === "none" &&
  (style.offsetPath ?? "none") === "none" &&
  style.zoom === "1";

/** The left upper corner of an element's border box, in the topmost document. */
function placeOf(element) {
  const { left, top } = boundsOf(element);
  const place = [left, top];
  for (
    let frame = element.ownerDocument.defaultView?.frameElement;
    frame;
    frame = frame.ownerDocument.defaultView?.frameElement
  ) {
    const style = styleOf(frame);
    const bounds = boundsOf(frame);
    place[0] += bounds.left + cssPixels(style.borderLeftWidth) + cssPixels(style.paddingLeft);
    place[1] += bounds.top + cssPixels(style.borderTopWidth) + cssPixels(style.paddingTop);
  }
  return place;
}

/** The reason why the pixels of a video do not lie on those of the frame; null if they do. */
function misfit(element, info, chain, divisor) {
  if (!chain.every((each) => isPlain(styleOf(each)))) return "it is transformed";
  const style = styleOf(element);
  const content = contentSize(element, style);
  const [left, top, width, height] = pictureBox(content, info, style);
  const [x, y] = placeOf(element);
  const scale = devicePixelRatio;
  const isNear = (a, b) => Math.abs(a - b) < 1e-3;
  const isWhole = (n) => isNear(n, Math.round(n));
  if (
    !isNear(content[0] * width * scale, info.width / divisor) ||
    !isNear(content[1] * height * scale, info.height / divisor)
  )
    return "it is scaled";
  const across =
    x + cssPixels(style.borderLeftWidth) + cssPixels(style.paddingLeft) + content[0] * left;
  const down = y + cssPixels(style.borderTopWidth) + cssPixels(style.paddingTop) + content[1] * top;
  return isWhole(across * scale) && isWhole(down * scale) ? null : "it lies between pixels";
}

const BLENDING = /mix-blend-mode|backdrop-filter/;
const INLINE_BLENDING = "[style*='mix-blend-mode'], [style*='backdrop-filter']";

/** Whether a style sheet of this document has a property that uses the colors below. */
export function sheetsBlend() {
  const sheets = allTrees().flatMap((tree) => [...tree.styleSheets, ...tree.adoptedStyleSheets]);
  return sheets.some((sheet) => {
    try {
      return [...sheet.cssRules].some((rule) => BLENDING.test(rule.cssText));
    } catch {
      // A sheet of another origin cannot be read.
      return true;
    }
  });
}

/** Whether an element's own style has one. */
export const elementsBlend = () =>
  allTrees().some((tree) => tree.querySelector(INLINE_BLENDING) !== null);

/** The number of times in the composition's length at which playing videos are checked. */
const LOOKS = 20;

/**
 * Checks at each of `LOOKS` times whether a video of this document is shown whose pixels lie on
 * those of the frame.
 * @returns {boolean[]} for each moment
 */
export function aligned(momentsSecs) {
  const fits = [...mediaElements()].filter((element) => {
    const info = element.localName === "video" ? mediaInfo(element) : null;
    return (
      info?.isOpaque &&
      !isGraded(element) &&
      !misfit(element, info, ancestorsOf(element), wantedDivisor(element, info))
    );
  });
  return momentsSecs.map((seconds) => fits.some((element) => playsAt(element, seconds)));
}

/** The times of the checks, for a composition of `length` seconds. */
export const looks = (length) =>
  Array.from({ length: LOOKS }, (_, i) => ((i + 0.5) / LOOKS) * length);

/** The reason why a video cannot be a layer now; null if it can. */
function objection(element, info, blending, blends) {
  const chain = ancestorsOf(element);
  for (const each of chain) {
    const reason = changesColors(styleOf(each));
    if (reason)
      return each === element
        ? `it has ${reason}`
        : `${describeElement(each)} around it has ${reason}`;
  }
  if (isGraded(element)) return "it has data-color-grading";
  if (chain.some((each) => each.localName === "canvas")) return "it stands in a canvas";
  const viewBox = native.getComputedStyle(element).objectViewBox;
  if (viewBox && viewBox !== "none") return `it has object-view-box: ${viewBox}`;
  if (kind === "codes") {
    return blends ? "something takes its colors" : misfit(element, info, chain, divisorOf(element));
  }
  const bounds = boundsOf(element);
  for (const other of blending()) {
    if (!other.isPseudo && chain.includes(other.element)) continue;
    // The box of a pseudo-element is not known.
    if (!other.isPseudo && !overlap(bounds, boundsOf(other.element))) continue;
    if (!checkVisibility(other.element, { opacityProperty: true, visibilityProperty: true }))
      continue;
    return `${describeElement(other.element)} over it has ${other.reason}`;
  }
  return null;
}

/**
 * Finds the layers of the frame at `seconds`, the first of them with the number `slot`. Layers for
 * speed are not used if something in the page `blends`.
 * @returns {{next: number, changed: boolean}} the number after the last, and whether pictures are to be
 *   shown anew
 */
export function settleLayers(seconds, slot, blends) {
  let changed = false;
  let blending = null;
  for (const element of layerCandidates()) {
    const info = layerInfo(element, seconds);
    if (kind === "light" && info?.hdr === "unknown") {
      warnOnce(
        "hdr_drawn_as_sdr",
        `${describeElement(element)} is shown with SDR light: its colors are not known, or it has transparency`,
      );
    }
    if (!couldBeLayer(info)) continue;
    const isDue = element.localName === "img" || playsAt(element, seconds);
    const shows =
      element.isConnected &&
      isDue &&
      checkVisibility(element, { opacityProperty: true, visibilityProperty: true });
    const reason = shows
      ? objection(element, info, () => (blending ??= blendingElements()), blends)
      : null;
    if (reason && kind === "light")
      warnOnce(
        "hdr_drawn_as_sdr",
        `${describeElement(element)} is shown with SDR light: ${reason}`,
      );
    const before = layerStates.get(element);
    const state = { slot: shows && !reason ? slot++ : -1, reason };
    if (before?.slot !== state.slot || before?.reason !== state.reason) changed = true;
    layerStates.set(element, state);
  }
  return { next: slot, changed };
}

// `50%`, `12px` or `calc(100% - 12px)`, of the room that is left.
function offsetOf(text, room) {
  let sum = 0;
  for (const [, sign, number, unit] of text.matchAll(/([+-]?)\s*(-?[\d.]+)(%|px)/g)) {
    sum += (sign === "-" ? -1 : 1) * Number(number) * (unit === "%" ? room / 100 : 1);
  }
  return sum;
}

function splitPosition(text) {
  const parts = text.match(/calc\((?:[^()]|\([^()]*\))*\)|\S+/g) ?? [];
  return [parts[0] ?? "50%", parts[1] ?? "50%"];
}

/**
 * Left, top, width and height of the picture, in parts of the content box.
 * @param {number[]} content its width and height
 */
export function pictureBox([width, height], info, style) {
  let scale = [width / info.width, height / info.height];
  const [least, most] = [Math.min(...scale), Math.max(...scale)];
  if (style.objectFit === "contain") scale = [least, least];
  else if (style.objectFit === "cover") scale = [most, most];
  else if (style.objectFit === "none") scale = [1, 1];
  else if (style.objectFit === "scale-down") scale = [Math.min(1, least), Math.min(1, least)];
  const size = [info.width * scale[0], info.height * scale[1]];
  const [x, y] = splitPosition(style.objectPosition);
  const [left, top] = [offsetOf(x, width - size[0]), offsetOf(y, height - size[1])];
  return [left / width, top / height, size[0] / width, size[1] / height];
}

/** The layers of this document, as settled. */
export function listLayers(seconds, numbers) {
  const found = [];
  for (const [element, { slot }] of layerStates) {
    if (slot < 0) continue;
    const info = layerInfo(element, seconds);
    if (!info) continue;
    const style = native.getComputedStyle(element);
    const content = contentSize(element, style);
    if (content.some((side) => !(side > 0))) continue;
    found.push({
      element: numbers(element),
      label: describeElement(element),
      source: info.id,
      divisor: divisorOf(element),
      pictureNumber:
        element.localName === "img" ? 0 : pictureNumber(info, mediaTime(element, seconds)),
      content,
      picture: pictureBox(content, info, style),
      round: 1 + Math.floor(slot / CHANNELS.length),
      channel: slot % CHANNELS.length,
    });
  }
  return found;
}

/** The number of an element in the topmost document. */
export function numberLayer(element) {
  const known = layerElements.indexOf(element);
  return known >= 0 ? known : layerElements.push(element) - 1;
}

export const layerElement = (number) => layerElements[number];
