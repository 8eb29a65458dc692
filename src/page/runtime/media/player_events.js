// Events of players for page code: playing, time, end.
//
// Each frame's state follows from its time alone; events for changes since the frame before are
// sent before the frame's callbacks run.

import { native } from "../natives.js";
import { clock } from "../time/clock.js";
import { listensToCues, listensToPlayers, listensToSizes } from "../rendering/listeners.js";
import {
  hasEnded,
  isPlaying,
  mediaElements,
  mediaInfo,
  mediaInfoAt,
  mediaStateOf,
  mediaTime,
} from "./media.js";

/** Whether page code listens to existing players or cues: every frame counts then. */
export function playersAreHeard() {
  return (
    ((listensToPlayers() || listensToCues()) && !mediaElements().next().done) || sizesAreHeard()
  );
}

/** Whether page code may listen for the sizes of pictures, and some file has more than one. */
function sizesAreHeard() {
  return listensToSizes() && [...mediaElements()].some((element) => mediaInfo(element)?.sizes);
}

function tellOne(element, now) {
  const { told } = mediaStateOf(element);
  const [plays, time] = [isPlaying(element, now), mediaTime(element, now)];
  const { width, height, sizes } = mediaInfoAt(element, now);
  const size = sizes ? `${width}x${height}` : told.size;
  if (plays === told.plays && time === told.time && size === told.size) return false;
  mediaStateOf(element).told = { plays, time, size };
  const names = [];
  if (size !== told.size && told.size !== null) names.push("resize");
  if (plays && !told.plays) names.push("play", "playing");
  if (plays || told.plays) names.push("timeupdate");
  if (told.plays && !plays) names.push("pause");
  if (told.plays && !plays && hasEnded(element, now)) names.push("ended");
  for (const name of names) native.dispatch(element, new Event(name));
  return names.length > 0;
}

/** Sends page code the events of changes. Returns whether there were any. */
export function tellPlayers() {
  if (!listensToPlayers() && !sizesAreHeard()) return false;
  let told = false;
  for (const element of [...mediaElements()]) {
    if (mediaInfo(element) !== null && tellOne(element, clock.now / 1000)) told = true;
  }
  return told;
}
