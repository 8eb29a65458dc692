// HDR videos leave the page empty: the engine puts their light where they show.
//
// The page's pictures are sRGB and cannot carry it. So such a video shows a flat picture of its size,
// once black and once in a color, and the difference tells the engine how much of it shows in each
// pixel: what lies above and below, opacity, clips, masks and soft edges are all Chrome's. Three videos
// share a picture of mattes, in red, green and blue; where there are more, there are more rounds.
//
// This holds as long as what Chrome does to the video's colors is mixing. A video under a filter or a
// blend mode is drawn in the page with SDR light, with a warning.

import { config, native, nativeMethod, parentRuntime } from "./natives.js";
import { mediaElements, mediaInfo, mediaTime, playsAt } from "./media.js";
import { pictureNumber } from "./media_sources.js";
import { hdrImageInfo, hdrImages } from "./hdr_images.js";
import { describeElement, warnOnce } from "./warnings.js";

const BLACK = "000000";
const CHANNELS = ["ff0000", "00ff00", "0000ff"];
/** Filters that leave the video's own colors and places alone. */
const HARMLESS_FILTERS = /(opacity|drop-shadow)\((?:[^()]|\([^()]*\))*\)/g;

/** @typedef {{slot: number, reason: string|null}} LayerState */

let layered = parentRuntime()?.agent?.isLayered() ?? false;
/** Which mattes are shown; 0 for none. */
let matteRound = parentRuntime()?.agent?.matteRound() ?? 0;
/** @type {Map<HTMLVideoElement|HTMLImageElement, LayerState>} by element: its place among the layers, or why it is none */
const layerStates = new native.Map();
/** @type {(HTMLVideoElement|HTMLImageElement)[]} by their numbers */
const layerElements = [];

const checkVisibility = nativeMethod(Element.prototype, "checkVisibility");
const boundsOf = nativeMethod(Element.prototype, "getBoundingClientRect");

export const isLayered = () => layered;
export const shownRound = () => matteRound;

export function setLayered() {
  layered = true;
}

export function setRound(round) {
  matteRound = round;
}

const couldBeLayer = (info) => layered && info?.hdr === "light";

const flatPicture = (info, color) => `${config.media}flat/${info.width}/${info.height}/${color}.png`;

const layerInfo = (element) => (element.localName === "img" ? hdrImageInfo(element) : mediaInfo(element));

function* layerCandidates() {
  for (const element of mediaElements()) if (element.localName === "video") yield element;
  yield* hdrImages();
}

/** The address of what stands for a video's picture; null if the page shows its own. */
export function flatAddress(element, info) {
  if (!couldBeLayer(info)) return null;
  const state = layerStates.get(element);
  if (state?.reason) return null;
  const isColored = state && state.slot >= 0 && 1 + Math.floor(state.slot / CHANNELS.length) === matteRound;
  return flatPicture(info, isColored ? CHANNELS[state.slot % CHANNELS.length] : BLACK);
}

/** All flat pictures of a video: none of them must be waited for later. */
export function* flatAddresses(info) {
  if (couldBeLayer(info)) for (const color of [BLACK, ...CHANNELS]) yield flatPicture(info, color);
}

function ancestorsOf(element) {
  const found = [];
  for (let at = element; at; ) {
    found.push(at);
    at = at.assignedSlot ?? at.parentElement ?? at.getRootNode().host ?? at.ownerDocument.defaultView?.frameElement ?? null;
  }
  return found;
}

const styleOf = (element, pseudo) => (element.ownerDocument.defaultView ?? window).getComputedStyle(element, pseudo);

function changesColors(style) {
  const filter = style.filter;
  if (filter !== "none" && filter.replace(HARMLESS_FILTERS, "").trim() !== "") return `filter: ${filter}`;
  if (style.mixBlendMode !== "normal") return `mix-blend-mode: ${style.mixBlendMode}`;
  const reflection = style.webkitBoxReflect;
  if (reflection && reflection !== "none") return "-webkit-box-reflect";
  return null;
}

// What is drawn over a video may take its colors as they are in the page. That it lies above is not
// known here; that it overlaps is enough.
function takesBackdrop(style) {
  if (style.mixBlendMode !== "normal") return `mix-blend-mode: ${style.mixBlendMode}`;
  const backdrop = style.backdropFilter;
  return backdrop && backdrop !== "none" ? `backdrop-filter: ${backdrop}` : null;
}

function overlap(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** Elements of this document that are drawn by what lies below them. */
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

/** Why a video cannot be a layer now; null if it can. */
function objection(element, blending) {
  const chain = ancestorsOf(element);
  for (const each of chain) {
    const reason = changesColors(styleOf(each));
    if (reason) return each === element ? `it has ${reason}` : `${describeElement(each)} around it has ${reason}`;
  }
  const viewBox = native.getComputedStyle(element).objectViewBox;
  if (viewBox && viewBox !== "none") return `it has object-view-box: ${viewBox}`;
  const bounds = boundsOf(element);
  for (const other of blending) {
    if (!other.isPseudo && chain.includes(other.element)) continue;
    // The box of a pseudo-element is not known.
    if (!other.isPseudo && !overlap(bounds, boundsOf(other.element))) continue;
    if (!checkVisibility(other.element, { opacityProperty: true, visibilityProperty: true })) continue;
    return `${describeElement(other.element)} over it has ${other.reason}`;
  }
  return null;
}

/**
 * Finds the layers of the frame at `seconds`, the first of them with the number `slot`.
 * @returns {{next: number, changed: boolean}} the number after the last, and whether pictures are to be
 *   shown anew
 */
export function settleLayers(seconds, slot) {
  let changed = false;
  let blending = null;
  for (const element of layerCandidates()) {
    const info = layerInfo(element);
    if (layered && info?.hdr === "unknown") {
      warnOnce("hdr_drawn_as_sdr", `${describeElement(element)} is shown with SDR light: its colors are not known, or it has transparency`);
    }
    if (!couldBeLayer(info)) continue;
    const isDue = element.localName === "img" || playsAt(element, seconds);
    const shows = element.isConnected && isDue && checkVisibility(element, { opacityProperty: true, visibilityProperty: true });
    const reason = shows ? objection(element, (blending ??= blendingElements())) : null;
    if (reason) warnOnce("hdr_drawn_as_sdr", `${describeElement(element)} is shown with SDR light: ${reason}`);
    const before = layerStates.get(element);
    const state = { slot: shows && !reason ? slot++ : -1, reason };
    if (before?.slot !== state.slot || before?.reason !== state.reason) changed = true;
    layerStates.set(element, state);
  }
  return { next: slot, changed };
}

const cssPixels = (text) => Number.parseFloat(text) || 0;

function contentSize(element, style) {
  const sides = (names) => names.reduce((sum, name) => sum + cssPixels(style[name]), 0);
  const isBorderBox = style.boxSizing === "border-box";
  const inner = (length, names) => Math.max(0, cssPixels(length) - (isBorderBox ? sides(names) : 0));
  return [
    inner(style.width, ["paddingLeft", "paddingRight", "borderLeftWidth", "borderRightWidth"]),
    inner(style.height, ["paddingTop", "paddingBottom", "borderTopWidth", "borderBottomWidth"]),
  ];
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

/** Left, top, width and height of the picture, in parts of the content box. */
function pictureBox([width, height], info, style) {
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

/** The layers of this document, as they were settled. */
export function listLayers(seconds, numbers) {
  const found = [];
  for (const [element, { slot }] of layerStates) {
    if (slot < 0) continue;
    const info = layerInfo(element);
    if (!info) continue;
    const style = native.getComputedStyle(element);
    const content = contentSize(element, style);
    if (content.some((side) => !(side > 0))) continue;
    found.push({
      element: numbers(element),
      label: describeElement(element),
      source: info.id,
      pictureNumber: element.localName === "img" ? 0 : pictureNumber(info, mediaTime(element, seconds)),
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
