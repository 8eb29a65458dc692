// GSAP: timelines in `window.__timelines`, and whatever runs on its own ticker.
//
// Registered timelines are paused and placed by `totalTime`. All other tweens hang on GSAP's global
// timeline, which is driven through `updateRoot` with the exact frame time: the ticker would read
// whole milliseconds from `Date.now` and lose its place when time goes back. The ticker itself only
// serves listeners that the page added; without any it sleeps, and no frame callback is pending.
//
// A tween reads its start values when it first renders, and callbacks act on the page. So every
// frame is visited in turn, drawn or not: a session that shows every third frame then has the same
// start values as one that shows all.

import { guarded, native } from "./natives.js";
import { clock } from "./clock.js";
import { compositionStart, findRoot } from "./clips.js";

/** GSAP renders nothing when the time is the one it has; this is far enough off. In seconds. */
const NUDGE_SECS = 0.001;
/** Lengths from here on stand for endless repetition (GSAP's own large number is 1e8). */
const ENDLESS_SECS = 1e7;

const STEP_CALLBACKS = ["onUpdate", "onStart", "onComplete", "onRepeat", "onReverseComplete", "onInterrupt"];

let driven = null;
let ownsRoot = false;
let baseSecs = 0;

/** @type {WeakMap<object, number>} time up to which the callbacks of a timeline have been called */
const placed = new WeakMap();

let hasTweens = false;
/** null: not known. */
let hasCallbacks = null;
let hasFreeTweens = false;

/**
 * Turns off what GSAP does for GPUs: with `force3D` every element that moves gets a layer of its own,
 * and its pixels depend on earlier frames (layers.js). Elements keep what they had when their first
 * tween began, so it has to happen as soon as GSAP is there.
 */
export function awaitGsap() {
  Object.defineProperty(window, "gsap", {
    configurable: true,
    enumerable: true,
    get: () => undefined,
    set: (value) => {
      Object.defineProperty(window, "gsap", { value, configurable: true, enumerable: true, writable: true });
      guarded(() => value?.config?.({ force3D: false }));
    },
  });
}

/** Takes the global timeline over from the ticker as soon as GSAP is there. */
export function findGsap() {
  const gsap = window.gsap;
  if (!gsap?.ticker || gsap === driven) return;
  driven = gsap;
  baseSecs = clock.now / 1000 - gsap.ticker.time;
  gsap.ticker.lagSmoothing?.(0);
  gsap.config?.({ autoSleep: 0 });
  // A page that removed the root from the ticker drives GSAP by hand.
  ownsRoot = gsap.ticker._listeners?.includes(gsap.updateRoot) ?? false;
  if (ownsRoot) gsap.ticker.remove(gsap.updateRoot);
  forgetTweens();
}

export function gsapVersion() {
  return typeof window.gsap?.version === "string" ? window.gsap.version : null;
}

function isTimeline(value) {
  return typeof value?.totalTime === "function" && typeof value.pause === "function";
}

/** @returns {{key: string, timeline: object}[]} */
export function registeredTimelines() {
  const registry = window.__timelines;
  if (!registry || typeof registry !== "object") return [];
  return Object.keys(registry)
    .filter((key) => isTimeline(registry[key]))
    .map((key) => ({ key, timeline: registry[key] }));
}

// Within another registered timeline a running child follows its parent, and only a paused one
// has to be placed.
function followsParent(timeline, all) {
  if (timeline.paused()) return false;
  for (let parent = timeline.parent; parent; parent = parent.parent) {
    if (all.some((other) => other.timeline === parent)) return true;
  }
  return false;
}

function startOf(key) {
  if (Array.isArray(window.__timelines)) return 0;
  const root = findRoot();
  for (const element of document.querySelectorAll("[data-composition-id]")) {
    if (element.getAttribute("data-composition-id") === key) return element === root ? 0 : compositionStart(element);
  }
  return 0;
}

/** Stops timelines that the page left running, so that only seeks move them. */
export function pauseTimelines() {
  const all = registeredTimelines();
  for (const { timeline } of all) {
    if (!timeline.paused() && !followsParent(timeline, all)) timeline.pause();
  }
}

// Children render in the order of their starts only when time goes forward; two tweens of one
// property would otherwise trade places. So going back means starting over, and rendering the same
// time again means coming from just before it. Callbacks stay silent on such detours.
function placeTimeline(timeline, seconds) {
  const target = Math.min(Math.max(0, seconds), timeline.totalDuration());
  const before = timeline.totalTime();
  if (before === target && !placed.has(timeline)) {
    // Never rendered: what stands exactly here must happen, calls included, and only once.
    timeline.totalTime(target + NUDGE_SECS, false);
    timeline.totalTime(target, true);
    placed.set(timeline, target + NUDGE_SECS);
    return;
  }
  if (before < target) {
    const called = placed.get(timeline) ?? before;
    if (called > before && called < target) timeline.totalTime(called, true);
    timeline.totalTime(target, false);
  } else {
    timeline.totalTime(before === target && target > NUDGE_SECS ? target - NUDGE_SECS : target > 0 ? 0 : NUDGE_SECS, true);
    timeline.totalTime(target, true);
  }
  placed.set(timeline, target);
}

/**
 * Moves GSAP to `seconds`. Registered timelines stay alone where the page seeks them itself.
 * @returns {boolean} whether page callbacks may have run
 */
export function applyGsap(seconds, pageSeeks) {
  findGsap();
  if (!driven) return false;
  if (hasCallbacks === null) readTweens();
  if (!pageSeeks) {
    pauseTimelines();
    const all = registeredTimelines();
    for (const { key, timeline } of all) {
      if (!followsParent(timeline, all)) placeTimeline(timeline, seconds - startOf(key));
    }
  }
  if (ownsRoot) {
    // With listeners the ticker runs and needs its last time for their delta.
    if (driven.ticker._listeners.length === 0) driven.ticker.time = seconds - baseSecs;
    driven.updateRoot(seconds - baseSecs);
  }
  restGsap();
  const called = hasCallbacks;
  if (called) forgetTweens();
  return called;
}

/** Lets the ticker sleep while nobody listens to it; any use of GSAP wakes it. */
export function restGsap() {
  if (driven && ownsRoot && driven.ticker._listeners.length === 0) driven.ticker.sleep();
}

/** Tells that tweens may have come or gone. */
export function forgetTweens() {
  hasCallbacks = null;
}

function readTweens() {
  hasCallbacks = false;
  hasFreeTweens = false;
  const registered = new Set(registeredTimelines().map(({ timeline }) => timeline));
  const all = driven.globalTimeline.getChildren(true, true, true);
  hasTweens = all.length > 0 || registered.size > 0;
  for (const tween of all) {
    let owner = tween;
    while (owner && !registered.has(owner)) owner = owner.parent;
    if (!owner) hasFreeTweens = true;
    if (STEP_CALLBACKS.some((name) => tween.vars?.[name])) hasCallbacks = true;
  }
}

/** Whether every frame has to be visited. */
export function gsapSteps() {
  findGsap();
  if (!driven?.globalTimeline) return false;
  if (hasCallbacks === null) readTweens();
  return hasTweens;
}

/** Whether going back in time restores everything: callbacks and ended free tweens do not come back. */
export function gsapRewinds() {
  if (driven && hasCallbacks === null) readTweens();
  return !driven || !(hasCallbacks || hasFreeTweens);
}

export function lengthOf(timeline) {
  const seconds = timeline.totalDuration();
  return Number.isFinite(seconds) && seconds < ENDLESS_SECS ? seconds : Infinity;
}

/** Length of the root's timeline, else of the longest; null if none is registered. */
export function timelineDuration() {
  const all = registeredTimelines();
  if (all.length === 0) return null;
  const rootId = findRoot()?.getAttribute("data-composition-id");
  const own = all.find(({ key }) => key === rootId);
  const lengths = all.map(({ key, timeline }) => lengthOf(timeline) + startOf(key));
  return own ? lengthOf(own.timeline) : Math.max(...lengths);
}
