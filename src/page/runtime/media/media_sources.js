// What the engine knows of the files that audio and video elements play.
//
// The engine decodes them; Chrome's own player loads nothing. So lengths and sizes come from there,
// also of what this Chrome could not play.

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

/** How often it is asked whether a file has come from another host. */
const LOOK_AGAIN_MS = 25;

/** Most characters of an address in a message. */
const MAX_TOLD = 200;

/** @type {Map<string, MediaSource>} */
const mediaSources = new native.Map();

/** Whether the engine decodes for this page. */
export const decodesMedia = config.media !== null;

/** Notes what there is, or why there is nothing. The first word counts. */
function know(source, info, failure) {
  if (source.info || source.failure !== null) return;
  Object.assign(source, { info, failure });
  markClipsDirty();
  source.waiting.splice(0).forEach((call) => call());
}

/** What the page has in itself, at an address that nobody else can read. */
export const IN_PAGE = /^(?:data|blob):/i;

/** Hands it to the engine, which keeps it under an address of its own. */
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

/** What there is at an address; asked for when it is first wanted. Null without an address. */
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

/** Gives up what has not come: it is missing from all frames. */
export function giveUpSources() {
  for (const source of mediaSources.values())
    know(source, null, "it has not come in time (timeouts.ready)");
}

/** Calls back once it is known what there is. */
export function whenKnown(source, call) {
  if (source.info || source.failure) call();
  else source.waiting.push(call);
}

/** What is known of a file, with the size of the picture of this number. */
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
