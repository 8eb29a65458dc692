// The duration of the composition, and its source.

import { animationsEnd } from "../animation/animations.js";
import { timelineDuration } from "../animation/gsap.js";
import { clipsEnd, compositionsEnd, mediaEnd, numberAttribute } from "./timing.js";

// HyperFrames' order: the declared duration, else the longest timeline, else the last clip.
/** @returns {{duration: number|null, source: string|null, infinite?: boolean}} in seconds */
export function findDuration(root) {
  const player = window.__hf?.duration;
  if (player !== undefined && player !== null) return { duration: Number(player), source: "hf" };
  const declared =
    numberAttribute(root, "data-duration") ?? numberAttribute(root, "data-composition-duration");
  if (declared !== null) return { duration: declared, source: "root" };
  const timeline = timelineDuration();
  const { end: animations, endless } = animationsEnd();
  const usable = (list) => list.filter(({ duration }) => duration > 0 && duration !== Infinity);
  const longest = (list) =>
    list.reduce((longer, each) => (each.duration > longer.duration ? each : longer));
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
