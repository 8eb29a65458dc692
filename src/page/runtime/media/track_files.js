// `<track>` elements whose cues become subtitles of the output: the contents of their files, and
// the times at which their media elements play.

import { native } from "../natives.js";
import { mediaInfo, runOf } from "./media.js";
import { jsonNumber, listedElements } from "./media_list.js";
import { describeElement } from "../warnings.js";

/** Kinds whose cues are for all viewers. Others are for page code. */
const READ_KINDS = ["subtitles", "captions"];

/** The runs of an element, as far as they are known before the first frame. */
export function runsOf(element, runs) {
  const length = mediaInfo(element)?.duration;
  return runs.map(({ origin, start, end, from, rate, loops, again }) => ({
    origin: jsonNumber(origin),
    start: jsonNumber(start),
    end: jsonNumber(end),
    from,
    rate,
    loops,
    again,
    length: jsonNumber(length > 0 ? length : Infinity),
  }));
}

async function readTrack(element) {
  const media = element.parentElement;
  const run = runOf(media);
  const entry = {
    label: describeElement(element),
    address: element.src,
    language: element.srclang,
    title: element.label,
    isDefault: element.default,
    media: listedElements().includes(media) ? listedElements().indexOf(media) : null,
    mediaLabel: describeElement(media),
    runs: run ? runsOf(media, [run]) : [],
    text: null,
    failure: null,
  };
  try {
    const answer = await native.fetch(element.src);
    if (answer.ok) entry.text = await answer.text();
    else entry.failure = `HTTP status ${answer.status}`;
  } catch (error) {
    entry.failure = String(error.message);
  }
  return entry;
}

/**
 * The tracks of subtitles and captions that each selector finds, in document order, with their
 * files. `null` for an invalid selector.
 * @param {string[]} selectors
 */
export function readTracks(selectors) {
  const isRead = (element) =>
    element instanceof HTMLTrackElement &&
    element.parentElement instanceof HTMLMediaElement &&
    READ_KINDS.includes(element.kind);
  return Promise.all(
    selectors.map((selector) => {
      let found;
      try {
        found = Array.from(document.querySelectorAll(selector));
      } catch {
        return null;
      }
      return Promise.all(found.filter(isRead).map(readTrack));
    }),
  );
}
