// Everything else that can be told a time: the page's own `__hf`, event listeners, anime.js, Lottie, SMIL.

import { native, guarded } from "./natives.js";

/** The page's own player, if it brought one. */
export function pagePlayer() {
  const player = window.__hf;
  return player && typeof player.seek === "function" ? player : null;
}

/**
 * Seeks the page's own player and tells the listeners of `hf-seek`.
 * @returns {Promise<unknown>[]} what has to settle before the frame is complete
 */
export function seekPage(seconds) {
  const waits = [];
  const result = pagePlayer()?.seek(seconds);
  if (typeof result?.then === "function") waits.push(result);

  window.__hfThreeTime = seconds;
  const waitUntil = (promise) => {
    if (typeof promise?.then === "function") waits.push(promise.then(undefined, native.reportError));
  };
  native.dispatch(window, new CustomEvent("hf-seek", { detail: { time: seconds, waitUntil } }));
  return waits;
}

function seekLottie(ms) {
  const registered = typeof window.lottie?.getRegisteredAnimations === "function" ? window.lottie.getRegisteredAnimations() : [];
  const listed = [window.__hfLottie ?? []].flat();
  for (const animation of new Set([...registered, ...listed])) {
    if (typeof animation?.goToAndStop === "function") animation.goToAndStop(ms, false);
    else if (typeof animation?.setCurrentRawFrameValue === "function" && animation.totalFrames > 0) {
      animation.pause?.();
      const frame = (ms / 1000) * (animation.totalFrames / animation.duration);
      animation.setCurrentRawFrameValue(Math.min(frame, animation.totalFrames - 1));
    }
  }
}

function seekAnime(ms) {
  for (const animation of [window.__hfAnime ?? []].flat()) {
    animation?.pause?.();
    animation?.seek?.(ms);
  }
}

let smilDirty = true;
let smilRoots = [];

/** Tells that elements came or went. */
export function markSmilDirty() {
  smilDirty = true;
}

function seekSmil(seconds) {
  if (smilDirty) {
    smilDirty = false;
    const animated = document.querySelectorAll("svg animate, svg animateTransform, svg animateMotion, svg set");
    smilRoots = [...new Set(Array.from(animated, outermostSvg))];
  }
  for (const svg of smilRoots) {
    svg.pauseAnimations();
    svg.setCurrentTime(seconds);
  }
}

function outermostSvg(element) {
  let svg = element.ownerSVGElement ?? element;
  while (svg.ownerSVGElement) svg = svg.ownerSVGElement;
  return svg;
}

/** Whether there is a player that draws without telling what has changed. */
export function hasPlayers() {
  return smilRoots.length > 0 || Boolean(window.lottie || window.__hfLottie || window.__hfAnime);
}

/** Places the players that keep no state between frames. */
export function applyPlayers(seconds) {
  guarded(() => seekLottie(seconds * 1000));
  guarded(() => seekAnime(seconds * 1000));
  guarded(() => seekSmil(seconds));
}
