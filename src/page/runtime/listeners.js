// Which events of players and cues page code listens for.
//
// Nobody pays for telling of them unless somebody does; where somebody does, every frame is visited.

import { override, findDescriptor } from "./natives.js";

const PLAYER_TYPES = new Set(["play", "playing", "timeupdate", "pause", "ended"]);
const CUE_TYPES = new Set(["cuechange", "enter", "exit"]);

let awaitsPlayers = false;
let awaitsCues = false;

/** Notes what page code listens for. */
export function notePlayerListener(type) {
  awaitsPlayers ||= PLAYER_TYPES.has(type);
  awaitsCues ||= CUE_TYPES.has(type);
}

function watchPlayerHandler(owner, type) {
  const old = owner && findDescriptor(owner, `on${type}`);
  if (!old?.set) return;
  override(owner, {
    set [`on${type}`](handler) {
      notePlayerListener(type);
      Reflect.apply(old.set, this, [handler]);
    },
  });
}

for (const type of [...PLAYER_TYPES, ...CUE_TYPES]) {
  for (const owner of [window.HTMLElement?.prototype, Document.prototype, window, window.TextTrack?.prototype, window.TextTrackCue?.prototype]) {
    watchPlayerHandler(owner, type);
  }
}

/** Finds handlers that stand in the markup. */
export function notePlayerAttributes(element) {
  for (const name of element.getAttributeNames()) if (name.startsWith("on")) notePlayerListener(name.slice(2));
}

export function listensToPlayers() {
  return awaitsPlayers;
}

export function listensToCues() {
  return awaitsCues;
}
