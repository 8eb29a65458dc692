// Audio and video elements: silent, placed in time by the clock, and listed.
//
// Sound is mixed and video is decoded by the engine. The browser's player never runs, so that it
// neither takes time nor shows a picture of its own choosing. To page code an element looks as if it
// were playing at the place that the composition gives it. One without `data-start` follows the page's
// own `play`, `pause` and `currentTime`.

import { config, native, nativeGetter, nativeMethod, override } from "./natives.js";
import { clock } from "./clock.js";
import { soundOf } from "./sound.js";
import { mediaPlacement } from "./timing.js";
import { describeElement, warnOnce } from "./warnings.js";
import { IN_PAGE, decodesMedia, mediaSourceAt, whenKnown } from "./media_sources.js";

const HAVE_ENOUGH_DATA = 4;
const NETWORK_IDLE = 1;
/** Sums such as 0.1 + 0.2 must not make a loop show its last picture once more. */
const CYCLE_SECS = 1e-6;

const nativeOf = (name) => nativeGetter(window.HTMLMediaElement?.prototype, name);
const [nativeSource, currentAddress] = [nativeOf("src"), nativeOf("currentSrc")];
const pausePlayer = nativeMethod(window.HTMLMediaElement?.prototype, "pause");
const putAttribute = nativeMethod(window.Element.prototype, "setAttribute");

/** @typedef {{address: string|null, base: {origin: number, from: number, moves: boolean}|null, paused: boolean}} MediaState
 *  `base` is where page code has put it: at `origin` seconds of the page it stands at `from` of its source. */

/** @type {Map<HTMLMediaElement, MediaState>} */
const mediaStates = new native.Map();

export function mediaElements() {
  return mediaStates.keys();
}

// What the page has in itself, Chrome's player would load whatever `preload` says, and then show in
// place of the poster. So such an element gets an address at which nothing is ever loaded.

/** @type {Map<string, string>} addresses of what the page has in itself, by those in their place */
const parked = new native.Map();
/** @type {Map<string, string>} the other way round */
const parkings = new native.Map();

function park(element, address) {
  if (!parkings.has(address)) {
    const place = `${config.media}parked/${parkings.size}`;
    parkings.set(address, place);
    parked.set(place, address);
  }
  putAttribute(element, "src", parkings.get(address));
}

/** The address of what an element plays, null without one. */
export function sourceOf(element) {
  const address = nativeSource(element) || currentAddress(element) || element.querySelector("source")?.src || null;
  return parked.get(address) ?? address;
}

/** What the engine knows of an element's file; null as long as it does not. */
export function mediaInfo(element) {
  return mediaSourceAt(sourceOf(element))?.info ?? null;
}

function announce(element, ...names) {
  for (const name of names) native.dispatch(element, new Event(name));
}

function follow(element, state) {
  const address = sourceOf(element);
  if (!decodesMedia || address === null) return;
  if (IN_PAGE.test(address) && !parked.has(nativeSource(element))) park(element, address);
  if (address === state.address) return;
  state.address = address;
  const source = mediaSourceAt(address);
  whenKnown(source, () => {
    if (state.address !== address) return;
    if (source.info && (element.localName === "audio" || source.info.ticks.length > 0)) {
      announce(element, "durationchange", "loadedmetadata", "loadeddata", "canplay", "canplaythrough");
      if (source.info.isInterlaced) warnOnce("video_interlaced", `${describeElement(element)} is interlaced; its pictures are shown with both fields: ${address}`);
      return;
    }
    const reason = source.failure ?? `it has sound, but no pictures: ${address.slice(0, 200)}`;
    // The mix tells of sound that cannot be decoded.
    if (element.localName === "video") warnOnce("video_failed", `the pictures of ${describeElement(element)} cannot be shown: ${reason}`);
    announce(element, "error");
  });
}

/** Takes an element over: it does not begin by itself, and loads nothing. */
export function meetMedia(element) {
  if (element.hasAttribute("autoplay")) element.removeAttribute("autoplay");
  pausePlayer(element);
  let state = mediaStates.get(element);
  if (!state) {
    state = { address: null, base: null, paused: false };
    mediaStates.set(element, state);
    if (decodesMedia) {
      if (element.getAttribute("preload") !== "none") element.setAttribute("preload", "none");
      if (element.hasAttribute("controls")) element.removeAttribute("controls");
    }
  }
  follow(element, state);
  return state;
}

const pageSeconds = () => clock.now / 1000;

/** Where in its source an element stands at `now` seconds of the page. */
export function mediaTime(element, now) {
  const state = mediaStates.get(element);
  const duration = mediaInfo(element)?.duration ?? Infinity;
  let [time, from] = [0, 0];
  if (state?.base) {
    const { origin, moves } = state.base;
    time = state.base.from + (moves ? (now - origin) * element.playbackRate : 0);
  } else {
    const placement = mediaPlacement(element);
    from = placement.from;
    time = from + (Math.min(Math.max(now, placement.start), placement.end) - placement.origin) * placement.rate;
  }
  const cycle = duration - from;
  if (element.loop && cycle > CYCLE_SECS && Number.isFinite(cycle) && time > from) {
    time = from + Math.max(0, ((time - from + CYCLE_SECS) % cycle) - CYCLE_SECS);
  }
  return Math.min(Math.max(time, 0), duration);
}

/** Whether an element is in its time at `now` seconds of the page. */
export function playsAt(element, now) {
  const { start, end } = mediaPlacement(element);
  return now > start - CYCLE_SECS && now < end - CYCLE_SECS;
}

// A composition's clip goes by the composition's time, whatever page code does to its player.
function isPlaced(element) {
  return element.hasAttribute("data-start");
}

function rebase(element, state, from, moves) {
  if (!isPlaced(element)) state.base = { origin: pageSeconds(), from, moves };
}

// Chrome has no constructor for time ranges.
function ranges(element) {
  const duration = mediaInfo(element)?.duration;
  return { length: duration === undefined ? 0 : 1, start: () => 0, end: () => duration };
}

override(window.HTMLMediaElement?.prototype, {
  play() {
    const state = meetMedia(this);
    const wasPaused = state.paused;
    state.paused = false;
    if (state.base && !state.base.moves) rebase(this, state, state.base.from, true);
    if (wasPaused) queueMicrotask(() => announce(this, "play", "playing"));
    return Promise.resolve();
  },
  set autoplay(value) {},
});

if (decodesMedia) {
  override(window.HTMLMediaElement?.prototype, {
    pause() {
      const state = meetMedia(this);
      if (state.paused) return;
      rebase(this, state, mediaTime(this, pageSeconds()), false);
      state.paused = !isPlaced(this);
      queueMicrotask(() => announce(this, "pause"));
    },
    load() {
      meetMedia(this);
    },
    get currentTime() {
      return mediaTime(this, pageSeconds());
    },
    set currentTime(time) {
      const state = meetMedia(this);
      rebase(this, state, Math.max(0, Number(time) || 0), state.base?.moves ?? false);
      queueMicrotask(() => announce(this, "seeking", "seeked"));
    },
    get duration() {
      return mediaInfo(this)?.duration ?? NaN;
    },
    get paused() {
      return mediaStates.get(this)?.paused ?? true;
    },
    get ended() {
      const duration = mediaInfo(this)?.duration ?? Infinity;
      return !this.loop && mediaTime(this, pageSeconds()) >= duration;
    },
    get seeking() {
      return false;
    },
    get readyState() {
      return mediaInfo(this) ? HAVE_ENOUGH_DATA : 0;
    },
    get networkState() {
      return NETWORK_IDLE;
    },
    get buffered() {
      return ranges(this);
    },
    get seekable() {
      return ranges(this);
    },
    get played() {
      return ranges(this);
    },
    get error() {
      const failure = mediaSourceAt(sourceOf(this))?.failure;
      return failure ? { code: 4, message: failure } : null;
    },
    get currentSrc() {
      return sourceOf(this) ?? "";
    },
    get src() {
      const address = nativeSource(this);
      return parked.get(address) ?? address;
    },
    set src(address) {
      this.setAttribute("src", address);
      meetMedia(this);
    },
  });
  override(window.HTMLVideoElement?.prototype, {
    get videoWidth() {
      return mediaInfo(this)?.width ?? 0;
    },
    get videoHeight() {
      return mediaInfo(this)?.height ?? 0;
    },
  });
}

native.listen(window, "play", (event) => pausePlayer(event.target), true);

/** Numbers that JSON has no word for become "NaN", "Infinity" and "-Infinity". */
export function jsonNumber(value) {
  if (value === null || value === undefined) return null;
  return Number.isFinite(value) ? value : String(Number(value));
}

/** What the engine needs to know of every audio and video element, in document order. */
export function listMedia() {
  return Array.from(document.querySelectorAll("audio, video"), (element) => {
    const { origin, start, end, from, rate } = mediaPlacement(element);
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
      loops: element.loop,
      muted: element.hasAttribute("muted"),
      hdr: element.localName === "video" && mediaInfo(element)?.hdr === "light" ? mediaInfo(element).curve : null,
      ...soundOf(element),
    };
  });
}
