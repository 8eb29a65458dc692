// Audio and video elements that page code connects to a graph of Web Audio.
//
// The player never runs. The engine decodes the file, and the element's sound between two frames is
// scheduled before the graph is rendered up to the second, exact to the sample.

import { config, native, nativeMethod, nativeSetter } from "../natives.js";
import { loudnessOf, mediaInfo, mediaStateOf, runOf, sourceOf } from "../media/media.js";
import { mediaSourceAt } from "../media/media_sources.js";
import { describeElement, warnOnce } from "../warnings.js";

/** The rate of the engine's samples, and the number of them requested at a time: two seconds. */
const FED_RATE = 48000;
const FED_SAMPLES = 96000;

const makeBuffer = nativeMethod(window.BaseAudioContext?.prototype, "createBuffer");
const makeSource = nativeMethod(window.BaseAudioContext?.prototype, "createBufferSource");
const startBuffer = nativeMethod(window.AudioBufferSourceNode?.prototype, "start");
const stopBuffer = nativeMethod(window.AudioScheduledSourceNode?.prototype, "stop");
const setBuffer = nativeSetter(window.AudioBufferSourceNode?.prototype, "buffer");
const connectNode = nativeMethod(window.AudioNode?.prototype, "connect");

/** @typedef {{element: HTMLMediaElement, node: AudioNode, gain: AudioParam, timeOf: (seconds: number) => number, since: number, run: object|null, address: string|null, next: {page: number, place: number}|null, sources: AudioBufferSourceNode[], loudness: number|null}} FedElement
 *  `since` is from when of the page on it is connected to a graph that runs; `next` says from when of the page on nothing is scheduled, and what of the file comes then, in samples. */

/** An element that plays into `node`, a gain, from `since` seconds of the page on; `timeOf` gives the graph's time. */
export function connectElement(element, node, since, timeOf) {
  return {
    element,
    node,
    gain: node.gain,
    timeOf,
    since,
    run: null,
    address: null,
    next: null,
    sources: [],
    loudness: null,
  };
}

/** Schedules anew from `since` seconds of the page on: the graph's time has stood still until then. */
export function reconnectElement(fed, since) {
  Object.assign(fed, { since, run: null, address: null });
}

const isSameRun = (a, b) =>
  a === b ||
  (a !== null &&
    b !== null &&
    ["origin", "start", "end", "from", "rate", "loops"].every((name) => a[name] === b[name]));

function toSample(seconds) {
  return Math.round(seconds * FED_RATE);
}

/** A graph's time at a whole sample. */
function timeAt(fed, page) {
  const rate = fed.node.context.sampleRate;
  return Math.max(0, Math.round(fed.timeOf(page) * rate) / rate);
}

function change(fed, run, address, since) {
  for (const source of fed.sources) stopBuffer(source, timeAt(fed, since));
  Object.assign(fed, { run, address, sources: [], next: null });
  if (run === null) return;
  const page = Math.max(run.start, since);
  fed.next = { page, place: toSample(run.from + (page - run.origin) * run.rate) };
}

async function samplesOf(fed, place, count) {
  const address = mediaSourceAt(fed.address)?.held ?? fed.address;
  const response = await native.fetch(
    `${config.media}sound?src=${encodeURIComponent(address)}&at=${place}&count=${count}`,
  );
  if (!response.ok) throw new Error((await response.json()).error);
  return new Float32Array(await response.arrayBuffer());
}

// The end of the file, and the end of the run, shorten the next part.
function nextPart(fed, length) {
  const { run, next } = fed;
  const end = toSample(length);
  const again = toSample(run.again);
  if (next.place >= end && run.loops && end > again)
    next.place = again + ((next.place - again) % (end - again));
  const left = Math.ceil((run.end - next.page) * run.rate * FED_RATE - 1e-6);
  return Math.min(FED_SAMPLES, end - next.place, left);
}

async function schedule(fed, count) {
  const { node, run, next } = fed;
  const samples = await samplesOf(fed, next.place, count);
  const context = node.context;
  const buffer = makeBuffer(context, 2, count, FED_RATE);
  for (const channel of [0, 1]) {
    const side = buffer.getChannelData(channel);
    for (let i = 0; i < count; i++) side[i] = samples[2 * i + channel];
  }
  const source = makeSource(context);
  setBuffer(source, buffer);
  if (run.rate !== 1) {
    source.playbackRate.value = run.rate;
    warnOnce(
      "web_audio_rate",
      `${describeElement(fed.element)} plays at another speed through an AudioContext: its pitch changes`,
    );
  }
  connectNode(source, node);
  startBuffer(source, timeAt(fed, next.page));
  fed.sources = [...fed.sources.slice(-1), source];
  next.page += count / FED_RATE / run.rate;
  next.place += count;
}

function followLoudness(fed, seconds) {
  const text = Number(fed.element.getAttribute("data-volume") ?? 1);
  const loudness =
    fed.element.volume < 1 || fed.element.muted ? loudnessOf(fed.element) : text >= 0 ? text : 1;
  if (loudness === fed.loudness) return;
  fed.gain.setValueAtTime(loudness, timeAt(fed, fed.loudness === null ? 0 : seconds));
  fed.loudness = loudness;
}

/** Schedules the sound of an element until `seconds` of the page. */
export async function feedElement(fed, seconds) {
  const { element } = fed;
  const info = mediaInfo(element);
  const run = info ? runOf(element) : null;
  followLoudness(fed, seconds);
  const address = sourceOf(element);
  if (!isSameRun(run, fed.run) || address !== fed.address) {
    change(fed, run, address, Math.max(fed.since, mediaStateOf(element)?.base?.origin ?? 0));
  }
  try {
    while (fed.next && fed.next.page < seconds) {
      const count = nextPart(fed, info.duration);
      if (count <= 0) fed.next = null;
      else await schedule(fed, count);
    }
  } catch (error) {
    fed.next = null;
    warnOnce(
      "sound_not_loaded",
      `${describeElement(element)} is not heard through its AudioContext: ${error.message}`,
    );
  }
}
