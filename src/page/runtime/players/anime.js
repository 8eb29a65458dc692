// anime.js: the animations that the page lists in `window.__hfAnime`, placed by time; versions 3
// and 4.
//
// Other animations run from the library's own frame loop on the virtual clock, like any other page
// code. Listed animations are stopped and placed, in every frame: their callbacks act on the page,
// and a timeline that repeats is at the end of each round only if every frame was shown.

import { clock } from "../time/clock.js";

/**
 * @typedef {object} AnimeRecord
 * @property {number|null} shown ms of the last placement
 * @property {number|null} ended the duration it had when its end was shown, null before
 * @property {number[]} passed ms of the placements since it last began, for timelines of version 4
 */

/** Shorter than any difference that anime.js notices. */
const ANIME_NUDGE_MS = 1e-3;

/** @type {WeakMap<object, AnimeRecord>} */
const animeRecords = new WeakMap();

function isSeekable(value) {
  return typeof value?.seek === "function" && typeof value.pause === "function";
}

/** Everything the page has listed so far. */
export function listedAnime() {
  const list = window.__hfAnime;
  if (!list || list instanceof Element) return [];
  return [list]
    .flat()
    .map((entry) => (isSeekable(entry) ? entry : (entry?.animation ?? entry?.timeline)))
    .filter(isSeekable);
}

// Version 3 ignores a first frame at time 0 and begins with the second.
const primed = new WeakSet();

/** Gives animations of version 3 that run by themselves the time of their beginning. */
export function primeAnime() {
  const running = window.anime?.running;
  if (clock.now > 0 || !Array.isArray(running)) return;
  for (const animation of running) {
    if (primed.has(animation) || typeof animation.tick !== "function") continue;
    primed.add(animation);
    animation.tick(Number.MIN_VALUE);
  }
}

function placeVersion3(animation, ms, record, isBack) {
  const { duration, direction } = animation;
  const alternates = direction === "alternate";
  const rounds =
    animation.loop === true
      ? Infinity
      : alternates && animation.loop === 1
        ? 2
        : Number(animation.loop) || 1;
  const round = duration > 0 ? Math.min(Math.floor(ms / duration), rounds - 1) : rounds - 1;
  const local = Math.min(ms - round * duration, duration);
  const begins = direction === "reverse";
  const isReversed = begins !== (alternates && round % 2 === 1);
  const isDone = ms >= rounds * duration;
  record.ended = isDone ? duration : null;
  // Tweens of one property render in their order only when time goes forward.
  if (isBack) {
    Object.assign(animation, { passThrough: true, reversed: false, remaining: Infinity });
    animation.seek(begins ? duration : 0);
  }
  if (!isDone) animation.completed = false;
  // A seek to the end counts a round; only the last one may end the animation.
  Object.assign(animation, {
    passThrough: isBack,
    reversed: isReversed,
    remaining: isDone ? 1 : Infinity,
  });
  animation.seek(isReversed ? duration - local : local);
  Object.assign(animation, { passThrough: false, reversed: isReversed, paused: true });
}

function timeScale() {
  const engines = [
    window.anime?.engine,
    ...[window.AnimeJS ?? []].flat().map((version) => version?.engine),
  ];
  return engines.some((engine) => engine?.timeUnit === "s") ? 0.001 : 1;
}

function placeVersion4(animation, ms, record, isBack, isAgain) {
  const scale = timeScale() * (animation.speed ?? 1);
  // `seek` counts from the end of the delay.
  const delay = Number(animation._delay ?? animation.delay) || 0;
  const seek = (time, isMute) => animation.seek(time * scale - delay, isMute);
  const repeats = animation._hasChildren && animation.iterationCount > 1;
  if (isBack) {
    animation.reset();
    record.passed = record.passed.filter((time) => time < ms);
    record.passed.forEach((time) => seek(time, true));
  }
  // Silent up to here, so that past calls are not repeated; calls at the present time must be made.
  if (isBack) seek(ms - ANIME_NUDGE_MS, true);
  seek(ms, isAgain);
  if (repeats) record.passed.push(ms);
  record.ended = ms * scale - delay >= animation.duration ? animation.duration : null;
}

/**
 * Places one animation at `seconds` of the time it counts in; if `again`, only one that is new.
 * @returns {boolean} whether anything may have changed
 */
export function placeAnime(animation, seconds, again) {
  const ms = Math.max(0, seconds * 1000);
  const record = animeRecords.get(animation) ?? { shown: null, ended: null, passed: [] };
  animeRecords.set(animation, record);
  animation.pause();
  if (again && record.shown === ms) return false;
  if (record.ended !== null && record.ended === animation.duration && ms >= record.shown)
    return false;
  const isBack = record.shown === null ? "reversePlayback" in animation : ms <= record.shown;
  const isAgain = ms === record.shown;
  record.shown = ms;
  if ("reversePlayback" in animation) placeVersion3(animation, ms, record, isBack);
  else if ("iterationCount" in animation) placeVersion4(animation, ms, record, isBack, isAgain);
  else animation.seek(ms);
  return true;
}
