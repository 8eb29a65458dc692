// Drawings that are made last in a frame, when the places, sizes and styles of everything are
// final.

/** Draws chains of effects, whose input is the finished frame. Inner documents come first. */
function chainsFrom(agents, at, ms, fps) {
  for (; at >= 0; at--) {
    const pending = agents[at].drawChains(ms, fps);
    const next = at - 1;
    if (pending) return pending.then(() => chainsFrom(agents, next, ms, fps));
  }
  return undefined;
}

/**
 * Grades the pictures of all documents, and then draws their chains of effects.
 * @returns {Promise|undefined} a promise if some of them have to be drawn
 */
export function drawLastPictures(agents, ms, fps) {
  const waits = agents.map((each) => each.gradePictures(ms)).filter(Boolean);
  const drawChains = () => chainsFrom(agents, agents.length - 1, ms, fps);
  return waits.length > 0 ? Promise.all(waits).then(drawChains) : drawChains();
}
