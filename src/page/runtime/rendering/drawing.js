// Whether the browser has drawn since it was asked to.
//
// A frame that is begun on command draws nothing when the page's wish for one has not arrived yet,
// and answers as if the page looked the same. A frame callback tells the two apart: it runs in every
// frame that takes the page's state, whatever changed.

import { native } from "../natives.js";

let isDrawn = true;

/** Wishes for a frame of the page as it is now. */
export function wishForFrame() {
  isDrawn = false;
  native.requestFrame(() => {
    isDrawn = true;
  });
  return true;
}

/** Whether the frame last wished for has been drawn. */
export const hasDrawn = () => isDrawn;
