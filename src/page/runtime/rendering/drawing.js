// Whether the browser has drawn since the last request.
//
// A frame that is begun on command draws nothing when the page's request for one has not arrived
// yet, and answers as if the page looked the same. A frame callback distinguishes the two: it runs
// in every frame that takes the page's state, even an unchanged one.

import { native } from "../natives.js";

let isDrawn = true;

/** Requests a frame of the page in its present state. */
export function wishForFrame() {
  isDrawn = false;
  native.requestFrame(() => {
    isDrawn = true;
  });
  return true;
}

/** Whether the last requested frame has been drawn. */
export const hasDrawn = () => isDrawn;
