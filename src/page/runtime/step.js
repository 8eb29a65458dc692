// One document's part of a frame: the order of the actions in a step, and the calls from the
// runtime of the page above.

import { config, parentRuntime } from "./natives.js";
import {
  clock,
  flushFrameCallbacks,
  hasDueTimer,
  holdTimers,
  pendingFrameCallbacks,
  pendingTimers,
  releaseTimers,
} from "./time/clock.js";
import { reseed } from "./time/random.js";
import { applyClips } from "./compositions/clips.js";
import { applyInnerStyles, innerStylesMove } from "./animation/inner_styles.js";
import { applyAnimations, findAnimations, hasAwaitedEvents } from "./animation/animations.js";
import { listensToSeeks } from "./animation/animation_events.js";
import {
  applyGsap,
  findGsap,
  forgetTweens,
  gsapSteps,
  recallTimelines,
  restGsap,
} from "./animation/gsap.js";
import { pagePlayer, seekPage } from "./animation/adapters.js";
import { applyPlayers, localTime, playersStep } from "./players/players.js";
import { applyAnimatedImages } from "./images/animated_images.js";
import { applyStyleImages } from "./images/animated_styles.js";
import { playersAreHeard, tellPlayers } from "./media/player_events.js";
import { hasGraphs, renderGraphs } from "./sound/web_audio.js";
import { tellCues } from "./media/text_tracks.js";
import { drawCues } from "./media/cue_boxes.js";
import {
  aligned,
  elementsBlend,
  layerKind,
  listLayers,
  setLayered,
  setRound,
  settleLayers,
  sheetsBlend,
  shownRound,
} from "./media/native_layers.js";
import {
  applyPictures,
  passFrame,
  preparePictures,
  runVideoCallbacks,
} from "./media/video_pictures.js";
import { gradePictures } from "./grading/color_grading.js";
import { drawChains } from "./effects/vfx_chains.js";
import { noticeMutations } from "./readiness/resources.js";
import { takeNewWarnings } from "./warnings.js";
import { misdrawnElement } from "./text/texts.js";
import { allowWork, hasWork, settleWork } from "./readiness/work.js";
import { declaresTransitions } from "./readiness/assets.js";
import { settleSizes } from "./media/picture_sizes.js";
import { flatten, hidePage, mayHaveChanged, takeChange } from "./rendering/layers.js";
import { markChanged } from "./rendering/changes.js";
import {
  afterLayout,
  beforeFrameCallbacks,
  paintForElements,
  paintForStyles,
  renderingSteps,
  wantsDrawing,
} from "./rendering/rendering.js";
import { applyLiveControls } from "./rendering/live_controls.js";
import { finishOwnDrawing, drawsPaintedElements } from "./canvas/canvases.js";
import { nextCanvasNumber, showDrawing } from "./canvas/offscreen.js";
import { handOverDrawings, passDrawing } from "./canvas/hand_over.js";
import {
  beginFrame,
  runAllTimers,
  runWorkerFrames,
  workerFrames,
  workersDue,
  workersStep,
} from "./workers/workers.js";
import { allowsLeaving } from "./compositions/staying.js";
import { preroll } from "./readiness/readiness.js";
import { mentionsViewTransitions } from "./sound/script_texts.js";

/**
 * Rounds of timers and animation events within one frame; a page that continues gets the next
 * frame.
 */
const MAX_ROUNDS = 16;

let transitions = null;

/** Whether every frame has to be visited in turn, drawn or not. */
function mustStep() {
  findGsap();
  restGsap();
  transitions ??= declaresTransitions();
  return (
    config.sequential ||
    allowsLeaving() ||
    pendingTimers() > 0 ||
    pendingFrameCallbacks() > 0 ||
    transitions ||
    hasAwaitedEvents() ||
    gsapSteps() ||
    playersStep() ||
    renderingSteps() ||
    playersAreHeard() ||
    hasGraphs() ||
    workersStep() ||
    innerStylesMove()
  );
}

/**
 * Puts everything in its place, a second time in the same step if `again`. Returns whether page
 * code was called.
 */
function place(seconds, again = false) {
  flatten();
  noticeMutations();
  applyClips(seconds);
  const heard = applyPlayers(seconds, again);
  applyAnimatedImages(seconds);
  applyStyleImages(seconds);
  applyLiveControls();
  applyPictures(seconds);
  const told = [tellPlayers(), tellCues()].includes(true);
  applyInnerStyles();
  findAnimations(clock.now);
  const moved = applyAnimations(clock.now);
  drawCues(seconds);
  return moved || heard || told;
}

// The consequences of page callbacks: promises, timers without delay, events, new animations.
export async function settleTasks(seconds) {
  markChanged();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    await settleWork();
    await runAllTimers(clock.now);
    const heard = place(seconds, true);
    if (!heard && !hasDueTimer(clock.now) && workersDue() > clock.now && !hasWork()) break;
  }
  forgetTweens();
}

function finishStep(seconds, flush, called) {
  const heard = place(seconds);
  restGsap();
  const told = beforeFrameCallbacks();
  const ran = flush ? runVideoCallbacks() + flushFrameCallbacks() : 0;
  const calming =
    heard || told || called || ran > 0 || hasWork() ? settleTasks(seconds) : undefined;
  const stepWorkers = () => (flush ? runFrames(seconds) : undefined);
  return inTurn(
    [
      () => calming,
      stepWorkers,
      () => observe(seconds),
      () => paintForStyles(mayHaveChanged())?.then(() => settleTasks(seconds)),
    ],
    (call) => call(),
  );
}

// Frame callbacks of workers come after all messages that the page's own have posted to them.
function runFrames(seconds) {
  if (workerFrames() === 0) return undefined;
  runWorkerFrames();
  return settleTasks(seconds);
}

// Observers' callbacks may give them more to observe.
function observe(seconds, round = 0) {
  if (!afterLayout(mayHaveChanged()) && !hasWork()) return undefined;
  return settleTasks(seconds).then(() =>
    round < MAX_ROUNDS ? observe(seconds, round + 1) : undefined,
  );
}

// A canvas draws elements as they were last painted, which was in another frame. So the page is
// painted in its present state, and timelines' callbacks are called again.
async function paintElements(seconds) {
  await paintForElements();
  recallTimelines();
  markChanged();
  await settleTasks(seconds);
}

function placeAnimations() {
  applyInnerStyles();
  findAnimations(clock.now);
  applyAnimations(clock.now);
}

/** Shows the frame at `ms` in this document. Returns a promise only if it has to wait. */
function step(index, ms, flush) {
  const seconds = ms / 1000;
  reseed(index);
  beginFrame(index);
  allowWork();
  const showAll = () => {
    const called =
      applyGsap(seconds, pagePlayer() !== null) ||
      pagePlayer() !== null ||
      listensToSeeks() ||
      hasGraphs();
    const waits = seekPage(seconds);
    const shown =
      waits.length === 0
        ? finishStep(seconds, flush, called)
        : Promise.all(waits).then(() => finishStep(seconds, flush, called));
    return called && drawsPaintedElements()
      ? Promise.resolve(shown).then(() => paintElements(seconds))
      : shown;
  };
  const show = () => {
    clock.now = ms;
    const rendering = flush ? renderGraphs() : undefined;
    return rendering ? rendering.then(showAll) : showAll();
  };
  if (!flush || (!hasDueTimer(ms) && workersDue() > ms)) return show();
  return runAllTimers(ms, placeAnimations).then(() => {
    markChanged();
    forgetTweens();
    return show();
  });
}

// A picture in a frame counts from the beginning of the clip around the frame.
export function ownMs(ms) {
  if (document.documentElement?.localName !== "svg" || !window.frameElement) return ms;
  const seconds = parentRuntime()?.agent?.localTime(window.frameElement, ms / 1000) ?? ms / 1000;
  return Math.max(0, seconds * 1000);
}

/** One document's actions for a frame. The engine and documents above it call this. */
export const agent = {
  now: () => clock.now,
  localTime,
  hold: holdTimers,
  release: releaseTimers,
  prerolling: () => preroll.running,
  mustStep,
  step: (index, ms, flush, passes = false) => (
    passFrame(passes),
    inTurn([() => step(index, ownMs(ms), flush), handOverDrawings], (call) => call())
  ),
  preparePictures: (ms, passes) => preparePictures(ownMs(ms) / 1000, passes),
  gradePictures: (ms) => gradePictures(ownMs(ms) / 1000),
  drawChains: (ms, fps) => drawChains(ownMs(ms) / 1000, fps),
  showPictures: (ms) => applyPictures(ownMs(ms) / 1000),
  layerKind,
  setLayered,
  aligned: (momentsMs) => aligned(momentsMs.map((ms) => ownMs(ms) / 1000)),
  matteRound: shownRound,
  setRound,
  settleLayers: (ms, slot, blends) => settleLayers(ownMs(ms) / 1000, slot, blends),
  settleSizes: (ms) => settleSizes(ownMs(ms) / 1000),
  sheetsBlend,
  elementsBlend,
  mentionsViewTransitions,
  listLayers: (ms, numbers) => listLayers(ownMs(ms) / 1000, numbers),
  hidePage,
  takeChange,
  takeNewWarnings,
  wantsDrawing,
  nextCanvasNumber,
  showDrawing,
  passDrawing,
  finishDrawing: finishOwnDrawing,
  misdrawnElement,
};

/** Calls each in turn, without a promise as long as none of them returns one. */
export function inTurn(list, call, at = 0) {
  for (; at < list.length; at++) {
    const result = call(list[at]);
    if (result) {
      const next = at + 1;
      return result.then(() => inTurn(list, call, next));
    }
  }
  return undefined;
}
