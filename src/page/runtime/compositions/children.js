// The documents below this one that have a runtime.

import { warnOnce } from "../warnings.js";

/** @type {WeakSet<Window>} */
const undriven = new WeakSet();

/**
 * Warns of the frame number `at`, whose document is of another origin: the runtime cannot move it.
 */
export function noteUndriven(at) {
  const below = window[at];
  if (undriven.has(below)) return;
  const holders = /** @type {HTMLIFrameElement[]} */ ([
    ...document.querySelectorAll("iframe, object"),
  ]);
  const element = holders.find(({ contentWindow }) => contentWindow === below);
  // A frame that is not visible need not move.
  if (!element?.checkVisibility({ visibilityProperty: true })) return;
  undriven.add(below);
  const name =
    element.src ||
    element.getAttribute("data") ||
    (element.hasAttribute("sandbox") ? "in a sandbox" : "");
  warnOnce(
    "frame_undriven",
    `what moves in the frame ${String(name).slice(0, 200)} does not go by the frame's time: its document is of another origin`,
  );
}

/** The interfaces of their runtimes. */
export function children() {
  const found = [];
  for (let at = 0; at < window.length; at++) {
    try {
      if (window[at].__pagereel) found.push(window[at].__pagereel);
    } catch {
      // A frame of another origin is left to the browser.
    }
  }
  return found;
}
