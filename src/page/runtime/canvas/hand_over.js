// What was drawn in canvases that are drawn elsewhere than they are seen, brought into the page.

import { parentRuntime } from "../natives.js";
import { drawsForElements, handOverDrawing } from "./offscreen.js";
import { passPicturesOn, takePicture, takeWorkerDrawing } from "../workers/workers.js";
import { mayHaveChanged } from "../rendering/layers.js";

/**
 * Brings it into the page, last of all in a step.
 * @returns {Promise|undefined} a promise if a worker draws, or WebGPU
 */
export function handOverDrawings() {
  const own = () =>
    drawsForElements() && mayHaveChanged() ? handOverDrawing(takePicture, false) : undefined;
  const taking = takeWorkerDrawing();
  return taking ? taking.then(own) : own();
}

/** Shows a picture in whichever document its canvas is. */
export function passDrawing(...drawing) {
  const above = parentRuntime();
  if (above) above.agent.passDrawing(...drawing);
  else window.__pagereel.agents().some((each) => each.showDrawing(...drawing));
}
passPicturesOn(passDrawing);
