// The browser's steps of drawing, done in each visited frame: so that the picture of a frame does
// not depend on whether those before it were drawn or only passed.
//
// Observers and scrolling have files of their own. Here: view transitions, whose snapshots the
// browser takes while drawing; changes of media queries and of a frame's size; `content-visibility:
// auto`, which shows elements that come into view one drawing late; and elements that move by the
// wall clock.

import { native, nativeMethod, override, parentRuntime } from "../natives.js";
import { clock } from "../time/clock.js";
import { doors, entering, watchDoor } from "./entries.js";
import { markChanged } from "./changes.js";
import { animationRecords } from "../animation/animations.js";
import { allTrees } from "../shadow_roots.js";
import { beginWork, endWork } from "../readiness/work.js";
import { applyScrolls, scrollsStep, tellScrolls } from "./scrolling.js";
import { awaitsIntersections, observesIntersections, tellIntersections } from "./intersections.js";
import { drawsPaintedElements, nextPaint } from "../canvas/canvases.js";
import { awaitsSizes, observesSizes, tellSizes } from "./resizes.js";

// --- view transitions ---

/** @type {Set<{transition: ViewTransition, isReady: boolean, isEnding: boolean}>} transitions that have not finished */
const viewTransitions = new Set();
/** The number of them for which the browser has to draw. */
let drawingsWanted = 0;

function awaitDrawing(promise, text) {
  const key = {};
  drawingsWanted += 1;
  beginWork(key, text);
  const done = () => {
    drawingsWanted -= 1;
    endWork(key);
  };
  promise.then(done, done);
}

// Elements may have transitions of their own.
for (const owner of [Document.prototype, Element.prototype]) {
  const start = nativeMethod(owner, "startViewTransition");
  override(owner, {
    startViewTransition(given) {
      markChanged();
      const options =
        typeof given === "function"
          ? entering(given)
          : given && typeof given === "object"
            ? { ...given, update: entering(given.update) }
            : given;
      const transition = start(this, options);
      const state = { transition, isReady: false, isEnding: false };
      viewTransitions.add(state);
      transition.ready.then(
        () => (state.isReady = true),
        () => {},
      );
      awaitDrawing(transition.ready, "a view transition");
      const over = () => viewTransitions.delete(state);
      transition.finished.then(over, over);
      return transition;
    },
  });
}

// The browser ends a transition where it draws after its last animation has ended.
function endTransitions() {
  if (viewTransitions.size === 0) return;
  for (const { animation, ended } of animationRecords.values()) {
    const effect = /** @type {KeyframeEffect|null} */ (animation.effect);
    if (!ended && effect?.pseudoElement?.startsWith("::view-transition")) return;
  }
  for (const state of viewTransitions) {
    if (!state.isReady || state.isEnding) continue;
    state.isEnding = true;
    awaitDrawing(state.transition.finished, "the end of a view transition");
  }
}

/**
 * Paints the page in its present state, if page code's drawing depends on that.
 * @returns {Promise|undefined}
 */
export function paintForElements() {
  if (!drawsPaintedElements()) return undefined;
  const painted = nextPaint();
  awaitDrawing(painted, "a canvas that draws elements");
  return painted;
}

/** Paints the page in its present state. @returns {Promise} */
export function paintNow() {
  drawingsWanted += 1;
  return nextPaint().then(() => (drawingsWanted -= 1));
}

/** Whether the page waits for the browser to draw. */
export const wantsDrawing = () => drawingsWanted > 0;

// --- media queries and sizes of frames ---

/** @type {{list: WeakRef<MediaQueryList>, matches: boolean}[]} */
let queries = [];
let toldSize = null;

const matchMediaOf = nativeMethod(window, "matchMedia");
const addQueryListener = nativeMethod(window.MediaQueryList?.prototype, "addListener");

function swallowOwn(event) {
  if (event.isTrusted && clock.begun) event.stopImmediatePropagation();
}

override(window, {
  matchMedia(text) {
    const list = matchMediaOf(window, text);
    native.listen(list, "change", swallowOwn);
    queries.push({ list: new WeakRef(list), matches: list.matches });
    return list;
  },
});
override(window.MediaQueryList?.prototype, {
  addListener(listener) {
    watchDoor(this, "change");
    return addQueryListener(this, listener);
  },
});
native.listen(window, "resize", swallowOwn, true);

// Only a frame within the page can change its size or the results of its queries.
function tellQueries() {
  if (!parentRuntime()) return false;
  let told = false;
  const size = `${innerWidth}x${innerHeight}`;
  toldSize ??= size;
  if (size !== toldSize) {
    toldSize = size;
    native.dispatch(window, new Event("resize"));
    told = true;
  }
  queries = queries.filter(({ list }) => list.deref());
  for (const query of queries) {
    const list = query.list.deref();
    if (!list || list.matches === query.matches) continue;
    query.matches = list.matches;
    native.dispatch(
      list,
      new MediaQueryListEvent("change", { media: list.media, matches: list.matches }),
    );
    told = true;
  }
  return told;
}

// --- content-visibility ---

let sheetsSeen = "";

/**
 * Whether styles depend on facts that the browser finds while it draws: which boxes stick, and what
 * a scroller has brought into view.
 */
let stylesFollowDrawing = false;

function showRules(rules) {
  for (const rule of rules) {
    stylesFollowDrawing ||=
      /\bscroll-state\(/.test(rule.conditionText ?? "") ||
      Boolean(rule.style?.getPropertyValue("timeline-trigger-name"));
    if (rule.style?.contentVisibility === "auto")
      rule.style.setProperty(
        "content-visibility",
        "visible",
        rule.style.getPropertyPriority("content-visibility"),
      );
    if (rule.cssRules?.length > 0) showRules(rule.cssRules);
  }
}

/**
 * Shows elements that `content-visibility: auto` may skip: the browser finds too late whether they
 * are in view.
 */
export function showSkipped() {
  const sheets = allTrees().flatMap((tree) => [...tree.styleSheets, ...tree.adoptedStyleSheets]);
  const counts = sheets.map((sheet) => {
    try {
      return sheet.cssRules.length;
    } catch {
      return -1;
    }
  });
  const seen = counts.join();
  if (seen !== sheetsSeen) {
    sheetsSeen = seen;
    sheets.forEach((sheet, at) => counts[at] > 0 && showRules(sheet.cssRules));
  }
  for (const tree of allTrees()) {
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (
      tree.querySelectorAll('[style*="content-visibility"]')
    )) {
      if (element.style.contentVisibility === "auto") element.style.contentVisibility = "visible";
    }
  }
}

/**
 * Draws the page, if its styles depend on that, and change.
 * @returns {Promise|undefined}
 */
export const paintForStyles = (mayDiffer) =>
  stylesFollowDrawing && mayDiffer ? paintNow() : undefined;

// --- the steps of one frame ---

/** Whether every frame has to be visited in turn. */
export function renderingSteps() {
  return (
    doors.observesMutations ||
    doors.reactsToAttributes ||
    scrollsStep() ||
    observesIntersections() ||
    observesSizes() ||
    viewTransitions.size > 0 ||
    stylesFollowDrawing
  );
}

/** The steps before the frame callbacks. Returns whether page code was called. */
export function beforeFrameCallbacks() {
  clock.begun = true;
  applyScrolls();
  const [scrolled, matched] = [tellScrolls(), tellQueries()];
  return scrolled || matched;
}

/** The steps after layout. Returns whether page code was called. */
export function afterLayout(mayDiffer) {
  endTransitions();
  if (!mayDiffer && !awaitsIntersections() && !awaitsSizes()) return false;
  const resized = observesSizes() && tellSizes();
  const intersected = observesIntersections() && tellIntersections();
  return resized || intersected;
}

/** While the page loads nothing is drawn on command, and the page may wait for observers. */
export function observeWhileLoading() {
  if (awaitsSizes()) tellSizes();
  if (awaitsIntersections()) tellIntersections();
}
