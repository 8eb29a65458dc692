// lottie-web: every animation is placed as if it had begun with its clip.
//
// The place follows from the time alone, so autoplay, `play` and `pause` change nothing; speed,
// direction, loops and segments count as the player itself counts them. An animation that the page
// moves from frame to frame with `goToAndStop` is left to the page.

import { native } from "../natives.js";
import { hasWork } from "../readiness/work.js";
import { warnOnce } from "../warnings.js";

/** The distance from a whole frame that counts as that frame: sums of times are not exact. */
const NEAR_FRAMES = 1e-6;
/** The distance of `playSegments` from the end at which an animation begins (lottie uses 0.001). */
const EDGE_FRAMES = 0.01;
/** Real time without any request after which data is no longer expected. */
const PATIENCE_MS = 2000;

/**
 * @typedef {object} LottieRecord
 * @property {number} base raw frame at the beginning
 * @property {number} sinceMs time at which it stood there; not 0 after a change of speed or segments
 * @property {{first: number, total: number}[]} segments those to play, in turn; the last one repeats
 * @property {number} modifier frames per ms
 * @property {number} shownMs time of the last placement
 * @property {number|null} left raw frame that was set last
 * @property {{first: number, total: number}|null} segment the one set last
 * @property {boolean} ended
 * @property {boolean} isPages the page moves it
 */

/** @type {WeakMap<object, LottieRecord>} */
const lottieRecords = new WeakMap();

export function isLottie(value) {
  return typeof value?.goToAndStop === "function";
}

const searched = new WeakSet();

/** All animations of the players that the page has made global. */
export function registeredLotties() {
  const found = [];
  for (const player of new Set([window.lottie, window.bodymovin])) {
    if (typeof player?.getRegisteredAnimations !== "function") continue;
    // Elements of these classes are found by an interval, which virtual time holds back.
    if (!searched.has(player) && document.readyState === "complete") {
      searched.add(player);
      if (document.querySelector(".lottie, .bodymovin")) player.searchAnimations?.();
    }
    found.push(...player.getRegisteredAnimations());
  }
  return found;
}

/** The element whose clip gives an animation its time. */
export function lottieElement(item) {
  return (
    item.wrapper ??
    item.renderer?.svgElement ??
    item.renderer?.canvasContext?.canvas ??
    item.renderer?.globalData?.canvasContext?.canvas ??
    null
  );
}

/** @type {Map<object, {failed: boolean, since: number}>} animations without data */
const awaitedLotties = new native.Map();

/**
 * The data that an animation still needs before it can be shown; null once it has all.
 * @returns {{message: string, needsTime: boolean}|null} with its data there, it looks for its fonts by a timer
 */
export function pendingLottie(item) {
  if (item.isLoaded !== false && item.imagePreloader?.loadedImages?.() !== false) {
    awaitedLotties.delete(item);
    return null;
  }
  const name = `lottie ${item.path ?? ""}${item.fileName ? `${item.fileName}.json` : item.name || "animation"}`;
  let state = awaitedLotties.get(item);
  if (!state) {
    state = { failed: false, since: native.now() };
    awaitedLotties.set(item, state);
    const failed = () => (state.failed = true);
    item.addEventListener?.("data_failed", failed);
    item.addEventListener?.("error", failed);
  }
  if (hasWork()) state.since = native.now();
  // It may have failed before the listener was added.
  if (state.failed || native.now() - state.since > PATIENCE_MS) {
    warnOnce("lottie_failed", `${name} has no data`);
    return null;
  }
  return { message: name, needsTime: item.totalFrames > 0 };
}

function readSegments(item) {
  const queued = (item.segments ?? []).map(([from, to]) => ({
    first: Math.min(from, to),
    total: Math.abs(to - from),
  }));
  return [{ first: item.firstFrame, total: item.totalFrames }, ...queued];
}

function takeLottie(item, sinceMs, isFirst) {
  const raw = item.currentRawFrame ?? 0;
  const atStart = Math.abs(raw) < EDGE_FRAMES || (isFirst && item.isPaused);
  const atEnd = Math.abs(raw - item.totalFrames) < EDGE_FRAMES;
  const record = {
    base: atEnd ? item.totalFrames : atStart ? 0 : raw,
    sinceMs,
    shownMs: sinceMs,
    segments: readSegments(item),
    modifier: item.frameModifier,
    left: null,
    segment: null,
    ended: false,
    // A still picture that the page has chosen.
    isPages: isFirst && item.isPaused && raw > EDGE_FRAMES && !atEnd,
  };
  record.segment = record.segments[0];
  item.pause();
  lottieRecords.set(item, record);
  return record;
}

/** The record of an animation, a new one if the page has asked for other segments or another speed. */
function currentRecord(item, ms) {
  const record = lottieRecords.get(item);
  if (!record || record.left === null) return takeLottie(item, 0, true);
  if (record.isPages) return record;
  const isOther =
    item.firstFrame !== record.segment.first || item.totalFrames !== record.segment.total;
  if (isOther) return takeLottie(item, ms, false);
  if (item.currentRawFrame !== record.left) record.isPages = true;
  else if (item.frameModifier !== record.modifier) return takeLottie(item, record.shownMs, false);
  return record;
}

function modulo(value, length) {
  return ((value % length) + length) % length;
}

/** The raw frame, `segment` and whether it is the last one, `ms` after the beginning. */
function lottieFrame(item, record, ms) {
  let frames = record.base + (ms - record.sinceMs) * record.modifier;
  if (Math.abs(frames - Math.round(frames)) < NEAR_FRAMES) frames = Math.round(frames);
  const last = record.segments.at(-1);
  if (record.modifier < 0) {
    const segment = record.segments[0];
    const from = segment.total - EDGE_FRAMES / 10;
    if (item.loop === true)
      return { frame: frames > from ? from : modulo(frames, segment.total), segment, ended: false };
    return { frame: Math.min(Math.max(0, frames), from), segment, ended: frames <= 0 };
  }
  for (const segment of record.segments) {
    // Without loops the player continues as soon as it is in the last frame.
    const length = item.loop ? segment.total : Math.max(segment.total - 1, 0);
    if (segment === last) break;
    if (frames < length) return { frame: Math.max(0, frames), segment, ended: false };
    frames -= length;
  }
  const { total } = last;
  const rounds = item.loop === true ? Infinity : (Number(item.loop) || 0) + 1;
  if (frames >= rounds * total - 1)
    return { frame: Math.max(0, total - 1), segment: last, ended: true };
  return { frame: frames < 0 ? 0 : modulo(frames, total), segment: last, ended: false };
}

function hears(item, type, handler) {
  return item._cbs?.[type]?.length > 0 || typeof item[handler] === "function";
}

/** Whether every frame has to be visited, so that page code gets the event of the end. */
export function stepsLottie(item) {
  const record = lottieRecords.get(item);
  return (
    record !== undefined &&
    !record.ended &&
    !record.isPages &&
    hears(item, "complete", "onComplete")
  );
}

/**
 * Places one animation at `seconds` of its clip.
 * @returns {{moved: boolean, heard: boolean}} whether it was drawn anew, and whether page code heard of it
 */
export function placeLottie(item, seconds) {
  const still = { moved: false, heard: false };
  if (typeof item.totalFrames !== "number") {
    item.goToAndStop(seconds * 1000, false);
    return { moved: true, heard: false };
  }
  if (!item.isLoaded || !item.renderer || !(item.totalFrames > 0)) return still;
  const ms = Math.max(0, seconds * 1000);
  const record = currentRecord(item, ms);
  if (record.isPages) return still;
  record.shownMs = ms;

  const { frame, segment, ended } = lottieFrame(item, record, ms);
  if (!item.isPaused) item.pause();
  if (frame === record.left && segment === record.segment) return still;
  if (segment !== record.segment) {
    record.segment = segment;
    item.firstFrame = segment.first;
    item.totalFrames = segment.total;
    item.timeCompleted = segment.total;
  }
  item.goToAndStop(frame, true);
  record.left = item.currentRawFrame;
  const completes = ended && !record.ended && hears(item, "complete", "onComplete");
  record.ended = ended;
  if (completes) item.trigger("complete");
  return {
    moved: true,
    heard:
      completes ||
      hears(item, "enterFrame", "onEnterFrame") ||
      hears(item, "drawnFrame", "onDrawnFrame"),
  };
}
