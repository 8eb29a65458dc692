// Events of CSS animations, transitions and WAAPI, at virtual time.
//
// Chrome sends these events when it draws, on its own clock. The runtime stops those, and
// dispatches the same events at the end of the step that passes their time. That costs nothing
// unless page code listens: `awaited` has the types that page code listens for, and while it is
// empty a page may be seeked directly to any frame.

import { notePlayerListener } from "../rendering/listeners.js";
import { native, nativeMethod, override, findDescriptor } from "../natives.js";
import { stampOf } from "../time/clock.js";
import { watchDoor } from "../rendering/entries.js";
import { noteScrollListener } from "../rendering/scrolling.js";

const ELEMENT_TYPES = [
  "animationstart",
  "animationiteration",
  "animationend",
  "transitionrun",
  "transitionstart",
  "transitionend",
];
const LEGACY = {
  webkitanimationstart: "animationstart",
  webkitanimationiteration: "animationiteration",
  webkitanimationend: "animationend",
  webkittransitionend: "transitionend",
};
const LEGACY_NAMES = {
  animationstart: "webkitAnimationStart",
  animationiteration: "webkitAnimationIteration",
  animationend: "webkitAnimationEnd",
  transitionend: "webkitTransitionEnd",
};

const computedTiming = nativeMethod(window.AnimationEffect?.prototype, "getComputedTiming");

/** Event types that page code listens for; "finish" includes the promise. */
export const awaited = new Set();

function note(type) {
  const known = LEGACY[String(type).toLowerCase()] ?? type;
  if (known === "finish" || ELEMENT_TYPES.includes(known)) awaited.add(known);
}

let seekListeners = false;

/** Whether page code draws by itself on a seek. */
export function listensToSeeks() {
  return seekListeners;
}

override(EventTarget.prototype, {
  addEventListener(type, listener, options) {
    seekListeners ||= type === "hf-seek";
    note(type);
    notePlayerListener(type);
    const target = this ?? window;
    if (listener) watchDoor(target, type);
    noteScrollListener(target, type);
    return native.listen(target, type, listener, options);
  },
});

function watchHandler(owner, name, type) {
  const old = owner && findDescriptor(owner, name);
  if (!old?.set) return;
  override(owner, {
    set [name](handler) {
      note(type);
      Reflect.apply(old.set, this, [handler]);
    },
  });
}

for (const type of ELEMENT_TYPES) {
  for (const owner of [
    window.HTMLElement?.prototype,
    window.SVGElement?.prototype,
    Document.prototype,
    window,
  ]) {
    watchHandler(owner, `on${type}`, type);
  }
}
watchHandler(window.Animation?.prototype, "onfinish", "finish");

/** Finds handlers in attributes of the markup. */
export function noteHandlerAttributes() {
  for (const type of ELEMENT_TYPES) {
    if (!awaited.has(type) && document.querySelector(`[on${type}]`)) awaited.add(type);
  }
}

/** Stops the browser's own events and reports their targets, whose animations are now known. */
export function takeNativeEvents(onTarget) {
  for (const type of ELEMENT_TYPES) {
    native.listen(
      window,
      type,
      (event) => {
        if (!event.isTrusted) return;
        event.stopImmediatePropagation();
        onTarget(event.target);
      },
      true,
    );
  }
}

/** Stops the browser's own finish event of one animation. */
export function takeNativeFinish(animation) {
  native.listen(animation, "finish", (event) => {
    if (event.isTrusted) event.stopImmediatePropagation();
  });
}

/** Boundaries of an animation that lie in (from, to] of its local time: [local time, type, elapsed]. */
function boundaries(record, from, to) {
  const { delay, activeDuration, duration, iterations, endTime } = computedTiming(
    record.animation.effect,
  );
  const found = [];
  const add = (at, type, elapsed) => {
    if (at > from && at <= to) found.push({ at, type, elapsed });
  };
  const family = record.kind === "transition" ? "transition" : "animation";
  if (record.kind !== "script") {
    if (family === "transition") add(0, "transitionrun", 0);
    add(delay, `${family}start`, Math.max(0, Math.min(-delay, activeDuration)));
    const last = family === "animation" && duration > 0 ? Math.floor((to - delay) / duration) : 0;
    if (last >= 1 && last < iterations)
      add(delay + last * duration, "animationiteration", last * duration);
    add(delay + activeDuration, `${family}end`, activeDuration);
  }
  add(endTime, "finish", endTime);
  return found;
}

function fire(record, { at, type, elapsed }, now) {
  const animation = record.animation;
  if (type === "finish") {
    native.dispatch(
      animation,
      new AnimationPlaybackEvent("finish", { currentTime: at, timelineTime: stampOf(now) }),
    );
    return;
  }
  const target = animation.effect?.target;
  if (!target) return;
  const common = {
    bubbles: true,
    elapsedTime: elapsed / 1000,
    pseudoElement: animation.effect.pseudoElement ?? "",
  };
  const event = (name) =>
    type.startsWith("animation")
      ? new AnimationEvent(name, { ...common, animationName: animation.animationName })
      : new TransitionEvent(name, { ...common, propertyName: animation.transitionProperty });
  native.dispatch(target, event(type));
  if (LEGACY_NAMES[type]) native.dispatch(target, event(LEGACY_NAMES[type]));
}

/**
 * Collects the events of `record` between the local times `from` and `to`. Only awaited types are
 * collected.
 */
export function collectEvents(record, from, to, into) {
  for (const boundary of boundaries(record, from, to)) {
    if (!awaited.has(boundary.type)) continue;
    const when = record.origin + (boundary.at - record.offset) / (record.rate * record.scale);
    into.push({ when, record, boundary });
  }
}

/** Dispatches collected events in the order of their times. */
export function dispatchEvents(events, now) {
  events.sort((a, b) => a.when - b.when);
  for (const { record, boundary } of events) fire(record, boundary, now);
}
