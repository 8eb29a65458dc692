// HyperFrames' own library of transitions, where a page brings it: it draws them in renders of SDR.
//
// Where it finds two flags it puts an overlay over the page, and two canvases that draw elements, for
// copies of the two scenes. It expects to be told the time through `__hf.seek`, then in three steps
// that it may copy the scenes, that the page has been drawn since, and that it may draw the frame
// (`__hf_page_composite_prepare`, `__hf_page_composite_resolve`). What copies of elements do not show
// is left to the engine: pixels of canvases and videos, and animations, which begin anew in a copy.

import { defineHidden, nativeMethod } from "../natives.js";
import { markChanged } from "../rendering/changes.js";
import { warnOnce } from "../warnings.js";

const OVERLAY_ID = "__hf-page-side-compositor";
/** What a copy of an element does not show as the element does. */
const NOT_COPIED =
  "canvas, video, audio, iframe, object, embed, svg animate, svg animateTransform, svg animateMotion, svg set";
/** How often the library looks for what tells it the time, in milliseconds. */
const LIBRARY_POLL_MS = 50;

const drawsElements =
  "layoutSubtree" in HTMLCanvasElement.prototype &&
  "drawElementImage" in CanvasRenderingContext2D.prototype;
const decodeCopy = nativeMethod(window.HTMLImageElement?.prototype, "decode");
const animationsIn = nativeMethod(Element.prototype, "getAnimations");

/** What the library has put in the place of `__hf.seek`. */
let librarySeek = null;
let isTakingOver = false;

/** Offers the library what it looks for, on the `__hf` that is ours. */
export function offerLibrary(hf) {
  if (!drawsElements) return;
  defineHidden(window, "__HF_PAGE_SIDE_COMPOSITING__", true);
  Object.defineProperty(hf, "seek", {
    configurable: true,
    enumerable: false,
    get: () => (isTakingOver ? () => undefined : undefined),
    set: (value) => {
      if (isTakingOver) librarySeek = value;
      // A page that makes a player of it.
      else
        Object.defineProperty(hf, "seek", {
          value,
          configurable: true,
          enumerable: true,
          writable: true,
        });
    },
  });
}

/**
 * Calls the library's `init`. It would look for `__hf.seek` by a timer, and so miss a transition that
 * begins at once: the timer is called when `init` is through.
 */
export function initLibrary(init) {
  const setInterval = window.setInterval;
  const polls = [];
  window.setInterval = function (call, delay, ...rest) {
    if (delay !== LIBRARY_POLL_MS || typeof call !== "function")
      return Reflect.apply(setInterval, window, [call, delay, ...rest]);
    polls.push(call);
    return 0;
  };
  try {
    return init();
  } finally {
    window.setInterval = setInterval;
    isTakingOver = true;
    try {
      polls.forEach((poll) => poll());
    } finally {
      isTakingOver = false;
    }
  }
}

function sceneIsCopied(id) {
  const scene = document.getElementById(id);
  if (!scene || scene.matches(NOT_COPIED) || scene.querySelector(NOT_COPIED)) return false;
  if (Array.from(scene.querySelectorAll("*")).some((element) => element.shadowRoot)) return false;
  return animationsIn(scene, { subtree: true }).length === 0;
}

/** Whether the library can draw the transition between two scenes. */
export function libraryDraws(fromScene, toScene) {
  return (
    librarySeek !== null &&
    typeof window.__hf_page_composite_prepare === "function" &&
    sceneIsCopied(fromScene) &&
    sceneIsCopied(toScene)
  );
}

const overlay = () => document.getElementById(OVERLAY_ID);

/** @returns {HTMLCanvasElement[]} */
function stagings() {
  const all = /** @type {NodeListOf<HTMLCanvasElement>} */ (
    document.querySelectorAll("body > canvas[layoutsubtree]")
  );
  return Array.from(all).filter((canvas) => canvas.style.zIndex === "-9998");
}

/** Whether the library was told of the frame, and had its scenes copied. */
let isPrepared = false;

/** Puts away what the library has drawn. */
export function leaveLibrary() {
  if (!librarySeek) return;
  isPrepared = false;
  const shown = overlay();
  if (shown) shown.style.display = "none";
  // Pictures of a transition that is over would show behind a page without a background.
  for (const canvas of stagings()) {
    canvas.replaceChildren();
    canvas.style.display = "none";
  }
}

/** Has the library copy the scenes of the frame at `ms`. The page has to be drawn before it goes on. */
export async function prepareLibrary(ms, fromScene, toScene) {
  leaveLibrary();
  if (!libraryDraws(fromScene, toScene)) return;
  stagings().forEach((canvas) => (canvas.style.display = ""));
  librarySeek(ms / 1000);
  if (window.__hf_page_composite_pending !== true) return;
  isPrepared = (await window.__hf_page_composite_prepare()) === true;
  const copies = stagings().flatMap((canvas) => Array.from(canvas.querySelectorAll("img")));
  await Promise.all(copies.map((image) => decodeCopy(image)?.catch(() => {})));
  markChanged();
}

/** Has the library draw the frame, of copies that have been drawn. Returns whether it did. */
export function drawByLibrary(fromScene, toScene) {
  const drawn =
    isPrepared &&
    window.__hf_page_composite_resolve?.() === true &&
    overlay()?.style.display === "block";
  if (!drawn) {
    leaveLibrary();
    warnOnce(
      "transition_drawn_here",
      `the page's own library could not draw the transition from "${fromScene}" to "${toScene}" in some frames; the engine draws these`,
    );
  }
  markChanged();
  return drawn;
}
