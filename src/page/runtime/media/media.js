// Audio and video elements: silent, placed in time by the clock, and listed.
//
// Sound is mixed and video is decoded by the engine. The browser's player never runs, so that it
// neither takes time nor chooses a picture itself. To page code an element looks as if it were
// playing at the place that the composition gives it.
//
// An element with `data-start` follows the composition, regardless of page code. Any other follows
// `play`, `pause` and `currentTime`; one that came with the document, and that page code never
// plays, begins with the clip or composition around it. A rehearsal tells whether page code ever
// plays it (rehearsal.js).

import { config, native, nativeGetter, nativeMethod, nativeSetter, override } from "../natives.js";
import { clock, runsTimer } from "../time/clock.js";
import { mediaPlacement } from "../time/timing.js";
import { describeElement, warnOnce } from "../warnings.js";
import {
  IN_PAGE,
  decodesMedia,
  infoAtPicture,
  mediaSourceAt,
  pictureNumber,
  whenKnown,
} from "./media_sources.js";
import { candidateAddress, candidateWith } from "./media_candidates.js";

const HAVE_ENOUGH_DATA = 4;
const NETWORK_IDLE = 1;
/** Sums such as 0.1 + 0.2 must not make a loop show its last picture once more. */
const CYCLE_SECS = 1e-6;

const nativeSource = nativeGetter(window.HTMLMediaElement?.prototype, "src");
const pausePlayer = nativeMethod(window.HTMLMediaElement?.prototype, "pause");
const putAttribute = nativeMethod(window.Element.prototype, "setAttribute");
const setRate = nativeSetter(window.HTMLMediaElement?.prototype, "playbackRate");
const nativeVolume = nativeGetter(window.HTMLMediaElement?.prototype, "volume");
const setVolume = nativeSetter(window.HTMLMediaElement?.prototype, "volume");
const nativeMuted = nativeGetter(window.HTMLMediaElement?.prototype, "muted");
const setMuted = nativeSetter(window.HTMLMediaElement?.prototype, "muted");

/** @typedef {{origin: number, from: number, moves: boolean}} MediaBase
 *  Where page code has put an element: from `origin` seconds of the page on it stands, or moves on, at `from` of its source. */
/** @typedef {{origin: number, start: number, end: number, from: number, rate: number, loops: boolean, again: number}} MediaRun
 *  From `start` to `end` seconds of the page it plays what its source has at `from + (now - origin) * rate`; a loop begins again at `again`. */
/** @typedef {{address: string|null, base: MediaBase|null, autoplays: boolean, isStatic: boolean, told: {plays: boolean, time: number|null, size: string|null}}} MediaState
 *  `isStatic`: it came with the document. `told` is what page code has heard of it. */

/** @type {Map<HTMLMediaElement, MediaState>} */
const mediaStates = new native.Map();

export function mediaElements() {
  return mediaStates.keys();
}

export function mediaStateOf(element) {
  return mediaStates.get(element);
}

/** The calls with which a rehearsal observes media, while there is one. */
export const witness = {
  ran: (element, run, end) => {},
  governed: (element) => {},
  loudness: (element, before, after) => {},
};

// Chrome's player would load media that the page has in itself even with `preload`, and then show
// them in place of the poster. So such an element gets an address at which nothing is ever loaded.

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

/** The address of an element's source; null without one. */
export function sourceOf(element) {
  const address = nativeSource(element) || candidateAddress(element);
  return parked.get(address) ?? address;
}

/** The engine's facts about an element's file; null until they have come. */
export function mediaInfo(element) {
  return mediaSourceAt(sourceOf(element))?.info ?? null;
}

/** The same, with the size of the picture that is shown at `seconds` of the page. */
export function mediaInfoAt(element, seconds) {
  const info = mediaInfo(element);
  return info?.sizes ? infoAtPicture(info, pictureNumber(info, mediaTime(element, seconds))) : info;
}

function announce(element, ...names) {
  for (const name of names) native.dispatch(element, new Event(name));
}

function follow(element, state) {
  const address = sourceOf(element);
  if (!decodesMedia || address === null) return;
  if (IN_PAGE.test(address) && !parked.has(nativeSource(element))) park(element, address);
  if (address === state.address) return;
  const isChange = state.address !== null && candidateWith(element, state.address) === null;
  if (isChange && clock.now > 0 && !isPlaced(element)) {
    restart(
      element,
      state,
      state.autoplays || (state.base === null && startsByItself(element, state)),
    );
    announce(element, "emptied", "loadstart");
  }
  state.address = address;
  const source = mediaSourceAt(address);
  whenKnown(source, () => {
    if (state.address !== address) return;
    if (source.info && (element.localName === "audio" || source.info.ticks.length > 0)) {
      announce(
        element,
        "durationchange",
        ...(element.localName === "video" ? ["resize"] : []),
        "loadedmetadata",
        "loadeddata",
        "canplay",
        "canplaythrough",
      );
      return;
    }
    const candidate = candidateWith(element, address);
    if (candidate) announce(candidate, "error");
    if (candidate && source.failure !== null && sourceOf(element) !== address) {
      follow(element, state);
      return;
    }
    const reason = source.failure ?? `it has sound, but no pictures: ${address.slice(0, 200)}`;
    // The mix warns of sound that cannot be decoded.
    if (element.localName === "video")
      warnOnce(
        "video_failed",
        `the pictures of ${describeElement(element)} cannot be shown: ${reason}`,
      );
    announce(element, "error");
  });
}

// An element that comes while the composition plays, or was never in the document before, begins
// when it comes.
function settleBeginning(element, state) {
  if (state.isStatic || state.base !== null) return;
  if (clock.now > 0) state.base = { origin: pageSeconds(), from: 0, moves: state.autoplays };
  else if (element.isConnected) state.isStatic = true;
}

/** Takes an element over: it neither begins nor loads anything by itself. */
export function meetMedia(element) {
  const autoplays = element.hasAttribute("autoplay");
  if (autoplays) element.removeAttribute("autoplay");
  pausePlayer(element);
  let state = mediaStates.get(element);
  if (!state) {
    state = {
      address: null,
      base: null,
      autoplays,
      isStatic: false,
      told: { plays: false, time: null, size: null },
    };
    mediaStates.set(element, state);
    if (decodesMedia) {
      if (element.getAttribute("preload") !== "none") element.setAttribute("preload", "none");
      if (element.hasAttribute("controls")) element.removeAttribute("controls");
    }
  } else if (autoplays) {
    beginAutoplay(element, state);
  }
  if (!isPlaced(element)) settleBeginning(element, state);
  follow(element, state);
  return state;
}

// An element that page code has played or paused no longer begins by itself.
function beginAutoplay(element, state) {
  const isFresh = state.base === null || (!state.base.moves && state.base.from === 0);
  state.autoplays = true;
  if (clock.now > 0 && isFresh && !isPlaced(element)) restart(element, state, true);
}

/** Notes that an element may have left the document: it stops there. */
export function leaveMedia(element) {
  const state = mediaStates.get(element);
  if (!state || element.isConnected || isPlaced(element)) return;
  if (state.base ? state.base.moves : state.isStatic)
    restart(element, state, false, mediaTime(element, pageSeconds()));
}

const pageSeconds = () => clock.now / 1000;

/** The name by which the engine identifies a page's elements across loads. */
export function mediaName(element) {
  const source =
    element.getAttribute("src") ?? element.querySelector("source")?.getAttribute("src");
  return `${element.localName} ${element.id || source}`;
}

/**
 * Whether an element that page code has not touched begins with the clip or composition around it.
 */
function startsByItself(element, state) {
  if (state.autoplays) return true;
  if (!state.isStatic) return false;
  return config.governed ? !config.governed.includes(mediaName(element)) : !config.rehearses;
}

/** The present run of an element; null if it stands still. */
export function runOf(element) {
  const state = mediaStates.get(element);
  const { start, end, origin, from, rate } = mediaPlacement(element);
  const loops = element.loop;
  if (state?.base) {
    if (!state.base.moves) return null;
    const begins = Math.max(state.base.origin, start);
    return {
      origin: begins,
      start: begins,
      end,
      from: state.base.from,
      rate: element.playbackRate,
      loops,
      again: 0,
    };
  }
  if (!isPlaced(element) && !(state && startsByItself(element, state))) return null;
  return { origin, start, end, from, rate, loops, again: from };
}

function lengthOfSource(element) {
  const duration = mediaInfo(element)?.duration;
  return duration > 0 ? duration : Infinity;
}

/** The place in its source of an element at `now` seconds of the page. */
export function mediaTime(element, now) {
  const run = runOf(element);
  const duration = lengthOfSource(element);
  const state = mediaStates.get(element);
  let time = state?.base?.from ?? 0;
  if (run) {
    time = run.from + (Math.min(Math.max(now, run.start), run.end) - run.origin) * run.rate;
    const cycle = duration - run.again;
    if (run.loops && cycle > CYCLE_SECS && Number.isFinite(cycle) && time > run.again) {
      time = run.again + Math.max(0, ((time - run.again + CYCLE_SECS) % cycle) - CYCLE_SECS);
    }
  }
  return Math.min(Math.max(time, 0), duration);
}

/** Whether an element is in its time at `now` seconds of the page. */
export function playsAt(element, now) {
  const { start, end } = mediaPlacement(element);
  return now > start - CYCLE_SECS && now < end - CYCLE_SECS;
}

function reachesEnd(element, now) {
  return !element.loop && mediaTime(element, now) >= lengthOfSource(element) - CYCLE_SECS;
}

/** Whether an element moves at `now` seconds of the page. */
export function isPlaying(element, now) {
  const run = runOf(element);
  return (
    run !== null &&
    now > run.start - CYCLE_SECS &&
    now < run.end - CYCLE_SECS &&
    !reachesEnd(element, now)
  );
}

/** Whether an element has played to its end. */
export function hasEnded(element, now) {
  if (mediaInfo(element) === null) return false;
  const run = runOf(element);
  return reachesEnd(element, now) || (run !== null && now >= run.end - CYCLE_SECS);
}

// A composition's clip follows the composition's time, regardless of page code's calls to its
// player.
function isPlaced(element) {
  return element.hasAttribute("data-start");
}

/** Sets the place of an element from now on. */
function restart(element, state, moves, from = 0) {
  const now = pageSeconds();
  const run = runOf(element);
  if (run !== null && now > run.start) witness.ran(element, run, Math.min(now, run.end));
  state.base = { origin: now, from, moves };
}

function rebase(element, state, from, moves) {
  if (isPlaced(element)) return;
  witness.governed(element);
  restart(element, state, moves, from);
}

// Chrome has no constructor for time ranges.
function ranges(element) {
  const duration = mediaInfo(element)?.duration;
  return { length: duration === undefined ? 0 : 1, start: () => 0, end: () => duration };
}

/** The promise of `play`: settled once it is known whether there is something to play. */
function startOf(element) {
  const source = decodesMedia ? mediaSourceAt(sourceOf(element)) : null;
  if (source === null) return Promise.resolve();
  return new Promise((/** @type {(nothing?: void) => void} */ resolve, reject) => {
    whenKnown(source, () => {
      if (source.failure === null) resolve();
      else
        reject(
          new DOMException(
            `Failed to load because no supported source was found: ${source.failure}`,
            "NotSupportedError",
          ),
        );
    });
  });
}

override(window.HTMLMediaElement?.prototype, {
  play() {
    const state = meetMedia(this);
    const now = pageSeconds();
    if (!isPlaced(this) && !isPlaying(this, now)) {
      rebase(this, state, reachesEnd(this, now) ? 0 : mediaTime(this, now), true);
      if (isPlaying(this, now)) state.told.plays = true;
      queueMicrotask(() => announce(this, "play", "playing"));
    }
    return startOf(this);
  },
  get autoplay() {
    return mediaStates.get(this)?.autoplays ?? false;
  },
  set autoplay(value) {
    const state = meetMedia(this);
    if (value) beginAutoplay(this, state);
    else state.autoplays = false;
  },
});

if (decodesMedia) {
  override(window.HTMLMediaElement?.prototype, {
    pause() {
      const state = meetMedia(this);
      const now = pageSeconds();
      const plays = isPlaying(this, now);
      if (isPlaced(this) || (state.base !== null && !plays)) return;
      rebase(this, state, mediaTime(this, now), false);
      if (!plays) return;
      state.told = { ...state.told, plays: false, time: mediaTime(this, now) };
      queueMicrotask(() => announce(this, "timeupdate", "pause"));
    },
    load() {
      meetMedia(this);
    },
    get currentTime() {
      return mediaTime(this, pageSeconds());
    },
    set currentTime(time) {
      const state = meetMedia(this);
      const moves = isPlaying(this, pageSeconds()) && (state.base !== null || state.autoplays);
      rebase(this, state, Math.max(0, Number(time) || 0), moves);
      queueMicrotask(() => announce(this, "seeking", "timeupdate", "seeked"));
    },
    get duration() {
      return mediaInfo(this)?.duration ?? NaN;
    },
    get paused() {
      return !isPlaying(this, pageSeconds());
    },
    get ended() {
      return hasEnded(this, pageSeconds());
    },
    set playbackRate(rate) {
      const state = meetMedia(this);
      const moves = state.base?.moves && isPlaying(this, pageSeconds());
      if (moves && rate !== this.playbackRate)
        rebase(this, state, mediaTime(this, pageSeconds()), true);
      setRate(this, rate);
    },
    set volume(volume) {
      const before = loudnessOf(this);
      setVolume(this, volume);
      witness.loudness(this, before, runsTimer());
    },
    set muted(muted) {
      const before = loudnessOf(this);
      setMuted(this, muted);
      witness.loudness(this, before, runsTimer());
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
      return mediaInfoAt(this, pageSeconds())?.width ?? 0;
    },
    get videoHeight() {
      return mediaInfoAt(this, pageSeconds())?.height ?? 0;
    },
  });

  // Chrome's own constructor would begin to load.
  const NativeAudio = window.Audio;
  const VirtualAudio = function Audio(src) {
    if (!new.target)
      throw new TypeError(
        "Please use the 'new' operator, this DOM object constructor cannot be called as a function.",
      );
    const element = Reflect.construct(NativeAudio, [], new.target);
    meetMedia(element);
    if (src !== undefined) element.src = src;
    return element;
  };
  VirtualAudio.prototype = NativeAudio.prototype;
  Object.defineProperty(window, "Audio", {
    value: VirtualAudio,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

/** The volume that an element has by itself, 0 to 1. */
export function loudnessOf(element) {
  return nativeMuted(element) ? 0 : nativeVolume(element);
}

native.listen(
  window,
  "play",
  (event) => {
    if (event.target instanceof HTMLMediaElement) pausePlayer(event.target);
  },
  true,
);

/** Names of the elements that begin only if page code never plays them. */
export function undecidedMedia() {
  const isOpen = ([element, state]) =>
    state.isStatic && !state.autoplays && !isPlaced(element) && sourceOf(element) !== null;
  return [...mediaStates].filter(isOpen).map(([element]) => mediaName(element));
}
