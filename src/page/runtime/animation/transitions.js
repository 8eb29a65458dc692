// Transitions between scenes: the page's declarations, and the choice of the scene that it shows.
//
// The engine makes them of two pictures, one with each scene alone. A page declares them in
// `window.__hf.transitions`, most often through `HyperShader.init`. HyperFrames' library leaves the
// drawing to the renderer where it finds `__HF_VIRTUAL_TIME__`; where a page has no copy of it, the
// stand-in here does the same.

import { defineHidden } from "../natives.js";
import { findRoot, numberAttribute, timelineTime } from "../time/timing.js";
import { markChanged } from "../rendering/changes.js";
import {
  drawByLibrary,
  initLibrary,
  leaveLibrary,
  libraryDraws,
  offerLibrary,
  prepareLibrary,
} from "./transition_library.js";
import { warnOnce } from "../warnings.js";
import { adoptSheet, makeSheet, mayAdopt } from "../sheets.js";

// HyperFrames' defaults.
const TRANSITION_SECS = 0.7;
const TRANSITION_EASE = "power2.inOut";
/** Properties of `__hf` that do not make it a player. */
const NO_PLAYER = ["transitions", "shaderTransitionsReady"];

/** @typedef {{from: string, to: string, accent: string|null, key: string|null}} Declared */
/** @type {Declared[]} what `init` was told of each pair of scenes */
const declaredPairs = [];

// HyperFrames' library only writes into an existing `__hf`.
const ownHf = {};

/** Whether `__hf` is more than a list of transitions. */
export function declaresPlayer() {
  const hf = window.__hf;
  if (!hf) return false;
  const names = Object.keys(hf);
  return hf !== ownHf && names.length === 0
    ? true
    : names.some((name) => !NO_PLAYER.includes(name));
}

/** The color as `#rrggbb`; null if it is none. */
function hexOf(color) {
  if (typeof color !== "string" || !CSS.supports("color", color)) return null;
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.fillStyle = color;
  return /^#[0-9a-f]{6}$/.test(context.fillStyle) ? context.fillStyle : null;
}

function checkedScenes(given) {
  const scenes = Array.isArray(given?.scenes) ? given.scenes : [];
  const transitions = Array.isArray(given?.transitions) ? given.transitions : [];
  if (scenes.length < 2)
    throw new Error(`HyperShader.init: scenes has ${scenes.length}, expected at least 2`);
  if (transitions.length !== scenes.length - 1) {
    throw new Error(
      `HyperShader.init: transitions has ${transitions.length}, expected ${scenes.length - 1}, one between each two scenes`,
    );
  }
  return { scenes, transitions };
}

function keyOf(given) {
  return (
    given?.compositionId ??
    document.querySelector("[data-composition-id]")?.getAttribute("data-composition-id") ??
    "main"
  );
}

function noteColors(given) {
  const accent = hexOf(given?.accentColor);
  if (given?.accentColor && !accent)
    warnOnce(
      "transition_color",
      `HyperShader.init: accentColor is ${JSON.stringify(given.accentColor)}, expected a color; the default is used`,
    );
  const scenes = Array.isArray(given?.scenes) ? given.scenes : [];
  for (let i = 0; i + 1 < scenes.length; i++)
    declaredPairs.push({ from: scenes[i], to: scenes[i + 1], accent, key: keyOf(given) });
}

// Scenes come and go by the page's own timeline, so that the page's tweens of them work.
function initTransitions(given) {
  const { scenes, transitions } = checkedScenes(given);
  if (!given.timeline && !window.gsap)
    throw new Error("HyperShader.init: neither a timeline nor gsap is there");
  const key = keyOf(given);
  const timeline = given.timeline ?? window.gsap.timeline({ paused: true });
  const length = numberAttribute(findRoot(), "data-duration");
  if (given.timeline && length > 0)
    timeline.to({ t: 0 }, { t: 1, duration: length, ease: "none" }, 0);
  const show = (id, opacity, time) => timeline.set(`#${CSS.escape(id)}`, { opacity }, time);
  scenes.slice(1).forEach((id) => show(id, 0, 0));
  const list = transitions.map(
    ({ time, shader, duration = TRANSITION_SECS, ease = TRANSITION_EASE }, i) => {
      show(scenes[i + 1], 1, time);
      show(scenes[i], 0, time + duration);
      return { time, duration, shader, ease, fromScene: scenes[i], toScene: scenes[i + 1] };
    },
  );
  window.__hf ??= ownHf;
  window.__hf.transitions = [...(window.__hf.transitions ?? []), ...list];
  if (!given.timeline) {
    window.__timelines ??= {};
    window.__timelines[key] = timeline;
  }
  return timeline;
}

function withNote(call) {
  return function (given) {
    noteColors(given);
    return initLibrary(() => Reflect.apply(call, this, [given]));
  };
}

/** Whether the page includes a library. */
let isPagesOwn = false;
let shaderLibrary = { init: withNote(initTransitions) };

export function offerTransitions() {
  defineHidden(window, "__HF_VIRTUAL_TIME__", Object.freeze({}));
  defineHidden(window, "__hf", ownHf);
  offerLibrary(ownHf);
  Object.defineProperty(window, "HyperShader", {
    configurable: true,
    enumerable: false,
    get: () => shaderLibrary,
    set: (value) => {
      isPagesOwn = typeof value?.init === "function";
      shaderLibrary = isPagesOwn ? { ...value, init: withNote(value.init) } : value;
    },
  });
}

// The composition's own time is linear: two times give the place of any in the root's.
function timeInRoot(key, time) {
  const [start, second] = [timelineTime(key, 0), timelineTime(key, 1)];
  const rate = second - start;
  return key && rate > 0 ? { time: (time - start) / rate, rate } : { time, rate: 1 };
}

function givenTransitions() {
  const list = window.__hf?.transitions;
  return Array.isArray(list) ? list.filter((each) => each && typeof each === "object") : [];
}

const textOrNull = (value) => (value === undefined || value === null ? null : String(value));

/** The declarations, as written; times in the root's seconds. */
export function listTransitions(jsonNumber) {
  return givenTransitions().map(
    ({ time, duration = TRANSITION_SECS, shader, ease, fromScene, toScene }) => {
      const known = declaredPairs.find(({ from, to }) => from === fromScene && to === toScene);
      const placed = timeInRoot(known?.key, Number(time));
      return {
        time: jsonNumber(placed.time),
        duration: jsonNumber(Number(duration) / placed.rate),
        shader: textOrNull(shader),
        ease: textOrNull(ease) ?? TRANSITION_EASE,
        fromScene: textOrNull(fromScene) ?? "",
        toScene: textOrNull(toScene) ?? "",
        missing: [fromScene, toScene].filter((id) => !document.getElementById(id)).map(String),
        accent: known?.accent ?? null,
        byLibrary:
          isPagesOwn &&
          placed.rate === 1 &&
          placed.time === Number(time) &&
          (shader === undefined || libraryDraws(fromScene, toScene)),
      };
    },
  );
}

let sceneSheet = null;
let shownRules = "";

function rulesFor(transition, side) {
  const wanted = side === 0 ? transition.fromScene : transition.toScene;
  const element = document.getElementById(wanted);
  const all = new Set(givenTransitions().flatMap(({ fromScene, toScene }) => [fromScene, toScene]));
  // A scene within the wanted one is hidden with it, and one around it must stay.
  const others = [...all].filter((id) => {
    const other = document.getElementById(id);
    return (
      other &&
      element &&
      !other.contains(element) &&
      (!element.contains(other) || id === transition.fromScene || id === transition.toScene)
    );
  });
  const rule = (id, style) => `#${CSS.escape(id)} { ${style}; transition: none !important }`;
  const hidden = others.map((id) => rule(id, "opacity: 0 !important"));
  return [rule(wanted, "opacity: 1 !important; visibility: visible !important"), ...hidden].join(
    "\n",
  );
}

/** The transition that the library draws in the present frame. */
let ofLibrary = null;
/** Whether the library has yet to begin with it. */
let awaitsLibrary = false;
const BY_LIBRARY = 2;

/** Makes the library begin with the present frame, if it draws it. */
export function beginLibrary(ms) {
  if (!ofLibrary || !awaitsLibrary) return undefined;
  awaitsLibrary = false;
  return prepareLibrary(ms, ofLibrary.fromScene, ofLibrary.toScene);
}

/** Makes the library draw the frame that it has begun. */
export function finishLibrary() {
  return ofLibrary !== null && drawByLibrary(ofLibrary.fromScene, ofLibrary.toScene);
}

/**
 * Shows one of a transition's scenes alone, or all as the page has them.
 * @param {number} number of the transition; -1 for none
 * @param {number} side 0 for the scene that goes, 1 for the one that comes, 2 for what the page's own
 *   library makes of both
 * @returns {boolean} whether that is another view than before
 */
export function showScene(number, side) {
  const isLibrarys = number >= 0 && side === BY_LIBRARY;
  if (!isLibrarys && ofLibrary) leaveLibrary();
  awaitsLibrary = isLibrarys;
  ofLibrary = isLibrarys ? givenTransitions()[number] : null;
  const rules = number < 0 || isLibrarys ? "" : rulesFor(givenTransitions()[number], side);
  if (rules === shownRules) return false;
  shownRules = rules;
  if (!mayAdopt(sceneSheet)) sceneSheet = makeSheet();
  sceneSheet.replaceSync(rules);
  adoptSheet(document, sceneSheet);
  markChanged();
  return true;
}
