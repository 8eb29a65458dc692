// The times at which each timed element is on screen.
//
// A clip is visible for start <= t < end and while all timed ancestors are. A frame costs a
// comparison per clip and a write only where visibility changes. The page keeps its own inline
// `visibility`: it is restored when the clip appears, and a value that an animation sets meanwhile
// is remembered. The content of a hidden clip is hidden with it, even with a `visibility` of its
// own.

import { adoptSheet, makeSheet, mayAdopt } from "../sheets.js";
import { currentClips, placeCompositions, readTiming } from "../time/timing.js";

// Sums such as 0.1 + 0.2 must not make a clip miss the frame it begins on. Shorter than any frame.
const EDGE_SECS = 1e-6;

/** Marks clips outside of their time (HyperFrames' own attribute). */
const HIDDEN_MARK = "data-hf-clip-hidden";
let hidingSheet = null;

// Every tree of nodes has its own style sheets.
function hideContents(element) {
  const tree = element.getRootNode();
  if (!tree.adoptedStyleSheets) return;
  if (!mayAdopt(hidingSheet))
    hidingSheet = makeSheet(`[${HIDDEN_MARK}] * { visibility: hidden !important }`);
  adoptSheet(tree, hidingSheet);
}

function conceal(clip) {
  const style = clip.element.style;
  if (!style) return;
  if (clip.element.firstElementChild) {
    hideContents(clip.element);
    if (!clip.element.hasAttribute(HIDDEN_MARK)) clip.element.setAttribute(HIDDEN_MARK, "");
  }
  const value = style.getPropertyValue("visibility");
  const priority = style.getPropertyPriority("visibility");
  if (!clip.shown && value === "hidden" && priority === "important") return;
  clip.authored = value ? [value, priority] : null;
  style.setProperty("visibility", "hidden", "important");
  clip.shown = false;
}

function reveal(clip) {
  if (clip.shown) return;
  clip.element.removeAttribute(HIDDEN_MARK);
  const style = clip.element.style;
  const untouched =
    style.getPropertyValue("visibility") === "hidden" &&
    style.getPropertyPriority("visibility") === "important";
  if (untouched && clip.authored) style.setProperty("visibility", ...clip.authored);
  else if (untouched) style.removeProperty("visibility");
  clip.authored = null;
  clip.shown = true;
}

/** Shows and hides the clips for the time `seconds`. */
export function applyClips(seconds) {
  readTiming().forEach(reveal);
  placeCompositions(seconds);
  for (const clip of currentClips()) {
    const now = clip.composition?.local ?? seconds;
    const inside = now > clip.start - EDGE_SECS && now < clip.end - EDGE_SECS;
    // Ancestors come first in document order, so their state is already that of this frame.
    if (inside && (clip.parent === null || clip.parent.shown)) reveal(clip);
    else conceal(clip);
  }
}
