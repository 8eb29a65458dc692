// The page's own part in a seek: its `__hf`, and listeners of `hf-seek`.

import { native } from "../natives.js";

/** The page's own player, if it has one. */
export function pagePlayer() {
  const player = window.__hf;
  return player && typeof player.seek === "function" ? player : null;
}

/**
 * Seeks the page's own player and calls the listeners of `hf-seek`.
 * @returns {Promise<unknown>[]} what has to settle before the frame is complete
 */
export function seekPage(seconds) {
  const waits = [];
  const result = pagePlayer()?.seek(seconds);
  if (typeof result?.then === "function") waits.push(result);

  window.__hfThreeTime = seconds;
  const waitUntil = (promise) => {
    if (typeof promise?.then === "function")
      waits.push(promise.then(undefined, native.reportError));
  };
  native.dispatch(window, new CustomEvent("hf-seek", { detail: { time: seconds, waitUntil } }));
  return waits;
}
