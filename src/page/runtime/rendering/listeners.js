// Events of players and cues that page code listens for. Sending them costs nothing without
// listeners; with listeners, every frame is visited.

import { override, findDescriptor } from "../natives.js";

const PLAYER_TYPES = new Set(["play", "playing", "timeupdate", "pause", "ended"]);
const CUE_TYPES = new Set(["cuechange", "enter", "exit"]);
/** Windows have it, too, so a listener for it proves little. */
const SIZE_TYPE = "resize";

let awaitsPlayers = false;
let awaitsCues = false;
let awaitsVideoSizes = false;

/** Records a type of event that page code listens for. */
export function notePlayerListener(type) {
  awaitsPlayers ||= PLAYER_TYPES.has(type);
  awaitsCues ||= CUE_TYPES.has(type);
  awaitsVideoSizes ||= type === SIZE_TYPE;
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

for (const type of [...PLAYER_TYPES, ...CUE_TYPES, SIZE_TYPE]) {
  for (const owner of [
    window.HTMLElement?.prototype,
    Document.prototype,
    window,
    window.TextTrack?.prototype,
    window.TextTrackCue?.prototype,
  ]) {
    watchPlayerHandler(owner, type);
  }
}

/** Finds handlers in attributes of the markup. */
export function notePlayerAttributes(element) {
  for (const name of element.getAttributeNames())
    if (name.startsWith("on")) notePlayerListener(name.slice(2));
}

export function listensToPlayers() {
  return awaitsPlayers;
}

/** Whether page code may listen for other sizes of a video's pictures. */
export function listensToSizes() {
  return awaitsVideoSizes;
}

export function listensToCues() {
  return awaitsCues;
}
