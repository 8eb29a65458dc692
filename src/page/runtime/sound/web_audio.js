// Web Audio in virtual time.
//
// Page code that makes an `AudioContext` gets an offline one in disguise: its graph is rendered up
// to each frame's time and stops there, and page code of that frame runs against it. So the sound,
// and the data of analysers, depend on the page's time alone. A time that page code names is exact
// to the sample; without one a source begins at the sample of the page's present.
//
// Every session renders its graphs, because pictures may show an analyser's data. In a rehearsal
// they are rendered to the end and handed to the engine, which mixes them with everything else.

import { config, native, nativeMethod, override } from "../natives.js";
import { clock } from "../time/clock.js";
import { warnOnce } from "../warnings.js";
import { findRoot, numberAttribute } from "../time/timing.js";
import { decodesMedia } from "../media/media_sources.js";
import { noteSound } from "./script_texts.js";
import { connectElement, feedElement, reconnectElement } from "./graph_elements.js";
import { track } from "../readiness/work.js";

/** Samples that a graph computes at a time. */
const QUANTUM = 128;
const USUAL_RATE = 48000;
/** The length of a graph where the composition's is unknown, and the most, in seconds. */
const UNKNOWN_SECS = 600;
const MAX_GRAPH_SECS = 3600;

const offlineSuspend = nativeMethod(window.OfflineAudioContext?.prototype, "suspend");
const offlineResume = nativeMethod(window.OfflineAudioContext?.prototype, "resume");
const offlineStart = nativeMethod(window.OfflineAudioContext?.prototype, "startRendering");
const makeGain = nativeMethod(window.BaseAudioContext?.prototype, "createGain");

/** @typedef {{page: number, from: number, end: number|null}} GraphSpan
 *  From `page` seconds of the page on a context's time goes on from `from`, until `end` seconds of the page. */
/** @typedef {{context: BaseAudioContext, state: string, at: number, spans: GraphSpan[], frames: number, frame: number, paused: Promise, done: Promise<AudioBuffer>, failed: Promise, elements: Map}} Graph
 *  `at` is its time where it stands, `frame` the sample up to which it is rendered, `paused` when that has been reached; `failed` settles when nothing more comes. */

/** @type {Map<BaseAudioContext, Graph>} */
const graphs = new native.Map();
/** @type {Set<HTMLMediaElement>} elements that are heard through a graph */
const inGraph = new Set();

const presentSecs = () => clock.now / 1000;

/** Whether graphs have to be rendered in step with frames. */
export function hasGraphs() {
  return graphs.size > 0;
}

/** Whether an element is heard through a graph, and not by itself. */
export function isInGraph(element) {
  return inGraph.has(element);
}

/** A graph's present time, at a whole sample. */
function graphTime(graph) {
  const span = graph.spans.at(-1);
  const time = graph.state === "running" ? span.from + presentSecs() - span.page : graph.at;
  return Math.round(time * graph.context.sampleRate) / graph.context.sampleRate;
}

/** A graph's time at `seconds` of the page, unless it is suspended. */
function graphTimeAt(graph, seconds) {
  const span = graph.spans.at(-1);
  return span.from + seconds - span.page;
}

function graphSeconds() {
  const declared = config.length ?? numberAttribute(findRoot(), "data-duration");
  const whole = declared > 0 && Number.isFinite(declared) ? declared : UNKNOWN_SECS;
  if (whole > MAX_GRAPH_SECS)
    warnOnce("web_audio_length", `sound of AudioContext ends after ${MAX_GRAPH_SECS} s`);
  return Math.min(whole, MAX_GRAPH_SECS) - presentSecs();
}

function swallow(event) {
  if (event.isTrusted) event.stopImmediatePropagation();
}

// An offline context sends an event at each stop at a frame: page code must not get it.
function openGraph(context, frames) {
  native.listen(context, "statechange", swallow);
  native.listen(context, "complete", swallow);
  const paused = offlineSuspend(context, 0);
  /** @type {Graph} */
  const graph = {
    context,
    state: "running",
    at: 0,
    spans: [{ page: presentSecs(), from: 0, end: null }],
    frames,
    frame: 0,
    paused,
    done: offlineStart(context),
    failed: null,
    elements: new native.Map(),
  };
  graph.failed = graph.done.then(
    () => {},
    (error) => {
      warnOnce("web_audio_failed", `the sound of an AudioContext is lost: ${error.message}`);
      graph.frame = graph.frames;
    },
  );
  graphs.set(context, graph);
  noteSound();
  // Browsers send an event when a context has begun, and libraries wait for it.
  queueMicrotask(() => native.dispatch(context, new Event("statechange")));
}

function setState(graph, state) {
  if (graph.state === "closed" || graph.state === state) return Promise.resolve();
  const now = graphTime(graph);
  if (graph.state === "running") graph.spans.at(-1).end = presentSecs();
  else if (state === "running") {
    graph.spans.push({ page: presentSecs(), from: now, end: null });
    graph.elements.forEach((fed) => reconnectElement(fed, presentSecs()));
  }
  graph.at = now;
  graph.state = state;
  return Promise.resolve().then(() => native.dispatch(graph.context, new Event("statechange")));
}

// Up to `time` seconds of its own; times within the last few samples before it are still to come.
async function render(graph, time) {
  const frame = Math.floor((time * graph.context.sampleRate) / QUANTUM + 1e-6) * QUANTUM;
  if (frame <= graph.frame || frame >= graph.frames) return;
  await Promise.race([graph.paused, graph.failed]);
  if (frame <= graph.frame) return;
  graph.frame = frame;
  // A stop is moved up to the beginning of the next samples.
  graph.paused = offlineSuspend(graph.context, (frame - QUANTUM / 2) / graph.context.sampleRate);
  await offlineResume(graph.context);
  await Promise.race([graph.paused, graph.failed]);
}

async function renderAll() {
  for (const graph of graphs.values()) {
    if (graph.state !== "running") continue;
    for (const fed of graph.elements.values()) await feedElement(fed, presentSecs());
    await render(graph, graphTime(graph));
  }
}

/**
 * Renders all graphs up to the present.
 * @returns {Promise|undefined} a promise if there are any
 */
export function renderGraphs() {
  return graphs.size > 0 ? renderAll() : undefined;
}

// 32-bit floating point WAV, which has no limit on the volume.
function wavOf(buffer) {
  const channels = [buffer.getChannelData(0), buffer.getChannelData(buffer.numberOfChannels - 1)];
  const bytes = buffer.length * 8;
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, word) =>
    Array.from(word).forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  head.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 3, true);
  head.setUint16(22, 2, true);
  head.setUint32(24, buffer.sampleRate, true);
  head.setUint32(28, buffer.sampleRate * 8, true);
  head.setUint16(32, 8, true);
  head.setUint16(34, 32, true);
  text(36, "data");
  head.setUint32(40, bytes, true);
  const samples = new Float32Array(buffer.length * 2);
  for (let i = 0; i < buffer.length; i++) {
    samples[2 * i] = channels[0][i];
    samples[2 * i + 1] = channels[1][i];
  }
  return new native.Blob([head.buffer, samples.buffer]);
}

async function handOverSound(buffer) {
  const response = await native.fetch(`${config.media}held`, {
    method: "POST",
    body: wavOf(buffer),
  });
  const { address, error } = await response.json();
  if (error) throw new Error(error);
  return address;
}

function isSilent(buffer) {
  return [0, 1].every((channel) =>
    buffer
      .getChannelData(Math.min(channel, buffer.numberOfChannels - 1))
      .every((sample) => sample === 0),
  );
}

async function soundOfGraph(graph) {
  await Promise.race([graph.paused, graph.failed]);
  if (graph.frame >= graph.frames) return [];
  await offlineResume(graph.context);
  const buffer = await graph.done;
  if (isSilent(buffer)) return [];
  const address = await handOverSound(buffer);
  return graph.spans.map(({ page, from, end }) => ({
    src: address,
    start: page,
    from,
    end: end ?? page + buffer.duration - from,
  }));
}

/**
 * Renders all graphs to their end and hands them over. Returns the parts that are heard, with their
 * times.
 */
export async function graphSounds() {
  const found = [];
  for (const graph of graphs.values()) {
    try {
      found.push(...(await soundOfGraph(graph)));
    } catch (error) {
      warnOnce("web_audio_failed", `the sound of an AudioContext is lost: ${error.message}`);
    }
  }
  return found;
}

function startTime(context, when) {
  const graph = graphs.get(context);
  return graph ? Math.max(Number(when) || 0, graphTime(graph)) : when;
}

// A source that is to begin at once begins now, not with the next rendered samples.
function startAtPresent(owner) {
  for (const name of ["start", "stop"]) {
    if (!owner || !Object.hasOwn(owner, name)) continue;
    const original = nativeMethod(owner, name);
    override(owner, {
      [name](when = 0, ...rest) {
        return original(this, startTime(this.context, when), ...rest);
      },
    });
  }
}

function silentNode(context, code, message) {
  warnOnce(code, message);
  return makeGain(context);
}

function routeElement(context, element) {
  const graph = graphs.get(context);
  const fed = connectElement(element, makeGain(context), presentSecs(), (seconds) =>
    graphTimeAt(graph, seconds),
  );
  graph.elements.set(element, fed);
  inGraph.add(element);
  Object.setPrototypeOf(fed.node, window.MediaElementAudioSourceNode.prototype);
  Object.defineProperty(fed.node, "mediaElement", { value: element });
  return fed.node;
}

const noMicrophone =
  "sound from a microphone or another stream is not there while frames are rendered";

function replaceContexts() {
  const NativeContext = window.AudioContext;
  const VirtualContext = function AudioContext(options = {}) {
    if (!new.target)
      throw new TypeError(
        "Failed to construct 'AudioContext': Please use the 'new' operator, this DOM object constructor cannot be called as a function.",
      );
    const rate = Number(options?.sampleRate) || USUAL_RATE;
    const frames = Math.max(QUANTUM, Math.ceil(graphSeconds() * rate - 1e-6));
    const context = Reflect.construct(window.OfflineAudioContext, [2, frames, rate], new.target);
    openGraph(context, frames);
    return context;
  };
  VirtualContext.prototype = NativeContext.prototype;
  Object.defineProperty(NativeContext.prototype, "constructor", {
    value: VirtualContext,
    writable: true,
    configurable: true,
    enumerable: false,
  });
  for (const name of ["AudioContext", "webkitAudioContext"]) {
    if (name in window)
      Object.defineProperty(window, name, {
        value: VirtualContext,
        writable: true,
        configurable: true,
        enumerable: false,
      });
  }

  override(NativeContext.prototype, {
    get currentTime() {
      return graphTime(graphs.get(this));
    },
    get state() {
      return graphs.get(this).state;
    },
    get baseLatency() {
      return QUANTUM / this.sampleRate;
    },
    get outputLatency() {
      return 0;
    },
    getOutputTimestamp() {
      return { contextTime: this.currentTime, performanceTime: clock.now };
    },
    resume() {
      return setState(graphs.get(this), "running");
    },
    suspend() {
      return setState(graphs.get(this), "suspended");
    },
    close() {
      return setState(graphs.get(this), "closed");
    },
    setSinkId() {
      return Promise.resolve();
    },
    createMediaElementSource(element) {
      if (!(element instanceof HTMLMediaElement))
        throw new TypeError(
          "Failed to execute 'createMediaElementSource' on 'AudioContext': parameter 1 is not of type 'HTMLMediaElement'.",
        );
      if (inGraph.has(element))
        throw new DOMException(
          "HTMLMediaElement already connected previously to a different MediaElementSourceNode.",
          "InvalidStateError",
        );
      return routeElement(this, element);
    },
    createMediaStreamSource() {
      return silentNode(this, "web_audio_stream", noMicrophone);
    },
    createMediaStreamTrackSource() {
      return silentNode(this, "web_audio_stream", noMicrophone);
    },
    createMediaStreamDestination() {
      const node = silentNode(
        this,
        "web_audio_stream",
        "sound that page code sends to a MediaStream is not heard",
      );
      Object.defineProperty(node, "stream", { value: new MediaStream() });
      return node;
    },
  });

  if (window.MediaElementAudioSourceNode) {
    const VirtualSource = function MediaElementAudioSourceNode(context, { mediaElement }) {
      return context.createMediaElementSource(mediaElement);
    };
    VirtualSource.prototype = window.MediaElementAudioSourceNode.prototype;
    Object.defineProperty(window, "MediaElementAudioSourceNode", {
      value: VirtualSource,
      writable: true,
      configurable: true,
      enumerable: false,
    });
  }

  startAtPresent(window.AudioScheduledSourceNode?.prototype);
  startAtPresent(window.AudioBufferSourceNode?.prototype);
}

function trackWork(owner, name) {
  const original = owner?.[name] && nativeMethod(owner, name);
  if (!original) return;
  override(owner, {
    [name](...given) {
      return track(name, original(this, ...given));
    },
  });
}

if (decodesMedia && window.AudioContext && window.OfflineAudioContext) {
  replaceContexts();
  trackWork(window.BaseAudioContext.prototype, "decodeAudioData");
  trackWork(window.OfflineAudioContext.prototype, "startRendering");
  trackWork(window.AudioWorklet?.prototype, "addModule");
}
