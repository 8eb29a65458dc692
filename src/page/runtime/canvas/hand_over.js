// Brings the drawing of offscreen canvases into the page.

import { parentRuntime } from "../natives.js";
import { drawsForElements, handOverDrawing } from "./offscreen.js";
import { passPicturesOn, takePicture, takeWorkerDrawing } from "../workers/workers.js";
import { mayHaveChanged } from "../rendering/layers.js";

/**
 * Brings the drawings into the page, at the very end of a step.
 * @returns {Promise|undefined} a promise if a worker draws, or WebGPU
 */
export function handOverDrawings() {
  const own = () =>
    drawsForElements() && mayHaveChanged() ? handOverDrawing(takePicture, false) : undefined;
  const taking = takeWorkerDrawing();
  return taking ? taking.then(own) : own();
}

/** Shows a picture in the document of its canvas. */
export function passDrawing(...drawing) {
  const above = parentRuntime();
  if (above) above.agent.passDrawing(...drawing);
  else window.__pagereel.agents().some((each) => each.showDrawing(...drawing));
}
passPicturesOn(passDrawing);
