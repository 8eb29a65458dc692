// Cues of `<track>`: the active ones, and their events.
//
// The browser reads the files; its player, which would say which cues are due, never runs. So they
// follow from the time of the element.

import { native, nativeGetter, nativeSetter, override } from "../natives.js";
import { clock } from "../time/clock.js";
import { listensToCues } from "../rendering/listeners.js";
import { decodesMedia } from "./media_sources.js";
import { mediaElements, mediaStateOf, mediaTime, playsAt, runOf } from "./media.js";
import { warnOnce } from "../warnings.js";
import { beginWork, endWork, isUnderWay, withoutEvent } from "../readiness/work.js";

/** Sums of times must not make a cue miss the frame it begins on. */
const CUE_EDGE_SECS = 1e-6;
/** `readyState` of a track whose file has been read, or has failed. */
const TRACK_LOADED = 2;

const setTrackMode = nativeSetter(window.TextTrack?.prototype, "mode");
const tracksOf = nativeGetter(window.HTMLMediaElement?.prototype, "textTracks");

/** @type {Map<TextTrack, {cues: TextTrackCue[], time: number}>} what page code has heard of last */
const toldCues = new native.Map();
/** @type {Map<TextTrack, HTMLTrackElement>} */
const trackElements = new native.Map();
/** @type {Map<TextTrack, string[]>} the style sheets that stand in a track's file */
const trackSheets = new native.Map();

/** The style sheets of a track's own file. */
export function sheetsOfTrack(track) {
  return trackSheets.get(track) ?? [];
}

// Blocks of a file are separated by empty lines; style sheets come before the first cue.
async function readSheets(element, key) {
  try {
    const text = await (await native.fetch(element.src)).text();
    const blocks = text.replace(/\r\n?/g, "\n").split(/\n{2,}/);
    const sheets = blocks
      .filter((block) => /^STYLE[ \t]*\n/.test(block))
      .map((block) => block.slice(block.indexOf("\n")));
    trackSheets.set(element.track, sheets);
  } catch {
    // An event of its own reports that it is missing.
  }
  endWork(key);
}

function awaitTrack(element) {
  if (!element.src || isUnderWay(element) || element.readyState >= TRACK_LOADED) return;
  beginWork(element, `track ${element.src}`, {
    code: "media_pending",
    isOver: withoutEvent(() => element.readyState >= TRACK_LOADED || !element.isConnected),
  });
  const done = () => endWork(element);
  native.listen(element, "load", done, { once: true });
  native.listen(element, "error", done, { once: true });
  const key = {};
  beginWork(key, `styles of track ${element.src}`, { code: "media_pending" });
  readSheets(element, key);
}

/** Follows a `<track>` until its file has been read, if it is needed. */
export function meetTrack(element) {
  if (!(element.parentElement instanceof HTMLMediaElement) || trackElements.has(element.track))
    return;
  trackElements.set(element.track, element);
  native.listen(element, "error", () =>
    warnOnce("track_failed", `the cues of a <track> cannot be read: ${element.src}`),
  );
  // The browser chooses a default track one task later.
  if (element.default || element.track.mode !== "disabled") awaitTrack(element);
}

function ownerOf(track) {
  for (const element of mediaElements()) {
    if (Array.from(tracksOf(element)).includes(track)) return element;
  }
  return null;
}

/** Whether an element has a time of its own: before it has begun no cue is due. */
function hasTime(element, now) {
  return (
    playsAt(element, now) && (runOf(element) !== null || mediaStateOf(element)?.base?.from > 0)
  );
}

/** The cues of an element's track that are due at `now` seconds of the page, in their order. */
export function dueCues(element, textTrack, now) {
  if (textTrack.mode === "disabled" || !textTrack.cues || !hasTime(element, now)) return [];
  const time = mediaTime(element, now);
  return Array.from(textTrack.cues).filter(
    (cue) => cue.startTime <= time + CUE_EDGE_SECS && time < cue.endTime - CUE_EDGE_SECS,
  );
}

class CueList extends Array {
  getCueById(id) {
    return this.find((cue) => cue.id === id) ?? null;
  }
}

function dispatchTo(target, name) {
  native.dispatch(target, new Event(name));
}

function tellTrack(element, textTrack, now) {
  const before = toldCues.get(textTrack) ?? { cues: [], time: -Infinity };
  const cues = dueCues(element, textTrack, now);
  const time = mediaTime(element, now);
  toldCues.set(textTrack, { cues, time });
  const all =
    textTrack.mode === "disabled" || !hasTime(element, now) ? [] : Array.from(textTrack.cues ?? []);
  // Cues that were shorter than a frame.
  const passed = all.filter(
    (cue) =>
      cue.startTime > before.time &&
      cue.endTime <= time &&
      !before.cues.includes(cue) &&
      !cues.includes(cue),
  );
  const gone = before.cues.filter((cue) => !cues.includes(cue));
  const fresh = cues.filter((cue) => !before.cues.includes(cue));
  if (gone.length + fresh.length + passed.length === 0) return false;
  passed.forEach((cue) => (dispatchTo(cue, "enter"), dispatchTo(cue, "exit")));
  gone.forEach((cue) => dispatchTo(cue, "exit"));
  fresh.forEach((cue) => dispatchTo(cue, "enter"));
  dispatchTo(textTrack, "cuechange");
  if (trackElements.has(textTrack)) dispatchTo(trackElements.get(textTrack), "cuechange");
  return true;
}

/** Sends page code the events of cues that came and went. Returns whether there were any. */
export function tellCues() {
  if (!listensToCues()) return false;
  let told = false;
  for (const element of [...mediaElements()]) {
    for (const textTrack of Array.from(tracksOf(element))) {
      if (tellTrack(element, textTrack, clock.now / 1000)) told = true;
    }
  }
  return told;
}

/** An element's tracks that are shown. */
export function showingTracks(element) {
  const isShown = ({ mode, kind }) =>
    mode === "showing" && (kind === "subtitles" || kind === "captions");
  return Array.from(tracksOf(element)).filter(isShown);
}

if (decodesMedia) {
  override(window.TextTrack?.prototype, {
    get activeCues() {
      if (this.mode === "disabled") return null;
      const element = ownerOf(this);
      return CueList.from(element ? dueCues(element, this, clock.now / 1000) : []);
    },
    set mode(mode) {
      setTrackMode(this, mode);
      const element = trackElements.get(this);
      if (element && mode !== "disabled") awaitTrack(element);
    },
  });
}
