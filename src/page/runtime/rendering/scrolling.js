// Scrolling by the frame's time, and its events.
//
// Chrome animates a smooth scroll by its own clock, and only reports scrolls where it draws. Here a
// smooth scroll is a movement on the virtual clock: the native scroll always jumps, and each frame
// puts the scroller where it is at the frame's time. `scroll` and `scrollend` are sent in each
// frame that is visited, drawn or not, for scrollers that have moved since the last.

import { findDescriptor, native, nativeGetter, nativeMethod, override } from "../natives.js";
import { clock } from "../time/clock.js";
import { markChanged } from "./changes.js";

/**
 * The duration of a smooth scroll by script in Chrome, in sixtieths of a second: as many as the
 * square root of the distance in pixels, at most this many; it eases in and out.
 */
const MAX_SIXTIETHS = 0.72 * 60;
const SIXTIETH_MS = 1000 / 60;

const elementPrototype = Element.prototype;
const scrollTopOf = nativeGetter(elementPrototype, "scrollTop");
const scrollLeftOf = nativeGetter(elementPrototype, "scrollLeft");
const scrollElement = nativeMethod(elementPrototype, "scrollTo");
const nativeIntoView = nativeMethod(elementPrototype, "scrollIntoView");
const setScrollTop = findDescriptor(elementPrototype, "scrollTop").set;
const setScrollLeft = findDescriptor(elementPrototype, "scrollLeft").set;

/** @typedef {{element: Element, from: number[], to: number[], begin: number, length: number, restore: () => void}} Movement */

/** @type {Map<Element|Document, Movement>} smooth scrolls under way */
const movements = new native.Map();
/** @type {Map<Element|Document, {at: number[], ends: boolean}>} scrollers whose events page code may hear, and where they were told to be */
const scrollers = new native.Map();

const isRoot = (element) =>
  element === document.scrollingElement || element === document.documentElement;
const scrollOffset = (element) => [scrollLeftOf(element), scrollTopOf(element)];

// The easing of CSS's `ease-in-out`, cubic-bezier(0.42, 0, 0.58, 1), by halving.
function easeInOut(progress) {
  const bezier = (one, two, t) => 3 * (1 - t) ** 2 * t * one + 3 * (1 - t) * t ** 2 * two + t ** 3;
  let [low, high] = [0, 1];
  for (let round = 0; round < 40; round++) {
    const middle = (low + high) / 2;
    if (bezier(0.42, 0.58, middle) < progress) low = middle;
    else high = middle;
  }
  return bezier(0, 1, (low + high) / 2);
}

function followScroller(element) {
  if (!element || scrollers.has(element)) return;
  scrollers.set(element, { at: scrollOffset(element), ends: false });
}

/** Records the types of events that page code listens for. */
export function noteScrollListener(target, type) {
  if (type !== "scroll" && type !== "scrollend") return;
  if (target instanceof Element) followScroller(target);
  else if (target === window || target === document) scrollers.set(document, null);
}

const jump = (element, /** @type {number[]} */ [left, top]) =>
  scrollElement(element, { left, top, behavior: "instant" });

function isSmooth(element, behavior) {
  if (behavior === "instant") return false;
  if (behavior === "smooth") return true;
  return (
    native.getComputedStyle(isRoot(element) ? document.documentElement : element).scrollBehavior ===
    "smooth"
  );
}

function touch(element) {
  markChanged();
  followScroller(element);
}

/** Scrolls `element` to `[left, top]`, smoothly if requested. */
function scrollBox(element, target, behavior) {
  touch(element);
  const from = scrollOffset(element);
  endMovement(element);
  jump(element, target);
  if (!isSmooth(element, behavior)) return;
  moveSmoothly(element, from, scrollOffset(element));
}

// `to` is the present place of the scroller, snapped and limited.
function moveSmoothly(element, from, to) {
  const distance = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
  if (distance === 0) return;
  jump(element, from);
  const length = Math.min(Math.sqrt(distance), MAX_SIXTIETHS) * SIXTIETH_MS;
  movements.set(element, {
    element,
    from,
    to,
    begin: clock.now,
    length,
    restore: stopSnapping(element),
  });
}

// On its way a scroller must not stop at a snap point. Returns a function that restores its style.
function stopSnapping(element) {
  if (native.getComputedStyle(element).scrollSnapType === "none") return () => {};
  return overrideStyle(element, "scroll-snap-type", "none");
}

/** Sets a property with precedence over the page's rules. Returns a function that restores it. */
function overrideStyle(element, name, value) {
  const authored = [element.style.getPropertyValue(name), element.style.getPropertyPriority(name)];
  element.style.setProperty(name, value, "important");
  return () => {
    if (authored[0]) element.style.setProperty(name, ...authored);
    else element.style.removeProperty(name);
    if (element.getAttribute("style") === "") element.removeAttribute("style");
  };
}

function endMovement(element) {
  movements.get(element)?.restore();
  movements.delete(element);
}

/** The place of a scroller, or its place at the end of its movement. */
const destination = (element) => movements.get(element)?.to ?? scrollOffset(element);

// The arguments of `scrollTo` and its kin, as [left, top] relative to nothing.
function parseTarget(given, current) {
  const finite = (value) => (Number.isFinite(Number(value)) ? Number(value) : 0);
  if (given.length >= 2) return { target: [finite(given[0]), finite(given[1])], behavior: "auto" };
  const options = given[0] ?? {};
  const [left, top] = current;
  return {
    target: [
      options.left === undefined ? left : finite(options.left),
      options.top === undefined ? top : finite(options.top),
    ],
    behavior: options.behavior ?? "auto",
  };
}

function scrollMethod(elementOf, isRelative) {
  return function (...given) {
    const element = elementOf(this);
    if (given.length === 0 || !element) return;
    const { target, behavior } = parseTarget(given, isRelative ? [0, 0] : destination(element));
    const start = isRelative ? scrollOffset(element) : [0, 0];
    scrollBox(element, [target[0] + start[0], target[1] + start[1]], behavior);
  };
}

const itself = (element) => element;
const rootScroller = () => document.scrollingElement ?? document.documentElement;
const elementMethods = {
  scroll: scrollMethod(itself, false),
  scrollTo: scrollMethod(itself, false),
  scrollBy: scrollMethod(itself, true),
};
override(elementPrototype, {
  ...elementMethods,
  set scrollTop(top) {
    if (!isSmooth(this, "auto")) {
      endMovement(this);
      touch(this);
      Reflect.apply(setScrollTop, this, [top]);
    } else if (Number.isFinite(Number(top))) {
      scrollBox(this, [destination(this)[0], Number(top)], "auto");
    }
  },
  set scrollLeft(left) {
    if (!isSmooth(this, "auto")) {
      endMovement(this);
      touch(this);
      Reflect.apply(setScrollLeft, this, [left]);
    } else if (Number.isFinite(Number(left))) {
      scrollBox(this, [Number(left), destination(this)[1]], "auto");
    }
  },
  scrollIntoView(options) {
    intoView(
      this,
      typeof options === "object" && options ? options.behavior : undefined,
      (element, behavior) => {
        const rest =
          typeof options === "object" && options
            ? { ...options, behavior }
            : { block: options === false ? "end" : "start", inline: "nearest", behavior };
        nativeIntoView(element, rest);
      },
    );
  },
});
override(window, {
  scroll: scrollMethod(rootScroller, false),
  scrollTo: scrollMethod(rootScroller, false),
  scrollBy: scrollMethod(rootScroller, true),
});

const focusElement = nativeMethod(window.HTMLElement?.prototype, "focus");
override(window.HTMLElement?.prototype, {
  focus(options) {
    markChanged();
    if (options?.preventScroll) focusElement(this, options);
    else intoView(this, undefined, (element) => focusElement(element, options));
  },
});

// The native call finds all destinations; scrollers that move smoothly are put back.
function intoView(element, behavior, call) {
  const around = [];
  for (let at = element.parentElement; at; at = at.parentElement) {
    if (!isRoot(at) && at.scrollHeight <= at.clientHeight && at.scrollWidth <= at.clientWidth)
      continue;
    around.push({ scroller: at, from: scrollOffset(at), smooth: isSmooth(at, behavior) });
  }
  for (const { scroller, smooth } of around) {
    endMovement(scroller);
    if (smooth) touch(scroller);
  }
  // Without an explicit behavior each scroller follows its style, which must not be smooth
  // meanwhile.
  const styled =
    behavior === "instant"
      ? []
      : around
          .filter(({ smooth }) => smooth)
          .map(({ scroller }) => (isRoot(scroller) ? document.documentElement : scroller));
  const restores = styled.map((scroller) => overrideStyle(scroller, "scroll-behavior", "auto"));
  call(element, "instant");
  const reached = around.map(({ scroller }) => scrollOffset(scroller));
  restores.forEach((restore) => restore());
  around.forEach(({ scroller, from, smooth }, at) => {
    if (from[0] === reached[at][0] && from[1] === reached[at][1]) return;
    touch(scroller);
    if (smooth) moveSmoothly(scroller, from, reached[at]);
  });
}

// Chrome's own events come where it draws. Before the first frame they are passed on.
function swallowScroll(event) {
  if (event.isTrusted && clock.begun) event.stopImmediatePropagation();
}
native.listen(window, "scroll", swallowScroll, true);
native.listen(window, "scrollend", swallowScroll, true);

/** Whether every frame has to be visited. */
export function scrollsStep() {
  return movements.size > 0;
}

/** Moves smoothly scrolling elements to their present places. */
export function applyScrolls() {
  for (const movement of movements.values()) {
    const progress = Math.min(1, (clock.now - movement.begin) / movement.length);
    const ease = progress >= 1 ? 1 : easeInOut(Math.max(0, progress));
    jump(
      movement.element,
      movement.from.map((from, axis) => from + (movement.to[axis] - from) * ease),
    );
    markChanged();
    followScroller(movement.element);
    if (progress >= 1) endMovement(movement.element);
  }
}

/** Sends the events of scrolls since the last call. Returns whether there were any. */
export function tellScrolls() {
  if (scrollers.has(document)) {
    scrollers.delete(document);
    followScroller(rootScroller());
  }
  let told = false;
  for (const [element, state] of scrollers) {
    if (!element.isConnected) {
      scrollers.delete(element);
      continue;
    }
    const now = scrollOffset(element);
    const target = isRoot(element) ? document : element;
    const bubbles = target === document;
    const hasMoved = now[0] !== state.at[0] || now[1] !== state.at[1];
    if (hasMoved) {
      state.at = now;
      state.ends = true;
      native.dispatch(target, new Event("scroll", { bubbles }));
      told = true;
    }
    if (state.ends && !movements.has(element)) {
      state.ends = false;
      native.dispatch(target, new Event("scrollend", { bubbles }));
      told = true;
    }
  }
  return told;
}
