// The runtime's interface for the engine: `window.__pagereel`.
//
// One step shows one frame: timers up to the frame's time, GSAP, the page's own seek, clips,
// animations, frame callbacks. A step is synchronous as long as no page code ran that may have left
// promises behind, and no work of the browser is under way (work.js). A seek forward visits every
// frame in between that can change the outcome, and no other; so a session that renders every third
// frame shows what one that renders all would show.
//
// A seek backwards places everything that depends on time alone. Timers and frame callbacks cannot
// be undone: those that ran do not run again. A seek to the frame already shown places everything
// once more and runs no page callback.
//
// Modules take the browser's functions in the order of these imports, also of those that only
// step.js calls.

import { defineHidden, native, stage } from "./natives.js";
import { flushFrameCallbacks } from "./time/clock.js";
import "./time/random.js";
import "./compositions/clips.js";
import "./animation/inner_styles.js";
import { findRoot, numberAttribute } from "./time/timing.js";
import { runScoped } from "./compositions/scope.js";
import { offerVariables } from "./compositions/variables.js";
import "./animation/animations.js";
import "./animation/animation_events.js";
import "./animation/animation_hooks.js";
import { awaitGsap, gsapRewinds } from "./animation/gsap.js";
import { findDuration } from "./time/duration.js";
import "./animation/adapters.js";
import { listHdrImages } from "./images/hdr_images.js";
import {
  beginLibrary,
  finishLibrary,
  listTransitions,
  offerTransitions,
  showScene,
} from "./animation/transitions.js";
import { hasDrawn, wishForFrame } from "./rendering/drawing.js";
import "./players/players.js";
import "./images/animated_images.js";
import "./images/animated_styles.js";
import { describeRehearsal, jsonNumber, listMedia } from "./media/media_list.js";
import "./media/player_events.js";
import { rehearse, rehearsed } from "./sound/rehearsal.js";
import "./sound/web_audio.js";
import "./media/text_tracks.js";
import { readTracks } from "./media/track_files.js";
import "./media/cue_boxes.js";
import { layerElement, layerKind, looks, numberLayer } from "./media/native_layers.js";
import { runVideoCallbacks } from "./media/video_pictures.js";
import "./grading/color_grading.js";
import { drawLastPictures } from "./images/last_pictures.js";
import "./effects/vfx_chains.js";
import { noticeMutations } from "./readiness/resources.js";
import { listGroups } from "./sound/sound.js";
import { describeBackgrounds } from "./rendering/backgrounds.js";
import "./warnings.js";
import "./text/texts.js";
import "./text/font_hooks.js";
import "./readiness/work.js";
import "./readiness/assets.js";
import "./media/picture_sizes.js";
import "./rendering/layers.js";
import "./rendering/changes.js";
import "./rendering/rendering.js";
import "./rendering/live_controls.js";
import "./canvas/canvases.js";
import "./canvas/offscreen.js";
import { handOverDrawings } from "./canvas/hand_over.js";
import "./workers/workers.js";
import "./workers/windows.js";
import { children, noteUndriven } from "./compositions/children.js";
import {
  allowsLeaving,
  answerIfGone,
  leaves,
  standAt,
  standsAt,
  whatIsGone,
  whereItGoes,
} from "./compositions/staying.js";
import "./rendering/entries.js";
import { documentStatus, scriptFailed, stopWaiting, warningList } from "./readiness/readiness.js";
import { inspect } from "./inspect.js";
import "./sound/script_texts.js";
import { agent, settleTasks, inTurn, ownMs } from "./step.js";

/** Runtimes of this window and of the same-origin frames below it, parents first. */
function runtimes() {
  const found = [agent];
  for (let at = 0; at < window.length; at++) {
    try {
      const child = window[at].__pagereel;
      if (child) found.push(...child.agents());
    } catch {
      // A frame of another origin has a clock of its own.
      noteUndriven(at);
    }
  }
  return found;
}

/** The frame shown last; -1 before the first. */
let shown = { index: -1, num: 0, den: 1 };

function frameMs(index, num, den) {
  return (index * den * 1000) / num;
}

/** Shows one frame, whose pictures are ready. */
function stepAll(index, num, den, passes) {
  standAt(index);
  const pending = inTurn(runtimes(), (each) =>
    each.step(index, frameMs(index, num, den), true, passes),
  );
  shown = { index, num, den };
  return pending;
}

/**
 * Visits those frames from `index` on, before `target`, that can change later ones. Stops at the
 * real time `until`.
 * @returns {boolean|Promise<boolean>} whether it is through
 */
function passFrames(index, target, num, den, until) {
  for (let at = index; at < target; at++) {
    // Frame 0 is always visited: everything begins there.
    if (at > 0 && !runtimes().some((each) => each.mustStep())) return true;
    if (native.now() > until) return false;
    const preparing = prepare(at, num, den, true);
    if (preparing) return preparing.then(() => passFrames(at, target, num, den, until));
    const pending = stepAll(at, num, den, true);
    if (pending) {
      return pending.then(() => {
        finishDrawing();
        return passFrames(at + 1, target, num, den, until);
      });
    }
    finishDrawing();
  }
  return true;
}

function finishDrawing() {
  for (const each of runtimes()) each.finishDrawing();
}

function walk(index, target, num, den) {
  const show = () => {
    const preparing = prepare(target, num, den);
    return preparing
      ? preparing.then(() => stepAll(target, num, den, false))
      : stepAll(target, num, den, false);
  };
  const passing = passFrames(index, target, num, den, Infinity);
  return typeof passing === "object" ? passing.then(show) : show();
}

/** The frame at the present rate that is shown, or was passed last. */
function reached(num, den) {
  const sameRate = shown.num * den === num * shown.den;
  return sameRate || shown.index < 0
    ? shown.index
    : Math.floor((shown.index * shown.den * num) / (shown.num * den) + 1e-9);
}

function showFrame(index, num, den) {
  standAt(index);
  const from = reached(num, den);
  if (index > from) return walk(from + 1, index, num, den);
  const ms = frameMs(index, num, den);
  const again = index === from;
  shown = { index, num, den };
  const all = runtimes();
  const pending = inTurn(all, (each) => each.step(index, ms, false));
  if (again) return pending;
  const flush = () => inTurn(all, (each) => each.flushOnce(ms));
  return pending ? pending.then(flush) : flush();
}

agent.flushOnce = (ms) =>
  runVideoCallbacks() + flushFrameCallbacks() > 0
    ? settleTasks(ownMs(ms) / 1000).then(handOverDrawings)
    : undefined;

/**
 * Requests the data that frame `index`, which may be only passed, needs from the engine. The page
 * does not move meanwhile.
 * @returns {Promise|undefined} a promise if something is not there yet
 */
function prepare(index, num, den, passes = false) {
  const waits = runtimes()
    .map((each) => each.preparePictures(frameMs(index, num, den), passes))
    .filter(Boolean);
  return waits.length > 0 ? Promise.all(waits) : undefined;
}

/**
 * Finds the sizes of the videos of the frame just shown and the layers among them, shows those as
 * layers, grades pictures, and draws chains of effects.
 * @returns {Promise|undefined} a promise if pictures have to come first
 */
function settleFrame(index, num, den) {
  const ms = frameMs(index, num, den);
  let changed = false;
  for (const each of runtimes()) if (each.settleSizes(ms)) changed = true;
  if (layerKind() && settleLayersAt(ms)) changed = true;
  const finish = () => drawLastPictures(runtimes(), ms, num / den);
  if (!changed) return finish();
  const show = () => {
    runtimes().forEach((each) => each.showPictures(ms));
    return finish();
  };
  const preparing = prepare(index, num, den);
  return preparing ? preparing.then(show) : show();
}

/** Returns whether other pictures of videos are to be shown. */
function settleLayersAt(ms) {
  const blends = layerKind() === "codes" && runtimes().some((each) => each.elementsBlend());
  let slot = 0;
  let changed = false;
  for (const each of runtimes()) {
    const settled = each.settleLayers(ms, slot, blends);
    slot = settled.next;
    changed ||= settled.changed;
  }
  return changed;
}

/** Whether the next seek is for another view of the present frame. */
let flips = false;
/** Whether that view has other scenes. */
let movesScenes = false;

function chooseView(round, transition, side) {
  for (const each of runtimes()) each.setRound(round);
  if (showScene(transition, side)) movesScenes = true;
  flips = true;
}

/** Makes the page's own library draw the present frame. Returns whether it did. */
function drawTransition() {
  flips = true;
  return finishLibrary();
}

function beginLayers(kind) {
  for (const each of runtimes()) each.setLayered(kind);
}

/**
 * The share of a composition of `length` seconds that shows a video whose pixels lie on the
 * frame's.
 */
function alignedShare(length) {
  if (runtimes().some((each) => each.sheetsBlend())) return 0;
  const moments = looks(length).map((seconds) => 1000 * seconds);
  const found = runtimes().map((each) => each.aligned(moments));
  return moments.filter((_, i) => found.some((each) => each[i])).length / moments.length;
}

function layers() {
  const ms = frameMs(shown.index, shown.num, shown.den);
  return runtimes().flatMap((each) => each.listLayers(ms, numberLayer));
}

let seeking = null;
/**
 * Whether the page was moved on, to a frame that may look different, before that frame was
 * requested.
 */
let hasMovedOn = false;

// Every document is asked: each resets its change and its warnings with the answer.
function answerSeek() {
  const all = runtimes();
  const changed = all.filter((each) => each.takeChange()).length > 0 || hasMovedOn;
  hasMovedOn = false;
  const warnings = all.flatMap((each) => each.takeNewWarnings());
  const gone = whatIsGone();
  if (gone || leaves()) return { changed: true, warnings, gone, at: standsAt() };
  return warnings.length > 0 ? { changed, warnings } : changed;
}

/**
 * Shows frame `index` of `num / den` frames per second.
 * @returns {boolean|object|Promise} whether it may look different from the frame shown before, with
 *   warnings if there are new ones; a promise if it has to wait for something
 */
function seek(index, num, den) {
  if (seeking) return seeking.then(() => seek(index, num, den));
  const prerolls = runtimes()
    .map((each) => each.prerolling())
    .filter(Boolean);
  if (prerolls.length > 0) return Promise.all(prerolls).then(() => seek(index, num, den));

  if (!document.documentElement) return (standAt(index), answerIfGone());
  const preparing = prepare(index, num, den);
  if (preparing) return preparing.then(() => seek(index, num, den));

  const isFlip = flips && index === shown.index && num === shown.num && den === shown.den;
  const settled = isFlip && movesScenes ? settleFrame(index, num, den) : undefined;
  flips = movesScenes = false;
  if (isFlip) {
    // Nothing moves: page code must not notice it.
    const show = () => {
      runtimes().forEach((each) => each.showPictures(frameMs(index, num, den)));
      return answerSeek();
    };
    const begun = inTurn([() => settled, () => beginLibrary(frameMs(index, num, den))], (call) =>
      call(),
    );
    return begun ? begun.then(show) : show();
  }

  let pending;
  const release = beginStep();
  try {
    pending = showFrame(index, num, den);
    const settle = () =>
      inTurn(
        [() => settleFrame(index, num, den), () => beginLibrary(frameMs(index, num, den))],
        (call) => call(),
      );
    pending = pending ? pending.then(settle) : settle();
  } catch (error) {
    release();
    return answerIfGone(error);
  }
  const answer = () => {
    const sought = answerSeek();
    // Most often the next frame is needed next.
    prepare(index + 1, num, den);
    return sought;
  };
  if (!pending) {
    release();
    return answer();
  }
  const result = pending.then(answer).catch(answerIfGone);
  seeking = result.then(release, release);
  return result;
}

/** Holds the timers of all documents. Returns a function that releases them. */
function beginStep() {
  const all = runtimes();
  // Warnings before the first frame have been reported by `status` and `describe`.
  if (shown.index < 0) all.forEach((each) => each.takeNewWarnings());
  all.forEach((each) => each.hold());
  return () => {
    seeking = null;
    all.forEach((each) => each.release());
  };
}

/** Real time after which `pass` returns, so that each passed frame has a deadline of its own. */
const PASS_MS = 500;

/**
 * Visits the frames before `index` that matter to it, for a while.
 * @returns {{through: boolean, at: number}|Promise} whether all of them have been visited, and the last that was
 */
function pass(index, num, den) {
  if (seeking) return seeking.then(() => pass(index, num, den));
  const prerolls = runtimes()
    .map((each) => each.prerolling())
    .filter(Boolean);
  if (prerolls.length > 0) return Promise.all(prerolls).then(() => pass(index, num, den));
  const release = beginStep();
  const answer = (through) => ({ through, at: shown.index });
  let passing;
  try {
    passing = document.documentElement
      ? passFrames(reached(num, den) + 1, index, num, den, native.now() + PASS_MS)
      : true;
  } catch (error) {
    release();
    answerIfGone(error);
    return answer(true);
  }
  if (typeof passing?.then !== "function") {
    release();
    return answer(passing);
  }
  const result = passing.then(answer).catch((error) => (answerIfGone(error), answer(true)));
  seeking = result.then(release, release);
  return result;
}

/**
 * Shows frame `index` as `seek` does. If it looks like the one before, the page moves on through at
 * most `ahead` frames more, as long as these look the same, too, and at most to the first that does not.
 * @returns {boolean|object|Promise} as `seek`; `still` says how many frames more look the same
 */
function seekOn(index, num, den, ahead) {
  const warnings = [];
  let still = 0;
  const go = (given) => {
    for (let answer = given; ; answer = seek(index + still, num, den)) {
      if (typeof answer?.then === "function") return answer.then(go);
      warnings.push(...(answer.warnings ?? []));
      const changed = answer.changed ?? answer;
      if (changed && still === 0) return answer;
      if (changed || still === ahead) {
        hasMovedOn = changed;
        return {
          changed: false,
          still: changed ? still - 1 : still,
          warnings,
          gone: answer.gone,
          at: answer.at,
        };
      }
      still += 1;
    }
  };
  return go(seek(index, num, den));
}

function status() {
  const own = documentStatus();
  for (const child of children()) {
    const theirs = child.status();
    own.ready &&= theirs.ready;
    own.loaded &&= theirs.loaded;
    own.waiting.push(...theirs.waiting);
    own.stalled ||= theirs.stalled;
  }
  return { ...own, scriptFailed: scriptFailed(), warnings: allWarnings() };
}

function allWarnings() {
  return children().reduce((list, child) => list.concat(child.describe().warnings), warningList());
}

/** An element with a missing family, in this document or in one below it. */
function findMisdrawn(family) {
  return (
    runtimes()
      .map((each) => each.misdrawnElement(family))
      .find(Boolean) ?? null
  );
}

function giveUp() {
  stopWaiting();
  for (const child of children()) child.giveUp();
}

function describe() {
  noticeMutations();
  const root = findRoot();
  const steps = runtimes().some((each) => each.mustStep());
  const { duration, source, infinite = false } = findDuration(root);
  return {
    width: jsonNumber(numberAttribute(root, "data-width")),
    height: jsonNumber(numberAttribute(root, "data-height")),
    sizeTexts: [root?.getAttribute("data-width") ?? "", root?.getAttribute("data-height") ?? ""],
    duration: jsonNumber(duration),
    durationSource: source,
    infinite,
    fps: root?.getAttribute("data-fps") ?? null,
    rootId: root?.getAttribute("data-composition-id") ?? null,
    steps,
    rewindable: !steps && gsapRewinds(),
    allowsLeaving: allowsLeaving(),
    viewTransitions: runtimes().some((each) => each.mentionsViewTransitions()),
    goes: whereItGoes(),
    media: listMedia(),
    backgrounds: describeBackgrounds(root),
    rehearsal: describeRehearsal(),
    audioGroups: listGroups(),
    hdrImages: listHdrImages(),
    transitions: listTransitions(jsonNumber),
    warnings: allWarnings(),
  };
}

function concealAll(hidden) {
  for (const each of runtimes()) each.hidePage(hidden);
}

const rehearseFrames = (first, count, num, den) =>
  rehearse((index) => seek(index, num, den), first, count);

awaitGsap();
offerVariables();
offerTransitions();
defineHidden(
  window,
  "__pagereel",
  Object.freeze({
    seek,
    seekOn,
    pass,
    wantsDrawing: () => runtimes().some((each) => each.wantsDrawing()),
    prepare,
    status,
    giveUp,
    describe,
    inspect,
    readTracks,
    rehearse: rehearseFrames,
    rehearsed,
    wishForFrame,
    hasDrawn,
    conceal: concealAll,
    beginLayers,
    alignedShare,
    chooseView,
    drawTransition,
    layers,
    layerElement,
    misdrawn: findMisdrawn,
    runScoped,
    agents: runtimes,
    agent,
  }),
);
stage?.enter();
