// The runtime's face towards the engine: `window.__pagereel`.
//
// One step shows one frame: timers up to the frame's time, GSAP, the page's own seek, clips,
// animations, frame callbacks. A step is synchronous as long as no page code ran that may have left
// promises behind, and no work of the browser is under way (work.js). A seek forward visits every frame in between that can change the outcome, and no
// other; so a session that renders every third frame shows what one that renders all would show.
//
// A seek backwards places everything that depends on time alone. Timers and frame callbacks cannot
// be undone: those that ran do not run again. A seek to the frame already shown places everything
// once more and runs no page callback.

import { config, defineHidden, parentRuntime, stage } from "./natives.js";
import { clock, flushFrameCallbacks, hasDueTimer, holdTimers, pendingFrameCallbacks, pendingTimers, releaseTimers, runTimers } from "./clock.js";
import { reseed } from "./random.js";
import { applyClips } from "./clips.js";
import { clipsEnd, compositionsEnd, findRoot, mediaEnd, numberAttribute } from "./timing.js";
import { runScoped } from "./scope.js";
import { offerVariables } from "./variables.js";
import { animationsEnd, applyAnimations, findAnimations, hasAwaitedEvents } from "./animations.js";
import { listensToSeeks } from "./animation_events.js";
import "./animation_hooks.js";
import { applyGsap, awaitGsap, findGsap, forgetTweens, gsapRewinds, gsapSteps, gsapVersion, restGsap, timelineDuration } from "./gsap.js";
import { pagePlayer, seekPage } from "./adapters.js";
import { listHdrImages } from "./hdr_images.js";
import { beginLibrary, finishLibrary, listTransitions, offerTransitions, showScene } from "./transitions.js";
import { hasDrawn, wishForFrame } from "./drawing.js";
import { applyPlayers, localTime, playersStep } from "./players.js";
import { applyAnimatedImages } from "./animated_images.js";
import { applyStyleImages } from "./animated_styles.js";
import { jsonNumber, listMedia } from "./media.js";
import { aligned, elementsBlend, layerElement, layerKind, listLayers, looks, numberLayer, setLayered, setRound, settleLayers, sheetsBlend, shownRound } from "./native_layers.js";
import { applyPictures, passFrame, preparePictures, runVideoCallbacks } from "./video_pictures.js";
import { noticeMutations } from "./resources.js";
import { listGroups, sampleVolumes } from "./sound.js";
import { takeNewWarnings } from "./warnings.js";
import { allowWork, hasWork, settleWork } from "./work.js";
import { declaresTransitions } from "./assets.js";
import { settleSizes } from "./picture_sizes.js";
import { flatten, hidePage, markChanged, takeChange } from "./layers.js";
import { documentStatus, preroll, scriptFailed, stopWaiting, warningList } from "./readiness.js";
import { inspect } from "./inspect.js";

/** Rounds of timers and animation events within one frame; a page that goes on sees the next frame. */
const MAX_ROUNDS = 16;

let transitions = null;

/** Runtimes of this window and of the same-origin frames below it, parents first. */
function runtimes() {
  const found = [agent];
  for (let at = 0; at < window.length; at++) {
    try {
      const child = window[at].__pagereel;
      if (child) found.push(...child.agents());
    } catch {
      // A frame of another origin has a clock of its own.
    }
  }
  return found;
}

/** Whether every frame has to be visited in turn, drawn or not. */
function mustStep() {
  findGsap();
  restGsap();
  transitions ??= declaresTransitions();
  return config.sequential || pendingTimers() > 0 || pendingFrameCallbacks() > 0 || transitions || hasAwaitedEvents() || gsapSteps() || playersStep();
}

/** Puts everything in its place, once more in the same step if `again`. Returns whether page code heard of it. */
function place(seconds, again = false) {
  flatten();
  noticeMutations();
  applyClips(seconds);
  const heard = applyPlayers(seconds, again);
  applyAnimatedImages(seconds);
  applyStyleImages(seconds);
  applyPictures(seconds);
  findAnimations(clock.now);
  return applyAnimations(clock.now) || heard;
}

// Whatever page callbacks led to: promises, timers without delay, events, new animations.
async function calmDown(seconds) {
  markChanged();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    await settleWork();
    await runTimers(clock.now, settleWork);
    const heard = place(seconds, true);
    if (!heard && !hasDueTimer(clock.now) && !hasWork()) break;
  }
  forgetTweens();
}

function finishStep(seconds, flush, called) {
  const heard = place(seconds);
  restGsap();
  const ran = flush ? runVideoCallbacks() + flushFrameCallbacks() : 0;
  return heard || called || ran > 0 || hasWork() ? calmDown(seconds) : undefined;
}

function placeAnimations() {
  findAnimations(clock.now);
  applyAnimations(clock.now);
}

/** Shows the frame at `ms` in this document. Returns a promise only if it has to wait. */
function step(index, ms, flush) {
  const seconds = ms / 1000;
  reseed(index);
  allowWork();
  const show = () => {
    clock.now = ms;
    const called = applyGsap(seconds, pagePlayer() !== null) || pagePlayer() !== null || listensToSeeks();
    const waits = seekPage(seconds);
    if (waits.length === 0) return finishStep(seconds, flush, called);
    return Promise.all(waits).then(() => finishStep(seconds, flush, called));
  };
  if (!flush || !hasDueTimer(ms)) return show();
  return runTimers(ms, settleWork, placeAnimations).then(() => {
    markChanged();
    forgetTweens();
    return show();
  });
}

// A picture in a frame counts from the beginning of the clip that the frame stands in.
function ownMs(ms) {
  if (document.documentElement?.localName !== "svg" || !window.frameElement) return ms;
  const seconds = parentRuntime()?.agent?.localTime(window.frameElement, ms / 1000) ?? ms / 1000;
  return Math.max(0, seconds * 1000);
}

const agent = {
  now: () => clock.now,
  localTime,
  hold: holdTimers,
  release: releaseTimers,
  prerolling: () => preroll.running,
  mustStep,
  step: (index, ms, flush, passes = false) => (passFrame(passes), step(index, ownMs(ms), flush)),
  preparePictures: (ms, passes) => preparePictures(ownMs(ms) / 1000, passes),
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
  listLayers: (ms, numbers) => listLayers(ownMs(ms) / 1000, numbers),
  hidePage,
  takeChange,
  takeNewWarnings,
};

// Calls in turn, without a promise as long as none of them returns one.
function inTurn(list, call, at = 0) {
  for (; at < list.length; at++) {
    const result = call(list[at]);
    if (result) {
      const next = at + 1;
      return result.then(() => inTurn(list, call, next));
    }
  }
  return undefined;
}

/** The frame shown last; -1 before the first. */
let shown = { index: -1, num: 0, den: 1 };

function frameMs(index, num, den) {
  return (index * den * 1000) / num;
}

function walk(index, target, num, den) {
  for (;;) {
    // Frame 0 is always visited: it is where everything begins.
    if (index > 0 && index < target && !runtimes().some((each) => each.mustStep())) index = target;
    const ms = frameMs(index, num, den);
    const at = index;
    const preparing = prepare(at, num, den, at < target);
    if (preparing) return preparing.then(() => walk(at, target, num, den));
    const pending = inTurn(runtimes(), (each) => each.step(at, ms, true, at < target));
    shown = { index, num, den };
    if (pending) return pending.then(() => (at < target ? walk(at + 1, target, num, den) : undefined));
    if (index === target) return undefined;
    index += 1;
  }
}

function showFrame(index, num, den) {
  const sameRate = shown.num * den === num * shown.den;
  const from = sameRate || shown.index < 0 ? shown.index : Math.floor((shown.index * shown.den * num) / (shown.num * den) + 1e-9);
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

agent.flushOnce = (ms) => (runVideoCallbacks() + flushFrameCallbacks() > 0 ? calmDown(ownMs(ms) / 1000) : undefined);

/**
 * Asks for what frame `index`, which may be only passed, needs from the engine. Nothing of the page
 * moves meanwhile.
 * @returns {Promise|undefined} a promise if something is not there yet
 */
function prepare(index, num, den, passes = false) {
  const waits = runtimes()
    .map((each) => each.preparePictures(frameMs(index, num, den), passes))
    .filter(Boolean);
  return waits.length > 0 ? Promise.all(waits) : undefined;
}

/**
 * Finds out how large the videos of the frame just shown are and which of them are layers, and shows
 * them as such.
 * @returns {Promise|undefined} a promise if pictures have to come first
 */
function settleFrame(index, num, den) {
  const ms = frameMs(index, num, den);
  let changed = false;
  for (const each of runtimes()) if (each.settleSizes(ms)) changed = true;
  if (layerKind() && settleLayersAt(ms)) changed = true;
  if (!changed) return undefined;
  const show = () => runtimes().forEach((each) => each.showPictures(ms));
  const preparing = prepare(index, num, den);
  return preparing ? preparing.then(show) : show();
}

/** Returns whether videos are to be shown anew. */
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

/** Whether the next seek is for another view of the frame that is shown. */
let flips = false;
/** Whether that view has other scenes. */
let movesScenes = false;

function chooseView(round, transition, side) {
  for (const each of runtimes()) each.setRound(round);
  if (showScene(transition, side)) movesScenes = true;
  flips = true;
}

/** Has the page's own library draw the frame that is shown. Returns whether it did. */
function drawTransition() {
  flips = true;
  return finishLibrary();
}

function beginLayers(kind) {
  for (const each of runtimes()) each.setLayered(kind);
}

/** How much of a composition of `length` seconds shows a video whose pixels lie on the frame's. */
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
/** Whether the page was moved on, to a frame that may look different, before that frame was asked for. */
let hasMovedOn = false;

// Every document is asked: each forgets its change and its news with the answer.
function answerSeek() {
  const all = runtimes();
  const changed = all.filter((each) => each.takeChange()).length > 0 || hasMovedOn;
  hasMovedOn = false;
  const warnings = all.flatMap((each) => each.takeNewWarnings());
  return warnings.length > 0 ? { changed, warnings } : changed;
}

/**
 * Shows frame `index` of `num / den` frames per second.
 * @returns {boolean|object|Promise} whether it may look different from the frame shown before, with
 *   warnings if there are new ones; a promise if it has to wait for something
 */
function seek(index, num, den) {
  if (seeking) return seeking.then(() => seek(index, num, den));
  const all = runtimes();
  const prerolls = all.map((each) => each.prerolling()).filter(Boolean);
  if (prerolls.length > 0) return Promise.all(prerolls).then(() => seek(index, num, den));

  const preparing = prepare(index, num, den);
  if (preparing) return preparing.then(() => seek(index, num, den));

  const isFlip = flips && index === shown.index && num === shown.num && den === shown.den;
  const settled = isFlip && movesScenes ? settleFrame(index, num, den) : undefined;
  flips = movesScenes = false;
  if (isFlip) {
    // Nothing moves: page code must not hear of it.
    const show = () => {
      runtimes().forEach((each) => each.showPictures(frameMs(index, num, den)));
      return answerSeek();
    };
    const begun = inTurn([() => settled, () => beginLibrary(frameMs(index, num, den))], (call) => call());
    return begun ? begun.then(show) : show();
  }

  // What came before the first frame has been told by `status` and `describe`.
  if (shown.index < 0) all.forEach((each) => each.takeNewWarnings());
  all.forEach((each) => each.hold());
  const release = () => {
    seeking = null;
    all.forEach((each) => each.release());
  };
  let pending;
  try {
    pending = showFrame(index, num, den);
    const settle = () => inTurn([() => settleFrame(index, num, den), () => beginLibrary(frameMs(index, num, den))], (call) => call());
    pending = pending ? pending.then(settle) : settle();
  } catch (error) {
    release();
    throw error;
  }
  const answer = () => {
    const sought = answerSeek();
    // Most often the next frame is wanted next.
    prepare(index + 1, num, den);
    return sought;
  };
  if (!pending) {
    release();
    return answer();
  }
  const result = pending.then(answer);
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
        return { changed: false, still: changed ? still - 1 : still, warnings };
      }
      still += 1;
    }
  };
  return go(seek(index, num, den));
}

function children() {
  const found = [];
  for (let at = 0; at < window.length; at++) {
    try {
      if (window[at].__pagereel) found.push(window[at].__pagereel);
    } catch {
      // A frame of another origin is the browser's own business.
    }
  }
  return found;
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
  return { ...own, scriptFailed: scriptFailed(), prerollMs: preroll.usedMs, warnings: allWarnings() };
}

function allWarnings() {
  return children().reduce((list, child) => list.concat(child.describe().warnings), warningList());
}

function giveUp() {
  stopWaiting();
  for (const child of children()) child.giveUp();
}

// HyperFrames' order: what is declared, else the longest of what plays, else the last clip.
function findDuration(root) {
  const player = window.__hf?.duration;
  if (player !== undefined && player !== null) return { duration: Number(player), source: "hf" };
  const declared = numberAttribute(root, "data-duration") ?? numberAttribute(root, "data-composition-duration");
  if (declared !== null) return { duration: declared, source: "root" };
  const timeline = timelineDuration();
  const { end: animations, endless } = animationsEnd();
  const usable = (list) => list.filter(({ duration }) => duration > 0 && duration !== Infinity);
  const longest = (list) => list.reduce((longer, each) => (each.duration > longer.duration ? each : longer));
  const moving = { duration: animations, source: "animations" };
  const playing = usable([
    { duration: timeline, source: "timeline" },
    { duration: compositionsEnd(), source: "compositions" },
    { duration: mediaEnd(), source: "media" },
  ]);
  if (playing.length > 0) return longest(usable([...playing, moving]));
  const placed = usable([{ duration: clipsEnd(), source: "clips" }, moving]);
  if (placed.length > 0) return longest(placed);
  if (timeline !== null && timeline !== Infinity) return { duration: timeline, source: "timeline" };
  return { duration: null, source: null, infinite: endless || timeline === Infinity };
}

function describe() {
  noticeMutations();
  const root = findRoot();
  const steps = runtimes().some((each) => each.mustStep());
  const { duration, source, infinite = false } = findDuration(root);
  const media = listMedia();
  return {
    width: jsonNumber(numberAttribute(root, "data-width")),
    height: jsonNumber(numberAttribute(root, "data-height")),
    sizeTexts: [root?.getAttribute("data-width") ?? "", root?.getAttribute("data-height") ?? ""],
    duration: jsonNumber(duration),
    durationSource: source,
    infinite,
    fps: root?.getAttribute("data-fps") ?? null,
    rootId: root?.getAttribute("data-composition-id") ?? null,
    rootTag: root?.localName ?? null,
    gsapVersion: gsapVersion(),
    hasPlayer: pagePlayer() !== null,
    steps,
    rewindable: !steps && gsapRewinds(),
    media,
    audioGroups: listGroups(),
    hdrImages: listHdrImages(),
    transitions: listTransitions(jsonNumber),
    hasVideo: media.some(({ tag }) => tag === "video"),
    hasAudio: media.some(({ tag }) => tag === "audio"),
    warnings: allWarnings(),
  };
}

function concealAll(hidden) {
  for (const each of runtimes()) each.hidePage(hidden);
}

const volumes = (first, count, num, den) => sampleVolumes((index) => seek(index, num, den), first, count);

awaitGsap();
offerVariables(config.variables);
offerTransitions();
defineHidden(window, "__pagereel", Object.freeze({ seek, seekOn, prepare, status, giveUp, describe, inspect, volumes, wishForFrame, hasDrawn, conceal: concealAll, beginLayers, alignedShare, chooseView, drawTransition, layers, layerElement, runScoped, agents: runtimes, agent }));
stage?.enter();
