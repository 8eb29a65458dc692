// Watches that the page's document stays while frames are drawn.
//
// The browser reports navigations and documents that are opened anew to the engine; this module
// watches only the rest.

import { clock } from "../time/clock.js";
import { override } from "../natives.js";
import { findRoot } from "../time/timing.js";

/** Whether the page leaves on purpose: its root declares it. */
export function allowsLeaving() {
  return (findRoot() ?? document.documentElement)?.hasAttribute("data-allow-navigation") ?? false;
}

const stopLoading = window.stop;
let hasStopped = false;

override(window, {
  stop() {
    if (clock.begun) hasStopped = true;
    return Reflect.apply(stopLoading, window, []);
  },
});

const sayQuietly = console.debug;
let isLeaving = false;
let current = 0;

/** Notes that frame `index` begins. */
export function standAt(index) {
  current = index;
}

/** The frame that has begun last. */
export const standsAt = () => current;

// Another document may follow. This reports the frame: the engine learns the rest from the browser,
// perhaps when this document is gone.
function noteLeaving() {
  if (!clock.begun) return;
  isLeaving = true;
  Reflect.apply(sayQuietly, console, ["__pagereel leaves", current]);
}

window.navigation?.addEventListener("navigate", (event) => {
  const { sameDocument } = event.destination;
  if (!sameDocument && !event.hashChange && event.downloadRequest === null) noteLeaving();
});

// The destination of these is known only later.
const ownHistory = {
  back: History.prototype.back,
  forward: History.prototype.forward,
  go: History.prototype.go,
};
const ownForm = {
  submit: HTMLFormElement.prototype.submit,
  requestSubmit: HTMLFormElement.prototype.requestSubmit,
};
const travel = (how, from, ...rest) => {
  noteLeaving();
  return Reflect.apply(how, from, rest);
};
override(History.prototype, {
  back() {
    return travel(ownHistory.back, this);
  },
  forward() {
    return travel(ownHistory.forward, this);
  },
  go(...delta) {
    return travel(ownHistory.go, this, ...delta);
  },
});
override(HTMLFormElement.prototype, {
  submit() {
    travel(ownForm.submit, this);
  },
  requestSubmit(...submitter) {
    travel(ownForm.requestSubmit, this, ...submitter);
  },
});

/** Whether the page has requested another document, or what may be one. */
export const leaves = () => isLeaving;

/** The part of the page that is gone, in words for the user; null if none is. */
export function whatIsGone() {
  if (!document.documentElement) return "removes its document element";
  return hasStopped ? "calls window.stop()" : null;
}

/** The address to which the page would go by itself, in words for the user; null if it stays. */
export function whereItGoes() {
  for (const meta of /** @type {NodeListOf<HTMLMetaElement>} */ (
    document.querySelectorAll("meta[http-equiv]")
  )) {
    if (meta.httpEquiv.trim().toLowerCase() !== "refresh") continue;
    const found = /^\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:[;,\s]\s*(?:url\s*=\s*)?(.*))?$/is.exec(
      meta.content,
    );
    if (found)
      return {
        seconds: Number(found[1]),
        address: (found[2] ?? "").trim().replace(/^(["'])(.*?)\1.*$/s, "$2"),
      };
  }
  return null;
}

/** The answer of a page that is gone: that is the reason of an error on the way to a frame. */
export function answerIfGone(error) {
  const gone = whatIsGone();
  if (!gone) throw error;
  return { changed: true, warnings: [], gone, at: standsAt() };
}
