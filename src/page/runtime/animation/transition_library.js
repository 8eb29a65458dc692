// HyperFrames' own library of transitions, where a page includes it: it draws them in renders of
// SDR.
//
// Where it finds two flags it puts an overlay over the page, and two canvases that draw elements,
// for copies of the two scenes. It expects the time through `__hf.seek`, then calls in three steps:
// to copy the scenes, after the page has been drawn, and to draw the frame
// (`__hf_page_composite_prepare`, `__hf_page_composite_resolve`). The engine draws scenes that
// copies do not reproduce: pixels of canvases and videos, and animations, which begin anew in a
// copy.

import { defineHidden, nativeMethod } from "../natives.js";
import { markChanged } from "../rendering/changes.js";
import { warnOnce } from "../warnings.js";

const OVERLAY_ID = "__hf-page-side-compositor";
/** Elements whose copies look different. */
const NOT_COPIED =
  "canvas, video, audio, iframe, object, embed, svg animate, svg animateTransform, svg animateMotion, svg set";
/** The interval at which the library checks for `__hf.seek`, in milliseconds. */
const LIBRARY_POLL_MS = 50;

const drawsElements =
  "layoutSubtree" in HTMLCanvasElement.prototype &&
  "drawElementImage" in CanvasRenderingContext2D.prototype;
const decodeCopy = nativeMethod(window.HTMLImageElement?.prototype, "decode");
const animationsIn = nativeMethod(Element.prototype, "getAnimations");

/** The function that the library has put in place of `__hf.seek`. */
let librarySeek = null;
let isTakingOver = false;

/** Offers the library the properties that it looks for, on our `__hf`. */
export function offerLibrary(hf) {
  if (!drawsElements) return;
  defineHidden(window, "__HF_PAGE_SIDE_COMPOSITING__", true);
  Object.defineProperty(hf, "seek", {
    configurable: true,
    enumerable: false,
    get: () => (isTakingOver ? () => undefined : undefined),
    set: (value) => {
      if (isTakingOver) librarySeek = value;
      // The page makes a player of it.
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
 * Calls the library's `init`. The library would look for `__hf.seek` by a timer, and so miss a
 * transition that begins at once: the timer is called at the end of `init`.
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

/** Whether the library knows the frame, and has copied its scenes. */
let isPrepared = false;

/** Removes the library's drawings. */
export function leaveLibrary() {
  if (!librarySeek) return;
  isPrepared = false;
  const shown = overlay();
  if (shown) shown.style.display = "none";
  // Pictures of a finished transition would show behind a page without a background.
  for (const canvas of stagings()) {
    canvas.replaceChildren();
    canvas.style.display = "none";
  }
}

/**
 * Makes the library copy the scenes of the frame at `ms`. The page has to be drawn before the next
 * step.
 */
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

/** Makes the library draw the frame from copies that have been drawn. Returns whether it did. */
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
