// The composition's root, and when each timed element is on screen.
//
// A clip is visible for start <= t < end and while all timed ancestors are. The attributes are read
// once and again only after a mutation has touched them, so that a frame costs a comparison per clip
// and a write only where visibility changes. The page keeps its own inline `visibility`: it is put
// back when the clip appears, and what an animation sets meanwhile is remembered.

import { native, nativeMethod } from "./natives.js";

// Sums such as 0.1 + 0.2 must not make a clip miss the frame it begins on. Shorter than any frame.
const EDGE_SECS = 1e-6;
const UNTIMED = new Set(["SCRIPT", "STYLE", "TEMPLATE", "AUDIO", "LINK", "META", "SOURCE", "TRACK"]);
// A minus needs a space before it, since ids may contain one.
const REFERENCE = /^([A-Za-z0-9_.:-]+)(?:(\s*\+|\s+-)\s*(\d+(?:\.\d+)?|\.\d+))?$/;

const queryAll = nativeMethod(Document.prototype, "querySelectorAll");

/** @typedef {{element: Element, start: number, end: number, parent: Clip|null, shown: boolean, authored: string[]|null}} Clip
 *  Times are absolute seconds; `end` is Infinity where nothing limits it. */

/** @type {Map<Element, Clip>} in document order */
let clips = new native.Map();
let dirty = true;
/** @type {Map<string, {code: string, message: string}>} */
const clipWarnings = new native.Map();

/** Tells that timing attributes or the tree changed. */
export function markClipsDirty() {
  dirty = true;
}

export function compositionWarnings() {
  return [...clipWarnings.values()];
}

function warn(code, message) {
  clipWarnings.set(message, { code, message });
}

/** First `[data-composition-id]` outside any other, else the first element with a size or a length. */
export function findRoot() {
  for (const element of queryAll(document, "[data-composition-id]")) {
    if (!element.parentElement?.closest("[data-composition-id]")) return element;
  }
  return queryAll(document, "[data-width], [data-height], [data-duration]:not([data-start])")[0] ?? null;
}

/** Number of an attribute as JavaScript reads it, or null where it is absent or blank. */
export function numberAttribute(element, name) {
  const text = element?.getAttribute(name);
  return text === null || text === undefined || text.trim() === "" ? null : Number(text);
}

function describeElement(element) {
  return element.id ? `#${element.id}` : `<${element.localName}>`;
}

/** Authored length in seconds, null where the element says nothing usable. */
function ownDuration(element, start) {
  const duration = numberAttribute(element, "data-duration");
  if (duration !== null) {
    if (Number.isFinite(duration) && duration >= 0) return duration;
    warn("invalid_duration", `data-duration of ${describeElement(element)} is not a length in seconds: ${element.getAttribute("data-duration")}`);
    return null;
  }
  const end = numberAttribute(element, "data-end");
  return end !== null && Number.isFinite(end) ? Math.max(0, end - start) : null;
}

/** Start in seconds within the element's own composition. */
function localStart(element, trail) {
  const text = (element.getAttribute("data-start") ?? "").trim();
  const number = Number(text);
  if (text !== "" && Number.isFinite(number)) return Math.max(0, number);

  const reference = REFERENCE.exec(text);
  const target = reference && document.getElementById(reference[1]);
  if (!reference) {
    warn("invalid_start", `data-start of ${describeElement(element)} is neither a number nor a clip: "${text}"`);
    return 0;
  }
  if (!target || !target.hasAttribute("data-start") || trail.includes(target)) {
    const why = target && trail.includes(target) ? "refers back to itself" : "names no timed element";
    warn("unresolved_start", `data-start of ${describeElement(element)} ${why}: "${text}"`);
    return 0;
  }
  const begins = localStart(target, [...trail, target]);
  const length = ownDuration(target, begins);
  if (length === null) {
    warn("unresolved_start", `data-start of ${describeElement(element)} refers to a clip without a length: "${text}"`);
    return 0;
  }
  const shift = Number(reference[3] ?? 0) * (reference[2]?.trim() === "-" ? -1 : 1);
  return Math.max(0, begins + length + shift);
}

// Starts count from the composition that the element stands in. The root begins at 0.
function hostStart(element, root) {
  const host = element.parentElement?.closest("[data-composition-id]");
  return host && host !== root ? absoluteStart(host, root) : 0;
}

function absoluteStart(element, root) {
  const own = element !== root && element.hasAttribute("data-start") ? localStart(element, [element]) : 0;
  return own + hostStart(element, root);
}

function readClips() {
  const root = findRoot();
  const old = clips;
  clips = new native.Map();
  clipWarnings.clear();
  for (const element of queryAll(document, "[data-start]")) {
    if (element === root || UNTIMED.has(element.nodeName.toUpperCase())) continue;
    const local = localStart(element, [element]);
    const start = local + hostStart(element, root);
    const duration = ownDuration(element, local);
    const parent = clips.get(element.parentElement?.closest("[data-start]")) ?? null;
    const before = old.get(element);
    clips.set(element, {
      element,
      start,
      end: duration === null ? Infinity : start + duration,
      parent,
      shown: before?.shown ?? true,
      authored: before?.authored ?? null,
    });
  }
  for (const [element, clip] of old) {
    if (!clips.has(element) && !clip.shown) reveal(clip);
  }
  dirty = false;
}

/** The clips as the document has them now. */
export function currentClips() {
  if (dirty) readClips();
  return clips;
}

/** Absolute start in seconds of the clip that holds `element`, 0 outside any. */
export function clipStart(element) {
  return currentClips().get(element?.closest?.("[data-start]"))?.start ?? 0;
}

/** Start in seconds of a composition's own time, hosts included. */
export function compositionStart(element) {
  return absoluteStart(element, findRoot());
}

function conceal(clip) {
  const style = clip.element.style;
  if (!style) return;
  const value = style.getPropertyValue("visibility");
  const priority = style.getPropertyPriority("visibility");
  if (!clip.shown && value === "hidden" && priority === "important") return;
  clip.authored = value ? [value, priority] : null;
  style.setProperty("visibility", "hidden", "important");
  clip.shown = false;
}

function reveal(clip) {
  if (clip.shown) return;
  const style = clip.element.style;
  const untouched = style.getPropertyValue("visibility") === "hidden" && style.getPropertyPriority("visibility") === "important";
  if (untouched && clip.authored) style.setProperty("visibility", ...clip.authored);
  else if (untouched) style.removeProperty("visibility");
  clip.authored = null;
  clip.shown = true;
}

/** Shows and hides the clips for the time `seconds`. */
export function applyClips(seconds) {
  for (const clip of currentClips().values()) {
    const inside = seconds > clip.start - EDGE_SECS && seconds < clip.end - EDGE_SECS;
    // Ancestors come first in document order, so their state is already that of this frame.
    if (inside && (clip.parent === null || clip.parent.shown)) reveal(clip);
    else conceal(clip);
  }
}

/** Latest finite end of any clip in seconds, or null. */
export function clipsEnd() {
  let latest = null;
  for (const clip of currentClips().values()) {
    if (Number.isFinite(clip.end)) latest = Math.max(latest ?? 0, clip.end);
  }
  return latest;
}
