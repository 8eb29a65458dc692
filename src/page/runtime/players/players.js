// Animation libraries that can be placed at a time: anime.js, lottie-web, dotLottie; and SVG
// animation.
//
// Each is placed by the time of the clip or composition it belongs to, so that the order of frames
// does not matter. They are looked up anew in every frame, in the libraries' own lists and in those
// that HyperFrames' pages keep (`__hfLottie`, `__hfAnime`); elements with a player in them are
// searched when elements came.

import { native, guarded } from "../natives.js";
import { clipTime } from "../time/timing.js";
import { allTrees } from "../shadow_roots.js";
import { listedAnime, placeAnime, primeAnime } from "./anime.js";
import {
  isLottie,
  lottieElement,
  pendingLottie,
  placeLottie,
  registeredLotties,
  stepsLottie,
} from "./lottie.js";
import { isDotLottie, pendingDotLottie, placeDotLottie } from "./dotlottie.js";
import { pauseSmil, placeSmil } from "./smil.js";
import { track } from "../readiness/work.js";

const PLAYER_ELEMENTS = "lottie-player, dotlottie-player, dotlottie-wc";
const WRAPPED = ["animation", "animationItem", "player", "instance", "dotLottie", "lottie"];

/** @type {WeakMap<object, Element|null>} what a player without an element of its own counts with */
const owners = new WeakMap();

let elementsStale = true;
let playerElements = [];
let playersMoved = false;

/** Notes that elements with players came. */
export function markPlayersDirty() {
  elementsStale = true;
}

/**
 * Makes `element` the owner of new entries in `__hfAnime`: they then follow the time of the
 * composition around it. Null stands for the root.
 */
export function claimPlayers(element) {
  for (const animation of listedAnime()) {
    if (!owners.has(animation)) owners.set(animation, element);
  }
}

/** An element's own time in seconds; the root's for elements in no composition. */
export function localTime(element, seconds) {
  let at = element;
  while (at && !at.closest("[data-start], [data-composition-id]")) {
    const root = at.getRootNode();
    if (!(root instanceof ShadowRoot)) break;
    at = root.host;
  }
  return clipTime(at, seconds);
}

function elementPlayers() {
  if (elementsStale) {
    elementsStale = false;
    playerElements = allTrees().flatMap((tree) =>
      Array.from(tree.querySelectorAll(PLAYER_ELEMENTS)),
    );
  }
  return playerElements.map((element) => element.dotLottie ?? element.getLottie?.());
}

function isPlayer(value) {
  return isLottie(value) || isDotLottie(value);
}

function unwrap(entry) {
  if (isPlayer(entry)) return [entry];
  if (entry === null || typeof entry !== "object" || entry instanceof Element) return [];
  return WRAPPED.map((name) => entry[name])
    .filter(isPlayer)
    .slice(0, 1);
}

function lottiePlayers() {
  const listed = [window.__hfLottie ?? []].flat().flatMap(unwrap);
  const found = [...registeredLotties(), ...listed, ...elementPlayers()];
  return found.length > 0 ? [...new Set(found.filter(isPlayer))] : found;
}

// The work of a player in a worker is awaited like any other.
function placeOne(player, seconds) {
  if (isLottie(player)) {
    const result = placeLottie(player, localTime(lottieElement(player), seconds));
    if (result.moved) playersMoved = true;
    return result.heard;
  }
  const canvas = player.canvas instanceof Element ? player.canvas : null;
  const result = placeDotLottie(player, localTime(canvas, seconds));
  if (result.moved) playersMoved = true;
  if (result.done) guarded(() => track("dotLottie", result.done).catch(native.reportError));
  return false;
}

/**
 * Places all players for the frame at `seconds`; a second time in the same step if `again`.
 * @returns {boolean} whether page code heard of it
 */
export function applyPlayers(seconds, again) {
  let heard = false;
  for (const player of lottiePlayers()) {
    if (guarded(() => placeOne(player, seconds))) heard = true;
  }
  for (const animation of listedAnime()) {
    const own = owners.get(animation);
    if (guarded(() => placeAnime(animation, own ? localTime(own, seconds) : seconds, again)))
      heard = true;
  }
  guarded(primeAnime);
  if (placeSmil((svg) => localTime(svg, seconds))) playersMoved = true;
  return heard;
}

/** The number of players of each kind. */
export function countPlayers() {
  const lottie = lottiePlayers();
  return {
    anime: listedAnime().length,
    lottie: lottie.filter(isLottie).length,
    dotlottie: lottie.filter((player) => !isLottie(player)).length,
  };
}

/** Whether every frame has to be visited in turn. */
export function playersStep() {
  return (
    listedAnime().length > 0 ||
    lottiePlayers().some((player) => isLottie(player) && stepsLottie(player))
  );
}

/** Whether a player has drawn since the last call. */
export function takePlayersMoved() {
  const result = playersMoved;
  playersMoved = false;
  return result;
}

/** @returns {{code: string, message: string, needsTime: boolean}[]} players that cannot be shown yet */
export function pendingPlayers() {
  pauseSmil();
  const pending = [];
  for (const player of lottiePlayers()) {
    const wait = guarded(() =>
      isLottie(player) ? pendingLottie(player) : pendingDotLottie(player),
    );
    if (wait) pending.push({ code: "lottie_pending", ...wait });
  }
  return pending;
}
