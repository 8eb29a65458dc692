// Audio and video elements: silent, still, and listed.
//
// Sound is mixed and video is decoded by the engine. The browser's player never runs, so that it
// neither takes time nor shows a picture of its own choosing; `play()` succeeds, since scripts wait
// for it.

import { native, nativeMethod, override } from "./natives.js";
import { soundOf } from "./sound.js";
import { mediaPlacement } from "./timing.js";
import { describeElement } from "./warnings.js";

const pause = nativeMethod(window.HTMLMediaElement?.prototype, "pause");

override(window.HTMLMediaElement?.prototype, {
  play() {
    return Promise.resolve();
  },
  set autoplay(value) {},
});

native.listen(window, "play", (event) => pause(event.target), true);

/** Stops an element that is about to begin by itself. */
export function silence(element) {
  if (element.hasAttribute("autoplay")) element.removeAttribute("autoplay");
  pause(element);
}

/** Numbers that JSON has no word for become "NaN", "Infinity" and "-Infinity". */
export function jsonNumber(value) {
  if (value === null || value === undefined) return null;
  return Number.isFinite(value) ? value : String(Number(value));
}

/** The address of what an element plays, null without one. */
export function sourceOf(element) {
  return element.currentSrc || element.src || element.querySelector("source")?.src || null;
}

/** What the engine needs to know of every audio and video element, in document order. */
export function listMedia() {
  return Array.from(document.querySelectorAll("audio, video"), (element) => {
    const { origin, start, end, from, rate } = mediaPlacement(element);
    return {
      tag: element.localName,
      id: element.id || null,
      label: describeElement(element),
      src: sourceOf(element),
      origin: jsonNumber(origin),
      start: jsonNumber(start),
      end: jsonNumber(end),
      from,
      rate,
      loops: element.loop,
      muted: element.hasAttribute("muted"),
      ...soundOf(element),
    };
  });
}
