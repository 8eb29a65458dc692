// `window.__timelines`: where compositions register their timelines, by composition id.
//
// The object is there from the beginning, so that a page may write into it without creating it. A
// page that has touched it is going to register one.

import { native } from "../natives.js";

let registry = {};
let touched = false;

Object.defineProperty(window, "__timelines", {
  configurable: true,
  enumerable: true,
  get() {
    touched = true;
    return registry;
  },
  set(value) {
    touched = true;
    registry = value;
  },
});

function registryNow() {
  // A page may have defined a property of its own over ours.
  const own = Object.getOwnPropertyDescriptor(window, "__timelines");
  const value = own && "value" in own ? own.value : registry;
  return value && typeof value === "object" ? value : null;
}

/** Whether page code has read the registry. */
export function touchesTimelines() {
  const all = registryNow();
  return touched || (all !== null && Object.keys(all).length > 0);
}

/** Whether the page listed its timelines without their compositions' ids. */
export function hasUnnamedTimelines() {
  return Array.isArray(registryNow());
}

/** The registry as it is now, for scripts of nested compositions; never null. */
export function timelineRegistry() {
  const all = registryNow();
  return all ?? (registry = {});
}

function isTimeline(value) {
  return typeof value?.totalTime === "function" && typeof value.pause === "function";
}

/** @returns {{key: string, timeline: any}[]} GSAP's timelines, or what looks like them */
export function registeredTimelines() {
  const all = registryNow();
  if (!all) return [];
  return Object.keys(all)
    .filter((key) => isTimeline(all[key]))
    .map((key) => ({ key, timeline: all[key] }));
}

/** Lengths from here on mean endless repetition (GSAP's own large number is 1e8). */
const ENDLESS_SECS = 1e7;

/** Length of a timeline with its repetitions in seconds; Infinity if it never ends. */
export function timelineLength(timeline) {
  const seconds = timeline.totalDuration();
  return Number.isFinite(seconds) && seconds < ENDLESS_SECS ? seconds : Infinity;
}

const known = new native.Map();

/** Whether timelines came, went or were replaced since the last call. */
export function takeTimelineChange() {
  const all = registeredTimelines();
  const same =
    all.length === known.size && all.every(({ key, timeline }) => known.get(key) === timeline);
  if (same) return false;
  known.clear();
  for (const { key, timeline } of all) known.set(key, timeline);
  return true;
}
