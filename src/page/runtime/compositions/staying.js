// The page stays what it is while frames are drawn.
//
// What the browser tells the engine of (navigations, documents that are opened anew) is not looked for
// here; only what nobody else sees.

import { clock } from "../time/clock.js";
import { override } from "../natives.js";
import { findRoot } from "../time/timing.js";

/** Whether the page means to leave: its root says so. */
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

/** Frame `index` begins. */
export function standAt(index) {
  current = index;
}

/** The frame that has begun last. */
export const standsAt = () => current;

// Another document may follow. Only so it is known in which frame: the rest the engine hears from the
// browser, perhaps when this document is gone.
function noteLeaving() {
  if (!clock.begun) return;
  isLeaving = true;
  Reflect.apply(sayQuietly, console, ["__pagereel leaves", current]);
}

window.navigation?.addEventListener("navigate", (event) => {
  const { sameDocument } = event.destination;
  if (!sameDocument && !event.hashChange && event.downloadRequest === null) noteLeaving();
});

// Where these lead is known only later.
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

/** Whether the page has asked for another document, or for one that may be another. */
export const leaves = () => isLeaving;

/** What of the page is gone, in words for the user; null if nothing is. */
export function whatIsGone() {
  if (!document.documentElement) return "removes its document element";
  return hasStopped ? "calls window.stop()" : null;
}

/** Where the page would go by itself, in words for the user; null if it stays. */
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

/** The answer of a page that is not there any more: an error on the way to a frame has that reason. */
export function answerIfGone(error) {
  const gone = whatIsGone();
  if (!gone) throw error;
  return { changed: true, warnings: [], gone, at: standsAt() };
}
