// The engine's facts about the files of audio and video elements.
//
// The engine decodes them; Chrome's own player loads nothing. So lengths and sizes come from the
// engine, also of files that this Chrome cannot play.

import { config, native } from "../natives.js";
import { markClipsDirty } from "../time/timing.js";
import { beginWork, endWork } from "../readiness/work.js";

/** @typedef {{id: number, width: number, height: number, duration: number, hasSound: boolean, isOpaque: boolean, hdr: string|null, curve: string|null, tick: number, ticks: number[], sizes?: [number, number, number][], cut?: {from: number, text: string}}} SourceInfo
 *  `ticks` says when each picture is shown, `tick` how many seconds one tick has; without pictures it is empty.
 *  Where pictures differ in size, `sizes` has the first of each, its width and its height.
 *  `cut` says from which second on pictures are missing, and what to say of it.
 *  `hdr` is "light" for a video whose light the engine can put into the frame, "unknown" for other HDR; its `curve` is "pq" or "hlg". */
/** @typedef {{address: string, held: string|null, info: SourceInfo|null, failure: string|null, waiting: (() => void)[]}} MediaSource
 *  `held` is the address under which the engine has what the page has in itself. */

/** The interval at which the engine is asked whether a file has come from another host. */
const LOOK_AGAIN_MS = 25;

/** Most characters of an address in a message. */
const MAX_TOLD = 200;

/** @type {Map<string, MediaSource>} */
const mediaSources = new native.Map();

/** Whether the engine decodes for this page. */
export const decodesMedia = config.media !== null;

/** Records the facts about a file, or the reason why there are none. The first call counts. */
function know(source, info, failure) {
  if (source.info || source.failure !== null) return;
  Object.assign(source, { info, failure });
  markClipsDirty();
  source.waiting.splice(0).forEach((call) => call());
}

/** Addresses of media in the page itself, which only the page can read. */
export const IN_PAGE = /^(?:data|blob):/i;

/** Hands the media to the engine, which keeps them under an address of its own. */
async function handOver(source) {
  const body = await (await native.fetch(source.address)).blob();
  const response = await native.fetch(`${config.media}held`, { method: "POST", body });
  const { address, error } = await response.json();
  if (error) throw new Error(error);
  source.held = address;
}

async function askAbout(source) {
  const key = {};
  beginWork(key, `media ${source.address.slice(0, MAX_TOLD)}`, { code: "media_pending" });
  try {
    if (IN_PAGE.test(source.address)) await handOver(source);
    const question = `${config.media}info?src=${encodeURIComponent(source.held ?? source.address)}`;
    let answer = await (await native.fetch(question)).json();
    while (answer.isComing && source.failure === null) {
      await new Promise((resolve) => native.setTimeout(resolve, LOOK_AGAIN_MS));
      answer = await (await native.fetch(question)).json();
    }
    if (answer.error) know(source, null, answer.error);
    else know(source, answer, null);
  } catch (error) {
    know(source, null, String(error?.message ?? error));
  }
  endWork(key);
}

/** The source at an address; requested when it is first needed. Null without an address. */
export function mediaSourceAt(address) {
  if (!address || !decodesMedia) return null;
  let source = mediaSources.get(address);
  if (!source) {
    source = { address, held: null, info: null, failure: null, waiting: [] };
    mediaSources.set(address, source);
    askAbout(source);
  }
  return source;
}

/** Gives up files that have not come: they are missing from all frames. */
export function giveUpSources() {
  for (const source of mediaSources.values())
    know(source, null, "it has not come in time (timeouts.ready)");
}

/** Calls back once the facts about a source are known. */
export function whenKnown(source, call) {
  if (source.info || source.failure) call();
  else source.waiting.push(call);
}

/** The facts about a file, with the size of the picture of this number. */
export function infoAtPicture(info, number) {
  const of = info.sizes.findLast(([first]) => first <= number);
  return { ...info, width: of[1], height: of[2] };
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
