// Keeps a frame's pixels independent of the frames before it, and detects frames without change.
//
// Chrome draws moving elements on layers that keep the scale and the subpixel place at which they
// were first drawn, and it does not redraw for movements below a threshold. So the same page looks
// slightly different after another history. Before each changed frame the engine draws the page
// hidden once, which discards all earlier drawings. In addition, `will-change: contents` keeps
// everything in one layer where possible.
//
// A frame may only be called still if nothing visible can have changed since the last one.

import { native } from "../natives.js";
import { watchShadows } from "../shadow_roots.js";
import { animationRecords, whileLoading, nativeAnimation } from "../animation/animations.js";
import { listensToSeeks } from "../animation/animation_events.js";
import { pagePlayer } from "../animation/adapters.js";
import { takePlayersMoved } from "../players/players.js";
import { takeTweensMoved } from "../animation/gsap.js";
import { adoptSheet, makeSheet, mayAdopt } from "../sheets.js";
import { forgetChange, isMarkedChanged, markChanged } from "./changes.js";

// Glyphs keep their places at any scale (as in HyperFrames); a page's own rules take precedence.
const FLAT =
  "html, * { will-change: contents !important; text-rendering: geometricPrecision; caret-animation: manual !important } html { transition: none !important }";
const HIDDEN = `${FLAT} html { opacity: 0 !important }`;

// While the page loads the browser's clock runs. An animation that ended by it would be gone before
// the first frame.
const HELD = `*, ::before, ::after, ::marker, ::backdrop { animation-play-state: paused !important }`;

let sheet = null;

function styleSheet() {
  if (!mayAdopt(sheet)) sheet = makeSheet(whileLoading.held ? HELD : FLAT);
  // A page that sets its own list drops ours.
  adoptSheet(document, sheet);
  return sheet;
}

/** Holds CSS animations at their beginning, until the page has loaded. */
export function holdAnimations() {
  if (whileLoading.held) styleSheet();
}

/** Releases the held CSS animations. */
export function releaseAnimations() {
  if (!whileLoading.held) return;
  whileLoading.held = false;
  styleSheet().replaceSync(FLAT);
}

/** Asks for one layer. */
export function flatten() {
  styleSheet();
  releaseAnimations();
}

/** Hides or shows the page without touching its elements. */
export function hidePage(hidden) {
  styleSheet().replaceSync(hidden ? HIDDEN : FLAT);
}

const everything = { subtree: true, childList: true, attributes: true, characterData: true };
const watcher = new native.MutationObserver(markChanged);
let watchedDocument = null;

// A window can outlive its first, empty document.
function watchDocument() {
  if (watchedDocument === document) return;
  watchedDocument = document;
  watcher.observe(document, everything);
  markChanged();
}
watchDocument();
holdAnimations();

watchShadows((root) => {
  watcher.observe(root, everything);
  adoptSheet(root, styleSheet());
});

function progressOf(animation) {
  if (!animation.effect) return null;
  const { progress, currentIteration } = nativeAnimation.timing(animation.effect);
  return progress === null ? null : progress + currentIteration;
}

function animationsMoved() {
  let moved = false;
  for (const [animation, record] of animationRecords) {
    const progress = progressOf(animation);
    if (record.shownProgress !== progress) moved = true;
    record.shownProgress = progress;
  }
  return moved;
}

/** Whether this document may look different from the engine's last answer, which is kept. */
export function mayHaveChanged() {
  watchDocument();
  if (watcher.takeRecords().length > 0) markChanged();
  if (animationsMoved()) markChanged();
  if (takePlayersMoved()) markChanged();
  if (takeTweensMoved()) markChanged();
  return isMarkedChanged();
}

/** Whether this document may look different from the engine's last answer. */
export const mayDifferNow = () =>
  mayHaveChanged() || pagePlayer() !== null || listensToSeeks() || window.length > countRuntimes();

/** The same, as an answer for the engine. */
export function takeChange() {
  const result = mayDifferNow();
  forgetChange();
  return result;
}

// Frames of another origin are not under control.
function countRuntimes() {
  let count = 0;
  for (let at = 0; at < window.length; at++) {
    try {
      if (window[at].__pagereel) count += 1;
    } catch {
      // Not counted.
    }
  }
  return count;
}
