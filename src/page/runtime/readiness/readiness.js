// Whether the page is ready for its first frame, and the reasons why it waits.
//
// `status` is polled and looks at the page afresh each time. This module has no deadlines: those
// are the engine's, which calls `giveUp` and gets warnings about the missing parts.
//
// Preroll: some pages declare their timeline from a timer or a frame callback, which virtual time
// holds back. When the page is loaded, nothing is under way and its declaration is missing, time is
// taken off its timers in steps of 1/60 s until the declaration is there. The clock stays at 0
// meanwhile, so frame 0 is at time 0 and pending timers keep what remains of their delay.

import { native, roundTrip } from "../natives.js";
import {
  clock,
  elapse,
  flushFrameCallbacks,
  holdTimers,
  pendingFrameCallbacks,
  releaseTimers,
  runTimers,
  untilNextTimer,
} from "../time/clock.js";
import {
  clipsEnd,
  findRoot,
  markClipsDirty,
  numberAttribute,
  timelineKey,
  timingWarnings,
} from "../time/timing.js";
import { instanceAt } from "../compositions/instances.js";
import {
  hasUnnamedTimelines,
  registeredTimelines,
  takeTimelineChange,
  touchesTimelines,
} from "../animation/timelines.js";
import { scriptsToRun } from "../compositions/mount.js";
import { checkVariables } from "../compositions/variables.js";
import { notedWarnings, warnOnce } from "../warnings.js";
import {
  animationsEnd,
  applyAnimations,
  findAnimations,
  refreshOrigins,
} from "../animation/animations.js";
import { noteHandlerAttributes } from "../animation/animation_events.js";
import { findGsap, pauseTimelines, restGsap } from "../animation/gsap.js";
import { followImages, noticeMutations, pendingStylesheets } from "./resources.js";
import { giveUpSources } from "../media/media_sources.js";
import { readScripts } from "../sound/script_texts.js";
import { dismissWork, hasWork, pendingWork } from "./work.js";
import { pendingPlayers } from "../players/players.js";
import { declaresPlayer } from "../animation/transitions.js";
import { findImages } from "../images/animated_images.js";
import { findHdrImages } from "../images/hdr_images.js";
import { findGrades } from "../grading/color_grading.js";
import { findChains } from "../effects/vfx_chains.js";
import { findStyleImages } from "../images/animated_styles.js";
import { watchInlineHandlers } from "../rendering/entries.js";
import { holdAnimations, releaseAnimations } from "../rendering/layers.js";
import { observeWhileLoading, showSkipped } from "../rendering/rendering.js";
import { pendingMaps, settleMaps } from "./map_readiness.js";
import { judgeTexts } from "../text/texts.js";
import { elapseWorkers } from "../workers/workers.js";
import { assetsBegan, beginAssets, decodeImages, fontsLoading, pendingAssets } from "./assets.js";

const PREROLL_STEP_MS = 1000 / 60;
const PREROLL_MAX_MS = 20000;
const PREROLL_MAX_FLUSHES = 120;
/** Real time without any activity after which an optional timeline is no longer expected. */
const QUIET_MS = 1000;

let settled = false;
let quietSince = null;
let tailwind = null;

/** `running` is a promise while time is being taken off. */
export const preroll = { running: null, usedMs: 0, flushes: 0, exhausted: false };

/** @typedef {{code: string, message: string, kind: "resources"|"player"|"timelines"}} Wait
 *  Each kind has a deadline of its own, which is the engine's. */

function hasOtherDuration() {
  return (
    window.__hf?.duration > 0 ||
    numberAttribute(findRoot(), "data-duration") > 0 ||
    clipsEnd() !== null ||
    animationsEnd().end !== null
  );
}

// A page with GSAP is taken to register timelines unless all its scripts can be read and none does.
function mayRegisterTimelines() {
  if (touchesTimelines()) return true;
  if (!window.gsap) return false;
  if (!hasOtherDuration()) return true;
  return Array.from(document.scripts).some((script) =>
    script.src ? !/gsap/i.test(script.src) : script.text.includes("__timelines"),
  );
}

function missingTimelines() {
  if (window.__hf?.duration > 0) return [];
  const all = registeredTimelines();
  const known = new Set(all.map(({ key }) => key));
  const root = findRoot();
  const expected = mayRegisterTimelines();
  const missing = [];
  const compositions = Array.from(document.querySelectorAll("[data-composition-id]"));
  const strangers = all.filter(
    ({ key }) => !compositions.some((element) => timelineKey(element) === key),
  );
  for (const element of compositions) {
    const key = timelineKey(element);
    const instance = instanceAt(element);
    if (
      element.hasAttribute("data-no-timeline") ||
      known.has(key) ||
      !(instance ? instance.expectsTimeline : expected)
    )
      continue;
    // A lone timeline under an unknown key is the root's; so are those that were listed without
    // one.
    if (element === root && (strangers.length === 1 || (hasUnnamedTimelines() && all.length > 0)))
      continue;
    const code = instance ? "sub_timeline_readiness_timeout" : "timeline_missing";
    missing.push({
      kind: "timelines",
      code,
      message: `window.__timelines["${key}"]${instance ? ` of ${instance.name}` : ""}`,
    });
  }
  return missing;
}

/** @returns {Wait[]} what the page itself declares and has not brought yet */
function missingDeclarations() {
  const missing = [];
  if (window.__renderReady === false)
    missing.push({ kind: "player", code: "render_not_ready", message: "window.__renderReady" });
  if (declaresPlayer() && !(window.__hf.duration > 0))
    missing.push({ kind: "player", code: "hf_missing", message: "window.__hf.duration" });
  if (typeof window.__tailwindReady?.then === "function") {
    if (tailwind?.promise !== window.__tailwindReady) {
      const state = (tailwind = { promise: window.__tailwindReady, done: false });
      state.promise.then(
        () => (state.done = true),
        () => {
          state.done = true;
          warnOnce("tailwind_failed", "window.__tailwindReady was rejected");
        },
      );
    }
    if (!tailwind.done)
      missing.push({ kind: "player", code: "tailwind_missing", message: "window.__tailwindReady" });
  }
  return missing.concat(missingTimelines());
}

function pendingResources() {
  const waits = [];
  const add = (code, messages) =>
    messages.forEach((message) => waits.push({ kind: "resources", code, message }));
  if (scriptsToRun() > 0) add("document_pending", ["the scripts of nested compositions"]);
  if (document.readyState !== "complete")
    add("document_pending", [`document (${document.readyState})`]);
  add(
    "stylesheet_pending",
    pendingStylesheets().map((address) => `stylesheet ${address}`),
  );
  followImages();
  return waits.concat(pendingWork().map((work) => ({ kind: "resources", ...work })));
}

/** Libraries that have not finished. */
function pendingLibraries() {
  return [...pendingPlayers(), ...pendingMaps()].map((wait) => ({ kind: "resources", ...wait }));
}

function missesTime() {
  return missingDeclarations().length > 0 || pendingLibraries().some(({ needsTime }) => needsTime);
}

async function runPreroll() {
  holdTimers();
  try {
    while (!settled && !hasWork() && missesTime()) {
      restGsap();
      const next = untilNextTimer();
      const frames = pendingFrameCallbacks() > 0 && preroll.flushes < PREROLL_MAX_FLUSHES;
      const step = frames ? PREROLL_STEP_MS : next;
      if (step === null || preroll.usedMs + step > PREROLL_MAX_MS) {
        preroll.exhausted = true;
        return;
      }
      preroll.usedMs += step;
      elapse(step);
      elapseWorkers(step);
      await runTimers(clock.now);
      if (frames) {
        preroll.flushes += 1;
        flushFrameCallbacks();
        await roundTrip();
        await runTimers(clock.now);
      }
      findGsap();
      pauseTimelines();
      noticeMutations();
    }
  } finally {
    releaseTimers();
  }
}

function isQuiet(active) {
  const now = native.now();
  if (active || quietSince === null) quietSince = now;
  return now - quietSince >= QUIET_MS;
}

/** Everything that is awaited now. Starts what has to be started for it to come. */
function look() {
  holdAnimations();
  noticeMutations();
  if (takeTimelineChange()) markClipsDirty();
  findGsap();
  pauseTimelines();
  restGsap();
  findAnimations(clock.now);

  observeWhileLoading();
  findHdrImages();
  findGrades();
  findChains();
  const waits = pendingResources();
  if (document.readyState === "complete" && pendingStylesheets().length === 0) {
    if (!assetsBegan()) beginAssets();
    decodeImages();
    findImages();
    findStyleImages();
    readScripts();
    const loading = fontsLoading();
    const assets = pendingAssets();
    assets.forEach((message) =>
      waits.push({
        kind: "resources",
        code: message.startsWith("font") ? "font_pending" : "image_pending",
        message,
      }),
    );
    if (loading && assets.length === 0)
      waits.push({ kind: "resources", code: "font_pending", message: "document.fonts" });
  }

  const missing = missingDeclarations();
  const idle = waits.length === 0 && !preroll.running;
  const libraries = pendingLibraries();
  const needTime = libraries.some(({ needsTime }) => needsTime);
  // Work in the background may need another frame after the last one that changed nothing.
  if (needTime && preroll.exhausted)
    Object.assign(preroll, { exhausted: false, flushes: preroll.flushes - 1 });
  if ((missing.length > 0 || needTime) && idle && !preroll.exhausted) {
    preroll.running = runPreroll().finally(() => (preroll.running = null));
  }
  waits.push(...libraries);
  const quiet = isQuiet(missing.length === 0 || !idle || !preroll.exhausted);
  const stalled = missing.length > 0 && quiet;
  if (stalled && hasOtherDuration() && missing.every(({ code }) => code.includes("timeline"))) {
    missing.forEach(({ code, message }) => warnOnce(code, `not registered: ${message}`));
    return { waits, stalled: false };
  }
  return { waits: waits.concat(missing), stalled };
}

function settleDocument() {
  settled = true;
  settleMaps();
  judgeTexts();
  noteHandlerAttributes();
  watchInlineHandlers(document.documentElement);
  showSkipped();
  checkVariables();
  markClipsDirty();
  refreshOrigins();
  findAnimations(clock.now);
  releaseAnimations();
  applyAnimations(clock.now);
}

export function warningList() {
  return [...timingWarnings(), ...notedWarnings()];
}

/** The readiness of this document; the caller adds frames below it. */
export function documentStatus() {
  const loaded = document.readyState === "complete";
  if (settled) return { ready: true, loaded, stalled: false, waiting: [] };
  const { waits, stalled } = look();
  if (waits.length === 0) settleDocument();
  return {
    ready: settled,
    loaded,
    stalled,
    waiting: waits.map(({ kind, message }) => ({ kind, message })),
  };
}

/** Whether a script did not load or ended with an error, so that its results never come. */
export function scriptFailed() {
  return warningList().some(
    ({ code }) => code === "script_failed" || code === "sub_timeline_script_failure",
  );
}

/** Stops waiting: missing parts become warnings, and the page counts as ready. */
export function stopWaiting() {
  if (settled) return;
  for (const { code, message } of look().waits) warnOnce(code, `gave up waiting for ${message}`);
  giveUpSources();
  dismissWork();
  settleDocument();
}
