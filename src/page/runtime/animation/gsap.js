// GSAP: timelines in `window.__timelines`, and all that runs on its own ticker.
//
// Registered timelines are paused and placed by `totalTime`. All other tweens hang on GSAP's global
// timeline, which is driven through `updateRoot` with the exact frame time: the ticker would read
// whole milliseconds from `Date.now` and lose its place when time goes back. The ticker itself only
// serves listeners that the page added; without any it sleeps, and no frame callback is pending.
//
// A tween reads its start values when it first renders, and callbacks act on the page. So every
// frame is visited in turn, drawn or not: a session that shows every third frame then has the same
// start values as one that shows all.

import { guarded, native } from "../natives.js";
import { clock } from "../time/clock.js";
import { currentPlacements, findRoot, timelineTime } from "../time/timing.js";
import { isMarkedChanged } from "../rendering/changes.js";
import { hasUnnamedTimelines, registeredTimelines, timelineLength } from "./timelines.js";

/**
 * GSAP renders nothing at an unchanged time; this offset is enough to make it render. In seconds.
 */
const NUDGE_SECS = 0.001;
const STEP_CALLBACKS = [
  "onUpdate",
  "onStart",
  "onComplete",
  "onRepeat",
  "onReverseComplete",
  "onInterrupt",
];

let driven = null;
let ownsRoot = false;
let baseSecs = 0;

/** @type {WeakMap<object, number>} time up to which the callbacks of a timeline have been called */
const placed = new WeakMap();

/**
 * @typedef {object} Tween
 * @property {object} animation of GSAP's, a tween or a timeline
 * @property {number[]} shown where it stood when it was last looked at
 * @property {boolean} calls whether it calls functions of the page's own
 * @property {boolean} isNew whether the list before did not have it
 */

/** @type {Tween[]|null} every animation there is; null: not known */
let tweens = null;
/** The last list, to distinguish moved animations from new ones. */
let formerTweens = new native.Map();
let hasTweens = false;
let hasCallbacks = false;
let hasFreeTweens = false;
let tweensMoved = false;
/** Whether page code may have made tweens since the list was read. */
let tweensMayBeNew = false;

/** GSAP's own eases by name; any other ease of a tween is code of the page's. */
const OWN_EASE =
  /^(none|linear|(power[0-4]|quad|cubic|quart|quint|strong|sine|expo|circ|back|elastic|bounce)(\.(in|out|inOut))?(\([-\d., ]*\))?|steps\([^)]*\))$/i;

/**
 * Turns off GSAP's optimization for GPUs: with `force3D` every element that moves gets a layer of
 * its own, and its pixels depend on earlier frames (layers.js). Elements keep the setting of their
 * first tween, so this has to happen as soon as GSAP is there.
 */
export function awaitGsap() {
  Object.defineProperty(window, "gsap", {
    configurable: true,
    enumerable: true,
    get: () => undefined,
    set: (value) => {
      Object.defineProperty(window, "gsap", {
        value,
        configurable: true,
        enumerable: true,
        writable: true,
      });
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

// Within another registered timeline a running child follows its parent, and only a paused one
// has to be placed.
function followsParent(timeline, all) {
  if (timeline.paused()) return false;
  for (let parent = timeline.parent; parent; parent = parent.parent) {
    if (all.some((other) => other.timeline === parent)) return true;
  }
  return false;
}

function ownTime(key, seconds) {
  return hasUnnamedTimelines() ? seconds : timelineTime(key, seconds);
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
// time again means starting just before it. Callbacks stay silent on such detours.
function placeTimeline(timeline, seconds) {
  const target = Math.min(Math.max(0, seconds), timeline.totalDuration());
  const before = timeline.totalTime();
  if (before === target && !placed.has(timeline)) {
    // Not yet rendered: a tween exactly here must happen, with its calls, and only once.
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
    timeline.totalTime(
      before === target && target > NUDGE_SECS ? target - NUDGE_SECS : target > 0 ? 0 : NUDGE_SECS,
      true,
    );
    timeline.totalTime(target, true);
  }
  placed.set(timeline, target);
}

/**
 * Moves GSAP to `seconds`. Leaves registered timelines alone where the page seeks them itself.
 * @returns {boolean} whether page callbacks may have run
 */
export function applyGsap(seconds, pageSeeks) {
  findGsap();
  if (!driven) return false;
  readTweens();
  if (!pageSeeks) {
    pauseTimelines();
    const all = registeredTimelines();
    for (const { key, timeline } of all) {
      if (!followsParent(timeline, all)) placeTimeline(timeline, ownTime(key, seconds));
    }
  }
  if (ownsRoot) {
    // With listeners the ticker runs and needs its last time for their delta.
    if (driven.ticker._listeners.length === 0) driven.ticker.time = seconds - baseSecs;
    driven.updateRoot(seconds - baseSecs);
  }
  restGsap();
  const called = lookForMoves();
  if (called) forgetTweens();
  return called;
}

/** Repeats the calls that timelines make in each frame, at their present time. */
export function recallTimelines() {
  for (const { timeline } of registeredTimelines()) {
    const shown = timeline.totalTime();
    if (shown === 0) continue;
    timeline.totalTime(shown - Math.min(shown, NUDGE_SECS), true);
    timeline.totalTime(shown, false);
  }
}

/** Lets the ticker sleep while it has no listeners; any use of GSAP wakes it. */
export function restGsap() {
  if (driven && ownsRoot && driven.ticker._listeners.length === 0) driven.ticker.sleep();
}

/** Notes that tweens may have come or gone. */
export function forgetTweens() {
  if (tweens) formerTweens = new native.Map(tweens.map((each) => [each.animation, each.shown]));
  tweens = null;
}

// The position of an animation, as far as it has one: without a length it has no time, but a ratio.
/** @param {any} animation of GSAP */
function standing({ _tTime, _zTime, ratio }) {
  return [_tTime, _zTime, ratio];
}

const BEFORE_ALL = [0, -1e-8, 0];
const differs = (one, other) => one.some((value, at) => value !== other[at]);

function readTweens() {
  if (tweens) return;
  tweens = [];
  tweensMayBeNew = false;
  hasCallbacks = false;
  hasFreeTweens = false;
  const registered = new Set(registeredTimelines().map(({ timeline }) => timeline));
  const all = driven.globalTimeline.getChildren(true, true, true);
  hasTweens = all.length > 0 || registered.size > 0;
  for (const animation of all) {
    let owner = animation;
    while (owner && !registered.has(owner)) owner = owner.parent;
    if (!owner) hasFreeTweens = true;
    const calls = STEP_CALLBACKS.some((name) => animation.vars?.[name]);
    if (calls) hasCallbacks = true;
    const shown = formerTweens.get(animation);
    tweens.push({ animation, shown: shown ?? BEFORE_ALL, calls, isNew: !shown });
  }
  formerTweens.clear();
}

/**
 * Whether another time of it cannot change a pixel: it has nothing to tween, and calls no function.
 */
function isIdle({ animation, calls }) {
  if (calls) return false;
  // A timeline only moves its children, which are in the list themselves.
  if (typeof animation.getChildren === "function") return true;
  const ease = animation.vars.ease ?? driven.defaults?.().ease ?? "none";
  return !animation._pt && typeof ease === "string" && OWN_EASE.test(ease);
}

/**
 * Checks whether an animation has been shown at another time since the last check. Its targets may
 * be objects of the page's own whose setters draw, so nothing less proves that nothing has changed.
 * @returns {boolean} whether one of those that moved calls functions of the page's
 */
function lookForMoves() {
  let [moved, called] = [false, false];
  for (const each of tweens ?? []) {
    const now = standing(each.animation);
    if (!differs(now, each.shown)) continue;
    each.shown = now;
    if (isIdle(each)) continue;
    moved = true;
    called ||= each.calls;
  }
  if (!moved && (tweensMayBeNew || isMarkedChanged())) {
    // Page code that ran may have made tweens; the list is only read again when it matters.
    const before = tweens?.length ?? 0;
    forgetTweens();
    readTweens();
    moved = tweens.length !== before || tweens.some((each) => each.isNew && !isIdle(each));
  }
  tweensMayBeNew ||= moved;
  tweensMoved ||= moved;
  return called;
}

/** Whether an animation of GSAP's has moved since the last call. */
export function takeTweensMoved() {
  const result = tweensMoved;
  tweensMoved = false;
  return result;
}

/** Whether every frame has to be visited. */
export function gsapSteps() {
  findGsap();
  if (!driven?.globalTimeline) return false;
  readTweens();
  return hasTweens;
}

/** Whether going back in time restores everything: callbacks and ended free tweens do not come back. */
export function gsapRewinds() {
  if (driven) readTweens();
  return !driven || !(hasCallbacks || hasFreeTweens);
}

/** Length in seconds of the root's timeline, else of the longest that no nested composition owns; null without one. */
export function timelineDuration() {
  const all = registeredTimelines();
  const rootId = findRoot()?.getAttribute("data-composition-id");
  const nested = new Set(currentPlacements().map(({ key }) => key));
  const named = all.filter(({ key }) => key === rootId);
  const own = named.length > 0 ? named : all.filter(({ key }) => !nested.has(key));
  return own.length > 0 ? Math.max(...own.map(({ timeline }) => timelineLength(timeline))) : null;
}
