// The doors by which page code is entered outside of a step's own calls: listeners, handlers and
// the callbacks of observers.
//
// Timers, frame callbacks and promises of tracked work are run or awaited by the runtime itself.
// All other page code is entered by an event or a callback, so each listener is wrapped in one of
// ours. It notes that page code ran (changes.js), and counts the entry: a step is settled when the
// event loop has turned without any entry (`settleWork`). So chains of messages end in the frame in
// which they began, whether it is drawn or passed.

import { defineHidden, native, nativeMethod, override } from "../natives.js";
import { markChanged } from "./changes.js";

/** `entered` counts the times that page code was entered. */
export const doors = { entered: 0, observesMutations: false, reactsToAttributes: false };

/** Notes that page code runs now. */
export function enter() {
  doors.entered += 1;
  markChanged();
}

/** Watches the listeners of `target` for `type`. The browser keeps no listener twice. */
export function watchDoor(target, type) {
  native.listen(target, type, enter, true);
}

/** A callback that notes the entry when the browser calls it. */
export function entering(callback) {
  if (typeof callback !== "function") return callback;
  return function (...given) {
    enter();
    return Reflect.apply(callback, this, given);
  };
}

// Setting `onclick` and its kin is listening, too.
function watchHandlers(prototype) {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (!name.startsWith("on")) continue;
    const { get, set, enumerable } = Object.getOwnPropertyDescriptor(prototype, name);
    if (!set) continue;
    const type = name.slice(2);
    Object.defineProperty(prototype, name, {
      get,
      set(handler) {
        if (typeof handler === "function") watchDoor(this ?? window, type);
        Reflect.apply(set, this, [handler]);
      },
      enumerable,
      configurable: true,
    });
  }
}

// Interfaces are plain values of the window; a getter of the window's must not be called.
for (const name of Object.getOwnPropertyNames(window)) {
  const made = Object.getOwnPropertyDescriptor(window, name)?.value;
  const prototype = typeof made === "function" && /^[A-Z]/.test(name) ? made.prototype : null;
  if (prototype && (prototype === EventTarget.prototype || prototype instanceof EventTarget))
    watchHandlers(prototype);
}
watchHandlers(window);

const INLINE_HANDLERS = "descendant-or-self::*/@*[starts-with(name(), 'on')]";

/** Watches handlers in attributes in the markup of `root`. */
export function watchInlineHandlers(root) {
  if (!root) return;
  const found = document.evaluate(
    INLINE_HANDLERS,
    root,
    null,
    XPathResult.ORDERED_NODE_SNAPSHOT_TYPE,
    null,
  );
  for (let at = 0; at < found.snapshotLength; at++) {
    const attribute = /** @type {Attr} */ (found.snapshotItem(at));
    const isWindows = attribute.ownerElement === document.body;
    watchDoor(attribute.ownerElement, attribute.name.slice(2));
    if (isWindows) watchDoor(window, attribute.name.slice(2));
  }
}

// Constructors whose first argument is the callback. The observed state may change in any frame, so
// every frame of a page that observes its own mutations is visited.
for (const name of [
  "MutationObserver",
  "PerformanceObserver",
  "ReportingObserver",
  "FinalizationRegistry",
]) {
  const Native = window[name];
  if (typeof Native !== "function") continue;
  const Watched = {
    [name]: class extends Native {
      constructor(callback, ...rest) {
        if (name === "MutationObserver") doors.observesMutations = true;
        super(entering(callback), ...rest);
      }
    },
  }[name];
  defineHidden(window, name, Watched);
}

// Decoders and encoders return their results through the functions of one object.
for (const name of ["VideoDecoder", "VideoEncoder", "AudioDecoder", "AudioEncoder"]) {
  const Native = window[name];
  if (typeof Native !== "function") continue;
  const Watched = {
    [name]: class extends Native {
      constructor(init) {
        super(init && { ...init, output: entering(init.output), error: entering(init.error) });
      }
    },
  }[name];
  defineHidden(window, name, Watched);
}

// The page's own elements with watched attributes may react to ours.
const defineElement = nativeMethod(window.CustomElementRegistry?.prototype, "define");
override(window.CustomElementRegistry?.prototype, {
  define(name, constructor, ...rest) {
    if (constructor?.observedAttributes?.length > 0) doors.reactsToAttributes = true;
    return defineElement(this, name, constructor, ...rest);
  },
});
