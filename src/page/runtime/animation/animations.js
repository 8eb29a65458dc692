// CSS animations, CSS transitions and WAAPI, placed by frame time.
//
// Every animation on the document timeline is paused for good and its `currentTime` written:
//     offset + (now - origin) * rate * scale
// with `origin` the virtual time at which it was first seen (0 for those of the loading page), but not
// before the start of the surrounding clip for a CSS animation, or of the surrounding nested
// composition for one that a script began; `scale` is that composition's playback rate. The value
// depends on the frame time alone, so seeks are exact in any order, and an animation that has ended
// comes back when time goes back, because the record holds it.
//
// An animation that the page itself paused is left where the page put it (animation_hooks.js keeps
// the pause from the page's eyes). Scroll and view timelines are not touched.

import { native, nativeGetter, nativeMethod, nativeSetter } from "../natives.js";
import { clock } from "../time/clock.js";
import { clipClock, compositionClock } from "../time/timing.js";
import { allTrees } from "../shadow_roots.js";
import { awaited, collectEvents, dispatchEvents, takeNativeFinish } from "./animation_events.js";

const animationPrototype = window.Animation?.prototype;

/** The untouched methods and accessors, each called with the animation first. */
export const nativeAnimation = {
  play: nativeMethod(animationPrototype, "play"),
  pause: nativeMethod(animationPrototype, "pause"),
  finish: nativeMethod(animationPrototype, "finish"),
  cancel: nativeMethod(animationPrototype, "cancel"),
  persist: nativeMethod(animationPrototype, "persist"),
  commitStyles: nativeMethod(animationPrototype, "commitStyles"),
  time: nativeGetter(animationPrototype, "currentTime"),
  setTime: nativeSetter(animationPrototype, "currentTime"),
  startTime: nativeGetter(animationPrototype, "startTime"),
  setStartTime: nativeSetter(animationPrototype, "startTime"),
  rate: nativeGetter(animationPrototype, "playbackRate"),
  setRate: nativeSetter(animationPrototype, "playbackRate"),
  updateRate: nativeMethod(animationPrototype, "updatePlaybackRate"),
  state: nativeGetter(animationPrototype, "playState"),
  replaceState: nativeGetter(animationPrototype, "replaceState"),
  finished: nativeGetter(animationPrototype, "finished"),
  timing: nativeMethod(window.AnimationEffect?.prototype, "getComputedTiming"),
  ofDocument: nativeMethod(Document.prototype, "getAnimations"),
  ofShadow: nativeMethod(window.ShadowRoot?.prototype, "getAnimations"),
  ofElement: nativeMethod(Element.prototype, "getAnimations"),
};

// Ended animations that began after loading are only kept for seeks backwards; a page that makes
// thousands of them should not grow without bound.
const KEPT_RECORDS = 2000;

/**
 * @typedef {object} AnimationRecord
 * @property {Animation} animation
 * @property {"animation"|"transition"|"script"} kind
 * @property {number} origin virtual ms at which local time was `offset`
 * @property {number} offset local ms
 * @property {number} rate
 * @property {number} scale
 * @property {number} born virtual ms at which it was first seen
 * @property {boolean} playing what the page intends, whatever the native state
 * @property {boolean} scripted page code took over from `animation-play-state`
 * @property {number} end local ms of the end in play direction, Infinity if there is none
 * @property {number} delay local ms before it begins
 * @property {boolean} ended
 * @property {number} told local time up to which events were sent
 * @property {number|null} [shownProgress] the progress that the last frame showed
 */

/** @type {Map<Animation, AnimationRecord>} */
export const animationRecords = new native.Map();
const styles = new WeakMap();

/** @returns {AnimationRecord["kind"]} */
function kindOf(animation) {
  if (typeof CSSAnimation === "function" && animation instanceof CSSAnimation) return "animation";
  if (typeof CSSTransition === "function" && animation instanceof CSSTransition)
    return "transition";
  return "script";
}

export function localEnd(record) {
  if (record.rate < 0) return 0;
  const end = record.animation.effect ? nativeAnimation.timing(record.animation.effect).endTime : 0;
  return typeof end === "number" ? end : Infinity;
}

export function valueAt(record, now) {
  return record.playing
    ? record.offset + (now - record.origin) * record.rate * record.scale
    : record.offset;
}

export function isPast(record, value) {
  return record.rate < 0 ? value <= record.end : record.rate > 0 && value >= record.end;
}

export function visibleValue(record, now) {
  const value = valueAt(record, now);
  return record.playing && isPast(record, value) ? record.end : value;
}

/**
 * While the page loads, CSS animations are held at their beginning: such a pause is not the page's.
 */
export const whileLoading = { held: true };

/** Takes control of an animation, once; null for those that the runtime does not drive. */
export function adoptAnimation(animation, now) {
  const known = animationRecords.get(animation);
  if (known) return known;
  const state = nativeAnimation.state(animation);
  if (state === "idle" || animation.timeline !== document.timeline) return null;

  const kind = kindOf(animation);
  const isPaused = state === "paused" && !(whileLoading.held && kind === "animation");
  /** @type {AnimationRecord} */
  const record = {
    animation,
    kind,
    origin: now,
    scale: 1,
    born: now,
    // Time that the wall clock has added since is not part of the page.
    offset: kind === "script" || isPaused ? Number(nativeAnimation.time(animation) ?? 0) : 0,
    rate: nativeAnimation.rate(animation) ?? 1,
    playing: !isPaused,
    scripted: false,
    end: 0,
    delay: animation.effect ? nativeAnimation.timing(animation.effect).delay : 0,
    ended: false,
    told: -Infinity,
  };
  record.end = localEnd(record);
  placeOrigin(record);
  animationRecords.set(animation, record);
  takeNativeFinish(animation);
  nativeAnimation.pause(animation);
  nativeAnimation.setTime(animation, valueAt(record, now));
  return record;
}

/**
 * Lets an animation begin when it was created, or later if its clip or composition begins later.
 */
export function placeOrigin(record) {
  record.origin = record.born;
  if (record.kind === "transition") return;
  const target = record.animation.effect?.target;
  const { origin, rate } =
    record.kind === "animation" ? clipClock(target) : compositionClock(target);
  record.origin = Math.max(record.born, origin * 1000);
  record.scale = rate;
}

/** Reads the clocks of clips again, for animations that began while the page was loading. */
export function refreshOrigins() {
  for (const record of animationRecords.values()) {
    if (record.born === 0 && record.told === -Infinity && !record.scripted) placeOrigin(record);
  }
}

/** Finds animations that the document has begun since the last call. */
export function findAnimations(now) {
  for (const tree of allTrees()) {
    const found =
      tree === document ? nativeAnimation.ofDocument(tree) : nativeAnimation.ofShadow(tree);
    for (const animation of found ?? []) adoptAnimation(animation, now);
  }
  if (animationRecords.size > KEPT_RECORDS) forgetEnded();
}

function forgetEnded() {
  for (const [animation, record] of animationRecords) {
    if (record.ended && record.origin > 0 && animationRecords.size > KEPT_RECORDS / 2)
      animationRecords.delete(animation);
  }
}

// Chrome stops following `animation-play-state` once `pause()` was called, so the runtime follows
// it. The declaration object is live: one per element is enough.
function followPlayState(record, now) {
  const effect = record.animation.effect;
  if (!effect?.target) return;
  const key = effect.pseudoElement ?? "";
  let byPseudo = styles.get(effect.target);
  if (!byPseudo) styles.set(effect.target, (byPseudo = {}));
  const style = (byPseudo[key] ??= native.getComputedStyle(effect.target, key || null));
  const list = style.animationPlayState;
  let running = list === "running";
  if (!running && list !== "paused") {
    const states = list.split(",");
    const at = style.animationName
      .split(",")
      .findIndex((name) => name.trim() === record.animation.animationName);
    running = states[Math.max(0, at) % states.length]?.trim() !== "paused";
  }
  if (running === record.playing) return;
  if (running) record.origin = now;
  else record.offset = visibleValue(record, now);
  record.playing = running;
  if (!running) nativeAnimation.setTime(record.animation, record.offset);
}

// `finish()` rather than a late `currentTime`: it resolves `finished`, completes transitions, and
// lets Chrome replace invisible forwards fills.
function complete(record) {
  record.ended = true;
  try {
    nativeAnimation.finish(record.animation);
  } catch {
    nativeAnimation.setTime(record.animation, record.end);
  }
}

function revive(record) {
  record.ended = false;
  if (nativeAnimation.replaceState(record.animation) === "removed")
    nativeAnimation.persist(record.animation);
  nativeAnimation.pause(record.animation);
}

// All reading comes before all writing: each write makes styles stale, and a read in between would
// make the browser compute them again for every animation.
function readStates(now) {
  for (const [animation, record] of animationRecords) {
    if (nativeAnimation.time(animation) === null) animationRecords.delete(animation);
    else if (record.kind === "animation" && !record.scripted && !whileLoading.held)
      followPlayState(record, now);
  }
}

// Chrome computes no new style for an animation whose delay ends at this very moment: its progress
// was 0 before and is 0 now. But a step that jumps at the start happens now. So the animation is
// moved there from a later time. One reading serves all of them.
function beginAtDelay(starting) {
  if (starting.length === 0) return;
  for (const { animation, value } of starting) nativeAnimation.setTime(animation, value + 1);
  void native.getComputedStyle(document.documentElement).opacity;
  for (const { animation, value } of starting) nativeAnimation.setTime(animation, value);
}

/** Writes the time `now` into every animation. Returns whether page code got an event. */
export function applyAnimations(now) {
  readStates(now);
  const events = [];
  const starting = [];
  for (const [animation, record] of animationRecords) {
    if (!record.playing) continue;
    const value = valueAt(record, now);
    if (record.ended && isPast(record, value)) continue;
    if (record.ended) revive(record);
    if (isPast(record, value)) record.end = localEnd(record);
    if (awaited.size > 0 && record.rate > 0 && value > record.told)
      collectEvents(record, record.told, value, events);
    record.told = Math.max(record.told, value);
    if (isPast(record, value)) complete(record);
    else if (value > 0 && value === record.delay) starting.push({ animation, value });
    else nativeAnimation.setTime(animation, value);
  }
  beginAtDelay(starting);
  if (events.length > 0) dispatchEvents(events, now);
  return events.length > 0;
}

/** Whether an awaited event can still come. */
export function hasAwaitedEvents() {
  if (awaited.size === 0) return false;
  for (const record of animationRecords.values()) {
    if (!record.playing || record.ended) continue;
    if (record.end !== Infinity || record.origin > clock.now || awaited.has("animationiteration"))
      return true;
  }
  return false;
}

/** Latest finite end in seconds over all animations, and whether one never ends. */
export function animationsEnd() {
  let end = null;
  let endless = false;
  for (const record of animationRecords.values()) {
    if (!record.playing) continue;
    const span =
      record.rate === 0
        ? Infinity
        : (record.rate > 0 ? record.end - record.offset : record.offset) /
          Math.abs(record.rate * record.scale);
    if (Number.isFinite(span)) end = Math.max(end ?? 0, (record.origin + span) / 1000);
    else endless = true;
  }
  return { end, endless };
}
