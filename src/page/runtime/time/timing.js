// The timing attributes: compositions with their own time, and clips with their windows.
//
// Everything counts from the composition around it. A composition's time is
//     from + (time of the composition around it - start) * rate
// with `data-start`, `data-playback-start` and `data-playback-rate` of its element; the root's is
// the time of the frame. The attributes are read once and again only after a mutation has touched
// them.

import { native, nativeMethod } from "../natives.js";
import { instanceAt } from "../compositions/instances.js";
import { registeredTimelines, timelineLength } from "../animation/timelines.js";
import { describeElement } from "../warnings.js";

const UNTIMED = new Set(["SCRIPT", "STYLE", "TEMPLATE", "LINK", "META", "SOURCE", "TRACK"]);
// A minus needs a space before it, since ids may contain one.
const REFERENCE = /^([A-Za-z0-9_.:-]+)(?:(\s*\+|\s+-)\s*(\d+(?:\.\d+)?|\.\d+))?$/;
/** HyperFrames' limits of `data-playback-rate`. */
const RATES = [0.1, 5];
// Clips that follow each other may touch.
const OVERLAP_SECS = 1e-3;

const queryAll = nativeMethod(Document.prototype, "querySelectorAll");

/** @typedef {{element: Element, key: string, parent: Placement|null, start: number, from: number, rate: number, length: number|null, local: number}} Placement
 *  A nested composition: `start` and `length` in seconds of the composition around it, `local` its own time in the frame last applied. */
/** @typedef {{element: Element, composition: Placement|null, start: number, end: number, parent: Clip|null, shown: boolean, authored: string[]|null, track: number|null}} Clip
 *  `start` and `end` in seconds of its composition; `end` is Infinity where nothing limits it. */

/** @type {{root: Element|null, placements: Map<Element, Placement>, clips: Map<Element, Clip>}} in document order */
const timing = { root: null, placements: new native.Map(), clips: new native.Map() };
let stale = true;
/** @type {Map<string, {code: string, message: string}>} */
const timingNotes = new native.Map();

/** Notes that timing attributes, lengths or the tree changed. */
export function markClipsDirty() {
  stale = true;
}

export function timingWarnings() {
  readTiming();
  return [...timingNotes.values()];
}

function noteTiming(code, message) {
  timingNotes.set(message, { code, message });
}

/**
 * First `[data-composition-id]` outside any other, else the first element with a size or a length.
 */
export function findRoot() {
  const all = queryAll(document, "[data-composition-id]");
  for (const element of all) {
    if (element.getAttribute("data-root") === "true") return element;
  }
  for (const element of all) {
    if (!element.parentElement?.closest("[data-composition-id]")) return element;
  }
  return (
    queryAll(document, "[data-width], [data-height], [data-duration]:not([data-start])")[0] ?? null
  );
}

/** Number of an attribute as JavaScript reads it, or null where it is absent or blank. */
export function numberAttribute(element, name) {
  const text = element?.getAttribute(name);
  return text === null || text === undefined || text.trim() === "" ? null : Number(text);
}

function seconds(element, name, code, expected) {
  const value = numberAttribute(element, name);
  if (value === null || (Number.isFinite(value) && value >= 0)) return value;
  noteTiming(
    code,
    `${name} of ${describeElement(element)} is "${element.getAttribute(name)}", expected ${expected}`,
  );
  return null;
}

/** Length that the element declares in seconds; null without a usable one. */
function declaredLength(element, start) {
  const duration = seconds(element, "data-duration", "invalid_duration", "a length in seconds");
  const end = seconds(element, "data-end", "invalid_end", "a time in seconds");
  if (duration !== null) {
    if (end !== null && Math.abs(start + duration - end) > OVERLAP_SECS) {
      noteTiming(
        "conflicting_end",
        `data-end of ${describeElement(element)} is ${end}, but data-start and data-duration say ${start + duration}; data-end is not used`,
      );
    }
    return duration;
  }
  if (end !== null && end < start) {
    noteTiming(
      "end_before_start",
      `data-end of ${describeElement(element)} is ${end}, before its start at ${start}`,
    );
  }
  return end === null ? null : Math.max(0, end - start);
}

/** The place in its own time at which a composition or a medium begins, in seconds. */
function playbackStart(element) {
  return (
    seconds(element, "data-playback-start", "invalid_playback_start", "a time in seconds") ??
    seconds(element, "data-media-start", "invalid_playback_start", "a time in seconds") ??
    0
  );
}

function playbackRate(element) {
  const rate = numberAttribute(element, "data-playback-rate");
  if (rate === null) return 1;
  if (rate >= RATES[0] && rate <= RATES[1]) return rate;
  noteTiming(
    "invalid_playback_rate",
    `data-playback-rate of ${describeElement(element)} is "${element.getAttribute("data-playback-rate")}", expected ${RATES[0]} to ${RATES[1]}`,
  );
  return Number.isFinite(rate) && rate > 0 ? Math.min(Math.max(rate, RATES[0]), RATES[1]) : 1;
}

/** The key under which a composition registers its timeline. */
export function timelineKey(element) {
  return instanceAt(element)?.key ?? element.getAttribute("data-composition-id");
}

/**
 * The length of the element in its composition's seconds, from any source; null if there is none.
 */
function lengthOf(element, start, reading) {
  const declared = declaredLength(element, start);
  if (declared !== null) return declared;
  if (element instanceof HTMLMediaElement) {
    if (!Number.isFinite(element.duration) || element.loop) return null;
    return Math.max(0, element.duration - playbackStart(element)) / playbackRate(element);
  }
  if (!element.hasAttribute("data-composition-id")) return null;
  const timeline = reading.timelines.get(timelineKey(element));
  const length = timeline ? timelineLength(timeline) : (instanceAt(element)?.length ?? 0);
  return length > 0 && length !== Infinity
    ? Math.max(0, length - playbackStart(element)) / playbackRate(element)
    : null;
}

/** The composition of an element; the root for elements in none. */
function compositionElement(element) {
  return element.parentElement?.closest("[data-composition-id]") ?? timing.root;
}

/** The timed element of `scope` that a reference names, by its id or its composition's id. */
function findReferenced(name, scope, reading) {
  let names = reading.names.get(scope);
  if (!names) {
    names = new native.Map();
    for (const element of queryAll(document, "[data-start]")) {
      if (compositionElement(element) !== scope) continue;
      const ids = [element.id, element.getAttribute("data-composition-id")];
      for (const id of ids) if (id && !names.has(id)) names.set(id, element);
    }
    reading.names.set(scope, names);
  }
  return names.get(name);
}

/** Start in seconds within the element's own composition. */
function localStart(element, reading, trail = [element]) {
  if (reading.starts.has(element)) return reading.starts.get(element);
  const start = readStart(element, reading, trail);
  reading.starts.set(element, start);
  return start;
}

function readStart(element, reading, trail) {
  const text = (element.getAttribute("data-start") ?? "0").trim();
  const number = Number(text);
  if (text !== "" && Number.isFinite(number)) return Math.max(0, number);

  const about = `data-start of ${describeElement(element)} is "${text}"`;
  const reference = REFERENCE.exec(text);
  if (!reference) {
    noteTiming(
      "invalid_start",
      `${about}, expected seconds, or the id of a clip with + or - seconds; 0 is used`,
    );
    return 0;
  }
  const target = findReferenced(reference[1], compositionElement(element), reading);
  if (!target) {
    noteTiming(
      "unresolved_start_reference",
      `${about}, but nothing timed in its composition has the id "${reference[1]}"; 0 is used`,
    );
    return 0;
  }
  if (trail.includes(target)) {
    const circle = trail
      .slice(trail.indexOf(target))
      .concat(target)
      .map(describeElement)
      .join(" -> ");
    noteTiming(
      "start_reference_cycle",
      `${about}, which goes round in a circle: ${circle}; 0 is used`,
    );
    return 0;
  }
  const begins = localStart(target, reading, [...trail, target]);
  const length = lengthOf(target, begins, reading);
  if (length === null) {
    noteTiming(
      "unresolved_start_reference",
      `${about}, but ${describeElement(target)} has no length; 0 is used`,
    );
    return 0;
  }
  const shift = Number(reference[3] ?? 0) * (reference[2]?.trim() === "-" ? -1 : 1);
  return Math.max(0, begins + length + shift);
}

function trackOf(element) {
  const text = element.getAttribute("data-track-index") ?? element.getAttribute("data-layer");
  if (text === null) return null;
  if (Number.isInteger(Number(text)) && text.trim() !== "") return Number(text);
  noteTiming(
    "invalid_track_index",
    `data-track-index of ${describeElement(element)} is "${text}", expected a whole number; 0 is used`,
  );
  return 0;
}

function readPlacements(reading) {
  timing.placements = new native.Map();
  for (const element of queryAll(document, "[data-composition-id]")) {
    if (element === timing.root) continue;
    const parent = timing.placements.get(compositionElement(element)) ?? null;
    const start = localStart(element, reading);
    timing.placements.set(element, {
      element,
      key: timelineKey(element),
      parent,
      start,
      from: playbackStart(element),
      rate: playbackRate(element),
      length: lengthOf(element, start, reading),
      local: 0,
    });
  }
}

/** Whether a medium in a nested composition has its start in the root's time (HyperFrames' attribute). */
function countsFromRoot(element) {
  return (
    element instanceof HTMLMediaElement &&
    element.getAttribute("data-hf-media-start-basis") === "global"
  );
}

function readClips(reading) {
  const before = timing.clips;
  timing.clips = new native.Map();
  for (const element of queryAll(document, "[data-start]")) {
    if (element === timing.root || UNTIMED.has(element.nodeName.toUpperCase())) continue;
    const start = localStart(element, reading);
    const length = lengthOf(element, start, reading);
    const old = before.get(element);
    timing.clips.set(element, {
      element,
      composition: countsFromRoot(element)
        ? null
        : (timing.placements.get(compositionElement(element)) ?? null),
      start,
      end: length === null ? Infinity : start + length,
      parent: timing.clips.get(element.parentElement?.closest("[data-start]")) ?? null,
      shown: old?.shown ?? true,
      authored: old?.authored ?? null,
      track: trackOf(element),
    });
  }
  return [...before.values()].filter(({ element }) => !timing.clips.has(element));
}

function noteOverlaps() {
  const tracks = new native.Map();
  for (const clip of timing.clips.values()) {
    if (clip.track === null) continue;
    const composition = clip.composition?.element ?? timing.root;
    let of = tracks.get(composition);
    if (!of) tracks.set(composition, (of = new native.Map()));
    if (!of.has(clip.track)) of.set(clip.track, []);
    of.get(clip.track).push(clip);
  }
  for (const of of tracks.values()) {
    for (const [track, clips] of of) {
      clips.sort((a, b) => a.start - b.start);
      let last = null;
      for (const clip of clips) {
        if (last && clip.start < last.end - OVERLAP_SECS) {
          const [a, b] = [describeElement(last.element), describeElement(clip.element)];
          noteTiming(
            "track_overlap",
            `${a} and ${b} overlap on track ${track} (from ${clip.start} s)`,
          );
        }
        if (!last || clip.end > last.end) last = clip;
      }
    }
  }
}

/** Reads the attributes again if they changed. Returns elements that are no longer clips. */
export function readTiming() {
  if (!stale) return [];
  stale = false;
  timing.root = findRoot();
  timingNotes.clear();
  const timelines = new native.Map(
    registeredTimelines().map(({ key, timeline }) => [key, timeline]),
  );
  const reading = { starts: new native.Map(), names: new native.Map(), timelines };
  readPlacements(reading);
  const gone = readClips(reading);
  noteOverlaps();
  return gone;
}

/** Clips of the whole document, those around others first. */
export function currentClips() {
  readTiming();
  return timing.clips.values();
}

/** @returns {Placement[]} nested compositions, outer ones first */
export function currentPlacements() {
  readTiming();
  return [...timing.placements.values()];
}

/** The start of a nested composition in the root's time, in seconds. */
export function compositionStart(element) {
  readTiming();
  const placement = timing.placements.get(element);
  return placement ? rootTime(placement.parent, placement.start) : 0;
}

/**
 * The length of a nested composition, in seconds of the composition around it; null if it is
 * unknown.
 */
export function compositionLength(element) {
  readTiming();
  return timing.placements.get(element)?.length ?? null;
}

/** Places every composition's own time for a frame at `time` seconds. */
export function placeCompositions(time) {
  for (const placement of timing.placements.values()) {
    placement.local =
      placement.from + ((placement.parent?.local ?? time) - placement.start) * placement.rate;
  }
}

/** A composition's own time at `time` seconds of the root. */
export function placementTime(placement, time) {
  if (!placement) return time;
  return (
    placement.from + (placementTime(placement.parent, time) - placement.start) * placement.rate
  );
}

/** The root's time at which a composition's own time is `local`. */
export function rootTime(placement, local) {
  if (!placement) return local;
  return rootTime(placement.parent, placement.start + (local - placement.from) / placement.rate);
}

/** The rate of a composition's time, including its hosts. */
function totalRate(placement) {
  return placement ? placement.rate * totalRate(placement.parent) : 1;
}

function placementAround(element) {
  return timing.placements.get(element?.closest?.("[data-composition-id]")) ?? null;
}

/**
 * The clock of the composition that holds `element`, or of the clip in it.
 * @returns {{origin: number, rate: number}} the root's time in seconds at which it reads 0, and its speed
 */
export function compositionClock(element) {
  readTiming();
  const placement = placementAround(element);
  return { origin: rootTime(placement, 0), rate: totalRate(placement) };
}

export function clipClock(element) {
  readTiming();
  const timed = element?.closest?.("[data-start]");
  const clip = timing.clips.get(timed);
  // A composition's host has the composition's own clock.
  if (!clip || timing.placements.has(timed)) return compositionClock(element);
  const inner = element.closest("[data-composition-id]");
  if (inner && inner !== timed && timed.contains(inner)) return compositionClock(element);
  return { origin: rootTime(clip.composition, clip.start), rate: totalRate(clip.composition) };
}

/** @typedef {{origin: number, start: number, end: number, from: number, rate: number}} MediaPlacement */

/**
 * The playing time of a media element: from `start` to `end` seconds of the root's time (Infinity
 * if nothing limits it) it plays its source from `from + (time - origin) * rate` seconds.
 *
 * @returns {MediaPlacement}
 */
export function mediaPlacement(element) {
  readTiming();
  const clip = timing.clips.get(element);
  const around = clip ? clip.parent : timing.clips.get(element.closest("[data-start]"));
  const clock = clipClock(element);
  const placement = {
    origin: clock.origin,
    start: clock.origin,
    end: Infinity,
    from: playbackStart(element),
    rate: clock.rate * playbackRate(element),
  };
  // Without a start it is no clip, and begins with the clip or composition around it.
  const length = clip ? null : declaredLength(element, 0);
  if (length !== null) placement.end = clock.origin + length / clock.rate;
  for (let each = clip ?? around; each; each = each.parent) {
    placement.start = Math.max(placement.start, rootTime(each.composition, each.start));
    placement.end = Math.min(placement.end, rootTime(each.composition, each.end));
  }
  return placement;
}

/** Seconds since the clip or composition around `element` began, at `time` seconds of the root. */
export function clipTime(element, time) {
  const { origin, rate } = clipClock(element);
  return (time - origin) * rate;
}

/** The own time of the composition that registered a timeline as `key`, at `time` seconds. */
export function timelineTime(key, time) {
  readTiming();
  for (const placement of timing.placements.values()) {
    if (placement.key === key) return placementTime(placement, time);
  }
  return time;
}

function latest(ends) {
  const finite = ends.filter(Number.isFinite);
  return finite.length > 0 ? Math.max(...finite) : null;
}

/** Latest finite end in seconds of the root's time of any clip; null without one. */
export function clipsEnd() {
  readTiming();
  return latest([...timing.clips.values()].map((clip) => rootTime(clip.composition, clip.end)));
}

/** Latest end of the media elements, and of the compositions that stand in the root itself. */
export function mediaEnd() {
  readTiming();
  const media = [...timing.clips.values()].filter(
    ({ element }) => element instanceof HTMLMediaElement,
  );
  return latest(media.map((clip) => rootTime(clip.composition, clip.end)));
}

export function compositionsEnd() {
  readTiming();
  const direct = [...timing.placements.values()].filter(({ parent }) => parent === null);
  return latest(direct.map(({ start, length }) => (length === null ? Infinity : start + length)));
}
