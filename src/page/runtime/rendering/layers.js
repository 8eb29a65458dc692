// Keeps a frame's pixels independent of the frames before it, and tells frames without change.
//
// Chrome draws moving elements on layers that keep the scale and the subpixel place at which they
// were first drawn, and it does not redraw for movements it thinks too small to see. So the same
// page looks slightly different after another history. Before each changed frame the engine has the
// page drawn hidden once: all that was drawn before is forgotten. `will-change: contents` on top of
// it keeps everything in one layer where it can be.
//
// A frame may only be called still if nothing that shows can have changed since the last one.

import { native } from "../natives.js";
import { watchShadows } from "../shadow_roots.js";
import { animationRecords, whileLoading, nativeAnimation } from "../animation/animations.js";
import { listensToSeeks } from "../animation/animation_events.js";
import { pagePlayer } from "../animation/adapters.js";
import { takePlayersMoved } from "../players/players.js";
import { takeTweensMoved } from "../animation/gsap.js";
import { adoptSheet, makeSheet, mayAdopt } from "../sheets.js";
import { forgetChange, isMarkedChanged, markChanged } from "./changes.js";

// Glyphs keep their places at any scale (HyperFrames' rule too); a page's own rules come before it.
const FLAT =
  "html, * { will-change: contents !important; text-rendering: geometricPrecision; caret-animation: manual !important } html { transition: none !important }";
const HIDDEN = `${FLAT} html { opacity: 0 !important }`;

// While the page loads the browser's clock goes on. An animation that ended by it would be gone before
// anybody saw it.
const HELD = `*, ::before, ::after, ::marker, ::backdrop { animation-play-state: paused !important }`;

let sheet = null;

function styleSheet() {
  if (!mayAdopt(sheet)) sheet = makeSheet(whileLoading.held ? HELD : FLAT);
  // A page that sets its own list drops ours.
  adoptSheet(document, sheet);
  return sheet;
}

/** Holds CSS animations where they begin, until the page has loaded. */
export function holdAnimations() {
  if (whileLoading.held) styleSheet();
}

/** Lets CSS animations go, which were held. */
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

/** Whether this document may look different from when the engine was last told, which it stays. */
export function mayHaveChanged() {
  watchDocument();
  if (watcher.takeRecords().length > 0) markChanged();
  if (animationsMoved()) markChanged();
  if (takePlayersMoved()) markChanged();
  if (takeTweensMoved()) markChanged();
  return isMarkedChanged();
}

/** Whether this document may look different from when the engine was last told. */
export const mayDifferNow = () =>
  mayHaveChanged() || pagePlayer() !== null || listensToSeeks() || window.length > countRuntimes();

/** The same, and the engine is told. */
export function takeChange() {
  const result = mayDifferNow();
  forgetChange();
  return result;
}

// Frames of another origin live their own life.
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
