// What the engine knows of the files that audio and video elements play.
//
// The engine decodes them; Chrome's own player loads nothing. So lengths and sizes come from there,
// also of what this Chrome could not play.

import { config, native } from "./natives.js";
import { markClipsDirty } from "./timing.js";
import { beginWork, endWork } from "./work.js";

/** @typedef {{id: number, width: number, height: number, duration: number, hasSound: boolean, isInterlaced: boolean, isOpaque: boolean, hdr: string|null, curve: string|null, tick: number, ticks: number[]}} SourceInfo
 *  `ticks` says when each picture is shown, `tick` how many seconds one tick has; without pictures it is empty.
 *  `hdr` is "light" for a video whose light the engine can put into the frame, "unknown" for other HDR; its `curve` is "pq" or "hlg". */
/** @typedef {{address: string, info: SourceInfo|null, failure: string|null, waiting: (() => void)[]}} MediaSource */

/** @type {Map<string, MediaSource>} */
const mediaSources = new native.Map();

/** Whether the engine decodes for this page. */
export const decodesMedia = config.media !== null;

async function askAbout(source) {
  const key = {};
  beginWork(key, `media ${source.address}`, { code: "media_pending" });
  try {
    const response = await native.fetch(`${config.media}info?src=${encodeURIComponent(source.address)}`);
    const answer = await response.json();
    if (answer.error) source.failure = answer.error;
    else source.info = answer;
  } catch (error) {
    source.failure = String(error?.message ?? error);
  }
  markClipsDirty();
  source.waiting.splice(0).forEach((call) => call());
  endWork(key);
}

/** What there is at an address; asked for when it is first wanted. Null without an address. */
export function mediaSourceAt(address) {
  if (!address || !decodesMedia) return null;
  let source = mediaSources.get(address);
  if (!source) {
    // What stands in the page itself is no file: the mix can read it, and there are no pictures.
    const failure = /^(data|blob):/i.test(address) ? `a ${address.slice(0, 5)} address is no file` : null;
    source = { address, info: null, failure, waiting: [] };
    mediaSources.set(address, source);
    if (failure === null) askAbout(source);
  }
  return source;
}

/** Calls back once it is known what there is. */
export function whenKnown(source, call) {
  if (source.info || source.failure) call();
  else source.waiting.push(call);
}

/** The number of the picture that is shown at `seconds` of the source: the last that is not too late. */
export function pictureNumber({ tick, ticks, duration }, seconds) {
  // Containers round times to their ticks, which can be milliseconds.
  const tolerance = Math.min(tick / 2, duration / ticks.length / 4) + 1e-6;
  const limit = (seconds + tolerance) / tick;
  let [low, high] = [0, ticks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ticks[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
