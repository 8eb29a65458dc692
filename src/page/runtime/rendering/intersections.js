// IntersectionObserver, in step with the frames.
//
// Chrome checks for intersections where it draws, and reports them in a task of its own some time
// later. A frame that is only passed has neither. So the observers of page code are ours: after the
// frame callbacks of each visited frame they check the places of their targets, and report at once.
// The rules of intersecting follow the W3C's "Intersection Observer", with Chrome's reading that
// nothing intersects below the least threshold.

import { defineHidden, guarded, native } from "../natives.js";
import { enter } from "./entries.js";
import { timeStamp } from "../time/clock.js";

/** @type {Set<Intersections>} observers that have targets */
const watching = new Set();
let firstLooks = 0;

const MARGIN = /^(-?\d*\.?\d+)(px|%)?$/;

function parseMargin(text) {
  const parts = String(text || "0px")
    .trim()
    .split(/\s+/);
  const sides = parts.map((part) => {
    const [all, value, unit = ""] = part.match(MARGIN) ?? [];
    if (all === undefined || parts.length > 4 || (unit === "" && Number(value) !== 0)) {
      throw new DOMException(
        "Failed to construct 'IntersectionObserver': rootMargin must be specified in pixels or percent.",
        "SyntaxError",
      );
    }
    return { value: Number(value), unit: unit || "px" };
  });
  const [top, right = top, bottom = top, left = right] = sides;
  return [top, right, bottom, left];
}

function parseThresholds(given) {
  const list = given === undefined ? [0] : [given].flat().map(Number);
  if (list.some((value) => !(value >= 0 && value <= 1)))
    throw new RangeError(
      "Failed to construct 'IntersectionObserver': Threshold values must be numbers between 0 and 1",
    );
  return list.length === 0 ? [0] : list.sort((a, b) => a - b);
}

const rectOf = (left, top, right, bottom) => ({ left, top, right, bottom });
const emptyRect = () => rectOf(0, 0, 0, 0);
const asDomRect = ({ left, top, right, bottom }) =>
  new DOMRectReadOnly(left, top, right - left, bottom - top);
const areaOf = ({ left, top, right, bottom }) =>
  Math.max(0, right - left) * Math.max(0, bottom - top);

function meetRects(one, other) {
  const met = rectOf(
    Math.max(one.left, other.left),
    Math.max(one.top, other.top),
    Math.min(one.right, other.right),
    Math.min(one.bottom, other.bottom),
  );
  return met.left <= met.right && met.top <= met.bottom ? met : null;
}

function widen(rect, margins) {
  const [width, height] = [rect.right - rect.left, rect.bottom - rect.top];
  const [top, right, bottom, left] = margins.map(({ value, unit }, side) =>
    unit === "px" ? value : (value * (side % 2 === 0 ? height : width)) / 100,
  );
  return rectOf(rect.left - left, rect.top - top, rect.right + right, rect.bottom + bottom);
}

const outerRect = (element) => {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  return rectOf(left, top, right, bottom);
};

// The area to which an element clips its contents, in the viewport; null where it clips nothing.
// The scale of a transform is that of the box.
function clipOf(element, style) {
  if (style.overflowX === "visible" && style.overflowY === "visible" && style.clipPath === "none")
    return null;
  const box = outerRect(element);
  if (style.overflowX === "visible" && style.overflowY === "visible") return box;
  const [scaleX, scaleY] = [
    element.offsetWidth ? (box.right - box.left) / element.offsetWidth : 1,
    element.offsetHeight ? (box.bottom - box.top) / element.offsetHeight : 1,
  ];
  const inner = rectOf(
    box.left + element.clientLeft * scaleX,
    box.top + element.clientTop * scaleY,
    box.left + (element.clientLeft + element.clientWidth) * scaleX,
    box.top + (element.clientTop + element.clientHeight) * scaleY,
  );
  if (style.overflowX === "visible") return rectOf(-Infinity, inner.top, Infinity, inner.bottom);
  if (style.overflowY === "visible") return rectOf(inner.left, -Infinity, inner.right, Infinity);
  return inner;
}

const isContaining = (style) =>
  style.transform !== "none" ||
  style.perspective !== "none" ||
  style.filter !== "none" ||
  style.containerType !== "normal" ||
  /paint|layout|strict|content/.test(style.contain) ||
  /transform|perspective|filter/.test(style.willChange);

// The part of the rectangle of `target` that the elements around it, up to `root`, leave visible.
// The caller applies the root's own clip; null for nothing.
function visiblePart(target, root) {
  const view = target.ownerDocument.defaultView;
  const styleOf = (element) => Reflect.apply(view.getComputedStyle, view, [element]);
  let rect = outerRect(target);
  let position = styleOf(target).position;
  for (
    let at = target.parentElement ?? target.getRootNode().host;
    at && at !== root;
    at = at.parentElement ?? at.getRootNode().host
  ) {
    const style = styleOf(at);
    // An element out of the flow is clipped only by its containing block.
    if (position === "fixed" && !isContaining(style)) continue;
    if (position === "absolute" && style.position === "static" && !isContaining(style)) continue;
    position = style.position;
    if (at === view.document.documentElement || at === view.document.body) continue;
    const clip = clipOf(at, style);
    if (clip) rect = meetRects(rect, clip);
    if (!rect) return null;
  }
  return rect;
}

const viewportOf = (view) => rectOf(0, 0, view.innerWidth, view.innerHeight);

// Up through the frames around the target's document, to the page's viewport.
function visibleInPage(target) {
  let rect = visiblePart(target, null);
  let view = target.ownerDocument.defaultView;
  while (rect) {
    const frame = view.frameElement;
    if (!frame) return rect;
    rect = meetRects(rect, viewportOf(view));
    if (!rect) return null;
    const box = outerRect(frame);
    const [left, top] = [box.left + frame.clientLeft, box.top + frame.clientTop];
    const moved = rectOf(rect.left + left, rect.top + top, rect.right + left, rect.bottom + top);
    const around = visiblePart(frame, null);
    rect = around && meetRects(moved, around);
    view = view.parent;
  }
  return rect;
}

class Intersections {
  #callback;
  #margins;
  #scroll;
  /** @type {Map<any, {index: number, isFirst: boolean}>} by element */
  #targets = new native.Map();
  #queue = [];

  constructor(callback, options = {}) {
    if (typeof callback !== "function")
      throw new TypeError(
        "Failed to construct 'IntersectionObserver': parameter 1 is not of type 'Function'.",
      );
    const root = options?.root ?? null;
    if (
      root !== null &&
      !(
        root instanceof Node &&
        (root.nodeType === Node.ELEMENT_NODE || root.nodeType === Node.DOCUMENT_NODE)
      )
    ) {
      throw new TypeError(
        "Failed to construct 'IntersectionObserver': member root is not of type '(Document or Element)'.",
      );
    }
    this.#callback = callback;
    this.#margins = parseMargin(options?.rootMargin);
    this.#scroll = parseMargin(options?.scrollMargin);
    const text = (sides) => sides.map(({ value, unit }) => `${value}${unit}`).join(" ");
    const fixed = {
      root,
      rootMargin: text(this.#margins),
      scrollMargin: text(this.#scroll),
      thresholds: Object.freeze(parseThresholds(options?.threshold)),
      delay: Number(options?.delay ?? 0),
      trackVisibility: options?.trackVisibility === true,
    };
    for (const [name, value] of Object.entries(fixed))
      Object.defineProperty(this, name, { value, enumerable: true });
  }

  /** @param {any} target */
  observe(target) {
    if (!(target instanceof Node && target.nodeType === Node.ELEMENT_NODE))
      throw new TypeError(
        "Failed to execute 'observe' on 'IntersectionObserver': parameter 1 is not of type 'Element'.",
      );
    if (this.#targets.has(target)) return;
    this.#targets.set(target, { index: 0, isFirst: true });
    firstLooks += 1;
    watching.add(this);
  }

  unobserve(target) {
    this.#targets.delete(target);
    if (this.#targets.size === 0) watching.delete(this);
  }

  disconnect() {
    this.#targets.clear();
    this.#queue = [];
    watching.delete(this);
  }

  takeRecords() {
    return this.#queue.splice(0);
  }

  /** @param {Intersections} observer */
  static look(observer) {
    for (const [target, state] of observer.#targets) observer.#lookAt(target, state);
  }

  /**
   * Returns whether there was anything to report.
   * @param {Intersections} observer
   */
  static tell(observer) {
    const entries = observer.takeRecords();
    if (entries.length === 0) return false;
    enter();
    guarded(() => Reflect.apply(observer.#callback, observer, [entries, observer]));
    return true;
  }

  #lookAt(target, state) {
    const { root, thresholds } = /** @type {any} */ (this);
    const isElement = root?.nodeType === Node.ELEMENT_NODE;
    const hasBox =
      target.isConnected &&
      target.getClientRects().length > 0 &&
      (!isElement || root.contains(target));
    let bounds = isElement
      ? (clipOf(root, native.getComputedStyle(root)) ?? outerRect(root))
      : viewportOf(window.top === window ? window : topView());
    bounds = widen(bounds, this.#margins);
    const box = hasBox ? outerRect(target) : emptyRect();
    const part = hasBox ? (isElement ? visiblePart(target, root) : visibleInPage(target)) : null;
    const met = part && meetRects(part, bounds);
    const area = areaOf(box);
    const ratio = met ? (area > 0 ? Math.min(1, areaOf(met) / area) : 1) : 0;
    const above = thresholds.findIndex((threshold) => threshold > ratio);
    const index = met ? (above < 0 ? thresholds.length : above) : 0;
    if (!state.isFirst && index === state.index) return;
    state.isFirst = false;
    state.index = index;
    const entry = Object.create(window.IntersectionObserverEntry?.prototype ?? Object.prototype);
    const values = {
      time: timeStamp(),
      rootBounds: asDomRect(bounds),
      boundingClientRect: asDomRect(box),
      intersectionRect: asDomRect(met ?? emptyRect()),
      isIntersecting: index > 0,
      isVisible: false,
      intersectionRatio: ratio,
      target,
    };
    for (const [name, value] of Object.entries(values))
      Object.defineProperty(entry, name, { value, enumerable: true });
    this.#queue.push(entry);
  }
}

// The outermost window that belongs to the page.
function topView() {
  /** @type {Window} */
  let view = window;
  while (view.parent !== view && view.frameElement) view = view.parent;
  return view;
}

Object.defineProperty(Intersections, "name", { value: "IntersectionObserver" });
if (window.IntersectionObserver) defineHidden(window, "IntersectionObserver", Intersections);

/** Whether page code has observers. */
export const observesIntersections = () => watching.size > 0;

/** Whether an observer has not reported its targets yet. */
export function awaitsIntersections() {
  return firstLooks > 0;
}

/** Checks all targets and reports changes. Returns whether page code was called. */
export function tellIntersections() {
  firstLooks = 0;
  const all = [...watching];
  all.forEach(Intersections.look);
  return all.map(Intersections.tell).some(Boolean);
}
