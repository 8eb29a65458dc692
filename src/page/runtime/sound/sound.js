// The sound of audio and video elements. The engine mixes; this module only reads the attributes.
//
// A volume that a script changes over time is found by a rehearsal.

import { clipClock } from "../time/timing.js";
import { describeElement } from "../warnings.js";

/** Keys of GSAP tweens that contain volume properties. */
const VARS = ["vars", "keyframes", "startAt"];

function namesVolume(vars) {
  if (!vars || typeof vars !== "object") return false;
  if (Array.isArray(vars)) return vars.some(namesVolume);
  return "volume" in vars || VARS.some((name) => namesVolume(vars[name]));
}

/** Elements whose volume a GSAP tween changes. */
function tweenedElements() {
  const found = new Set();
  const tweens = window.gsap?.globalTimeline?.getChildren?.(true, true, false) ?? [];
  for (const tween of tweens) {
    if (!namesVolume(tween.vars)) continue;
    for (const target of tween.targets?.() ?? [])
      if (target instanceof HTMLMediaElement) found.add(target);
  }
  return found;
}

// HyperFrames begins with `data-volume`; so does a tween without a start. Players support no volume
// above 1.
function startVolume(element) {
  const text = element.getAttribute("data-volume");
  const volume = text === null || text.trim() === "" ? NaN : Number(text);
  if (element.volume === 1 && volume >= 0 && volume < 1) element.volume = volume;
}

function isHidden(element) {
  return element.closest('[data-hidden]:not([data-hidden="false"])') !== null;
}

/** All facts about an element's sound, for its entry in the list of media. */
export function soundOf(element) {
  const tweened = tweenedElements().has(element);
  if (tweened) startVolume(element);
  return {
    sound: {
      volume: element.getAttribute("data-volume"),
      fadeIn: element.getAttribute("data-fade-in"),
      fadeOut: element.getAttribute("data-fade-out"),
      playerVolume: element.volume,
      muted: element.muted,
      hasAudio: element.getAttribute("data-has-audio"),
      hidden: isHidden(element),
      automation: element.getAttribute("data-automation"),
      effects: element.getAttribute("data-fx-chain"),
      group: element.getAttribute("data-audio-group"),
      clipRate: clipClock(element).rate,
      tweened,
    },
  };
}

/** The declarations of the groups that elements can be mixed into. */
export function listGroups() {
  return Array.from(document.querySelectorAll("hf-audio-group[id]"), (element) => ({
    id: element.id,
    label: describeElement(element),
    volume: element.getAttribute("data-volume"),
    automation: element.getAttribute("data-automation"),
    effects: element.getAttribute("data-fx-chain"),
    hidden: isHidden(element),
  }));
}
