// dotLottie: the canvas player of dotlottie-web, and players of the same shape.
//
// Placed like lottie-web's animations (lottie.js), by the rules of its own player: a segment lasts
// from its first to its last frame, and a loop begins anew at the last frame.

import { warnOnce } from "../warnings.js";

/**
 * @typedef {object} DotLottieRecord
 * @property {number|null} left frame that the player said after it was set last
 * @property {boolean} isPages the page moves it
 */

/** @type {WeakMap<object, DotLottieRecord>} */
const dotLottieRecords = new WeakMap();
const failedPlayers = new WeakSet();
const metPlayers = new WeakSet();

export function isDotLottie(value) {
  return (
    ["setFrame", "setCurrentRawFrameValue"].some((name) => typeof value?.[name] === "function") &&
    "totalFrames" in value
  );
}

/**
 * The data that a player still needs before it can be shown; null once it has all.
 * @returns {{message: string, needsTime: boolean}|null}
 */
export function pendingDotLottie(player) {
  if (!metPlayers.has(player)) {
    metPlayers.add(player);
    const failed = () => failedPlayers.add(player);
    player.addEventListener?.("loadError", failed);
    player.addEventListener?.("destroy", failed);
  }
  if (isLoadedPlayer(player)) return null;
  const name = `lottie of ${player.canvas?.id ? `#${player.canvas.id}` : "a canvas"}`;
  if (!failedPlayers.has(player)) return { message: name, needsTime: false };
  warnOnce("lottie_failed", `${name} has no data`);
  return null;
}

function isLoadedPlayer(player) {
  return player.isLoaded !== false && player.totalFrames > 0;
}

/** Frame at `seconds`; the rules are those of dotlottie-rs, observed from outside. */
function dotLottieFrame(player, seconds) {
  const frameRate = player.duration > 0 ? player.totalFrames / player.duration : 30;
  const [first, last] = Array.isArray(player.segment)
    ? player.segment
    : [0, player.totalFrames - 1];
  const length = last - first;
  if (!(length > 0)) return first;
  const passed = Math.max(0, seconds) * frameRate * Math.abs(player.speed || 1);
  const mode = String(player.mode ?? "forward");
  const bounces = mode.includes("bounce");
  const isReversed = mode.includes("reverse");
  const round = bounces ? 2 * length : length;
  const rounds = player.loop ? player._dotLottieCore?.loop_count?.() || Infinity : 1;
  let at = passed % round;
  // A loop ends with its last frame. After counted loops the player goes back to the beginning.
  if (passed >= rounds * round) at = player.loop ? 0 : round;
  else if (at === 0 && passed > 0 && !bounces) at = round;
  const forth = at <= length ? at : round - at;
  return isReversed ? last - forth : first + forth;
}

function setDotLottieFrame(player, frame) {
  if (typeof player.setFrame === "function") return player.setFrame(frame);
  return player.setCurrentRawFrameValue(frame);
}

/**
 * Places one player at `seconds` of its clip.
 * @returns {{moved: boolean, done: Promise<unknown>|null}} whether it is drawn anew; `done` if it draws
 *   in a worker
 */
export function placeDotLottie(player, seconds) {
  const still = { moved: false, done: null };
  if (!isLoadedPlayer(player) || player.isStateMachineRunning) return still;
  let record = dotLottieRecords.get(player);
  if (!record) dotLottieRecords.set(player, (record = { left: null, isPages: false }));
  else if (!player.isPlaying && player.currentFrame !== record.left) record.isPages = true;
  if (record.isPages) return still;
  if (player.isPlaying !== false) player.pause?.();
  const before = record.left;
  const result = setDotLottieFrame(player, dotLottieFrame(player, seconds));
  record.left = player.currentFrame;
  if (typeof result?.then !== "function") return { moved: record.left !== before, done: null };
  return { moved: true, done: result.then(() => (record.left = player.currentFrame)) };
}
