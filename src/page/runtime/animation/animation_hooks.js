// The page code's view of an animation: it plays, although the engine has paused it.
//
// `play`, `pause`, `currentTime` and their kin change the record of animations.js and reach the
// browser only as far as they change the picture. The record then holds the page's intention, and
// the next frame follows it.

import { nativeMethod, override } from "../natives.js";
import { clock, stampOf, stampedTime } from "../time/clock.js";
import {
  adoptAnimation,
  animationRecords,
  isPast,
  localEnd,
  nativeAnimation,
  placeOrigin,
  valueAt,
  visibleValue,
} from "./animations.js";
import { awaited, takeNativeEvents } from "./animation_events.js";

// Brings the native state to the virtual now, so that a native method starts from the state that
// the page sees.
function settle(record) {
  if (record.playing) nativeAnimation.setTime(record.animation, visibleValue(record, clock.now));
}

/** Takes over the state after a native method, and stops the animation again. */
function resume(record) {
  record.rate = nativeAnimation.rate(record.animation);
  record.end = localEnd(record);
  record.offset = Number(nativeAnimation.time(record.animation) ?? 0);
  record.born = clock.now;
  placeOrigin(record);
  record.playing = true;
  record.ended = false;
  record.scripted = true;
  record.told = record.offset > 0 ? record.offset : -Infinity;
  nativeAnimation.pause(record.animation);
  nativeAnimation.setTime(record.animation, record.offset);
}

function begin(animation, start) {
  const record = animationRecords.get(animation);
  if (record && nativeAnimation.time(animation) !== null) settle(record);
  start(animation);
  const now = adoptAnimation(animation, clock.now);
  if (now) resume(now);
}

function changeRate(animation, rate, fallback) {
  const record = animationRecords.get(animation);
  if (!record) return fallback();
  settle(record);
  nativeAnimation.setRate(animation, rate);
  if (record.playing) resume(record);
  else record.rate = nativeAnimation.rate(animation);
  return undefined;
}

override(window.Animation?.prototype, {
  play() {
    begin(this, nativeAnimation.play);
  },
  reverse() {
    // The native method changes the rate only once the animation is ready, which needs a frame.
    const record = adoptAnimation(this, clock.now);
    changeRate(this, -nativeAnimation.rate(this), () =>
      nativeAnimation.setRate(this, -nativeAnimation.rate(this)),
    );
    if (record) settle(record);
    begin(this, nativeAnimation.play);
  },
  pause() {
    const record = adoptAnimation(this, clock.now);
    if (record) settle(record);
    nativeAnimation.pause(this);
    const held = record ?? adoptAnimation(this, clock.now);
    if (!held) return;
    held.offset = Number(nativeAnimation.time(this) ?? 0);
    held.playing = false;
    held.scripted = true;
  },
  finish() {
    const record = adoptAnimation(this, clock.now);
    if (record) settle(record);
    nativeAnimation.finish(this);
    if (!record) return;
    record.offset = Number(nativeAnimation.time(this) ?? 0);
    record.origin = clock.now;
    record.playing = true;
    record.scripted = true;
    record.end = localEnd(record);
  },
  cancel() {
    animationRecords.delete(this);
    nativeAnimation.cancel(this);
  },
  commitStyles() {
    const record = animationRecords.get(this);
    if (record) settle(record);
    return nativeAnimation.commitStyles(this);
  },
  updatePlaybackRate(rate) {
    return changeRate(this, rate, () => nativeAnimation.updateRate(this, rate));
  },
  get playbackRate() {
    return nativeAnimation.rate(this);
  },
  set playbackRate(rate) {
    changeRate(this, rate, () => nativeAnimation.setRate(this, rate));
  },
  get currentTime() {
    const record = animationRecords.get(this);
    return record?.playing && nativeAnimation.time(this) !== null
      ? visibleValue(record, clock.now)
      : nativeAnimation.time(this);
  },
  set currentTime(value) {
    nativeAnimation.setTime(this, value);
    const record = adoptAnimation(this, clock.now);
    if (!record || value === null) return;
    record.offset = Number(nativeAnimation.time(this) ?? 0);
    record.origin = clock.now;
    record.ended = false;
  },
  get startTime() {
    const record = animationRecords.get(this);
    if (!record) return nativeAnimation.startTime(this);
    return record.playing && record.rate !== 0
      ? stampOf(record.origin - record.offset / record.rate)
      : null;
  },
  set startTime(value) {
    let record = animationRecords.get(this);
    if (!record && value !== null && this.timeline === document.timeline) {
      // By its own start time it would run on the browser's clock until it is found.
      nativeAnimation.setTime(this, 0);
      nativeAnimation.pause(this);
      record = adoptAnimation(this, clock.now);
    }
    if (!record || value === null) {
      nativeAnimation.setStartTime(this, value);
      return;
    }
    record.offset = 0;
    record.origin = stampedTime(Number(value));
    record.playing = true;
    record.ended = false;
    record.scripted = true;
    settle(record);
  },
  get playState() {
    const record = animationRecords.get(this);
    if (!record?.playing || nativeAnimation.time(this) === null) return nativeAnimation.state(this);
    return isPast(record, valueAt(record, clock.now)) ? "finished" : "running";
  },
  get finished() {
    awaited.add("finish");
    return nativeAnimation.finished(this);
  },
});

if (window.Animation) {
  const nativeAnimate = nativeMethod(Element.prototype, "animate");
  override(Element.prototype, {
    animate(...parts) {
      const animation = nativeAnimate(this, ...parts);
      adoptAnimation(animation, clock.now);
      return animation;
    },
    getAnimations(options) {
      return adoptAll(nativeAnimation.ofElement(this, options));
    },
  });
  override(Document.prototype, {
    getAnimations() {
      return adoptAll(nativeAnimation.ofDocument(this));
    },
  });
  takeNativeEvents((target) =>
    adoptAll(target?.getAnimations ? nativeAnimation.ofElement(target, { subtree: true }) : []),
  );
}

function adoptAll(animations) {
  for (const animation of animations) adoptAnimation(animation, clock.now);
  return animations;
}
