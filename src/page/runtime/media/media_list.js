// The list of the page's media for the engine.

import { config } from "../natives.js";
import { mediaPlacement } from "../time/timing.js";
import { describeElement } from "../warnings.js";
import { mediaSourceAt } from "./media_sources.js";
import { mediaInfo, sourceOf, undecidedMedia } from "./media.js";
import { soundOf } from "../sound/sound.js";
import { mentionsPlaying, mentionsSound } from "../sound/script_texts.js";

/** Numbers that JSON cannot express become "NaN", "Infinity" and "-Infinity". */
export function jsonNumber(value) {
  if (value === null || value === undefined) return null;
  return Number.isFinite(value) ? value : String(Number(value));
}

/** The engine's entry for one element that plays at a place. */
export function mediaEntry(element, { origin, start, end, from, rate }, loops) {
  return {
    tag: element.localName,
    id: element.id || null,
    label: describeElement(element),
    src: mediaSourceAt(sourceOf(element))?.held ?? sourceOf(element),
    origin: jsonNumber(origin),
    start: jsonNumber(start),
    end: jsonNumber(end),
    from,
    rate,
    loops,
    muted: element.hasAttribute("muted"),
    hdr:
      element.localName === "video" && mediaInfo(element)?.hdr === "light"
        ? mediaInfo(element).curve
        : null,
    ...soundOf(element),
  };
}

/**
 * All elements whose sound is known before the first frame, in document order.
 * @returns {HTMLMediaElement[]}
 */
export function listedElements() {
  return Array.from(document.querySelectorAll("audio, video"));
}

/** The engine's entries for all audio and video elements, in document order. */
export function listMedia() {
  return listedElements().map((element) =>
    mediaEntry(element, mediaPlacement(element), element.loop),
  );
}

/**
 * The discoveries that a rehearsal would make.
 * @returns {{pictures: boolean, sound: boolean}} whether it may change what is shown, or heard
 */
export function describeRehearsal() {
  if (config.media === null) return { pictures: false, sound: false };
  const pictures = undecidedMedia().length > 0 && mentionsPlaying();
  const sound = pictures || mentionsSound() || (listedElements().length > 0 && mentionsPlaying());
  return { pictures, sound };
}
