// ResizeObserver, in step with the frames: see intersections.js for why. The definition of a size,
// and the order of deeper targets within a frame, follow the W3C's "Resize Observer".

import { defineHidden, guarded, native } from "../natives.js";
import { enter } from "./entries.js";

const BOXES = ["content-box", "border-box", "device-pixel-content-box"];

/** @type {Set<Resizes>} observers that have targets */
const measuring = new Set();
let firstSizes = 0;

const number = (text) => Number.parseFloat(text) || 0;

/** All boxes of an element; zeros where it has none. */
function measure(element) {
  const isSvg = element instanceof SVGElement && element.ownerSVGElement !== null;
  if (isSvg) {
    const { width, height } = guarded(() =>
      /** @type {SVGGraphicsElement} */ (element).getBBox(),
    ) ?? { width: 0, height: 0 };
    return { left: 0, top: 0, content: [width, height], border: [width, height] };
  }
  const style = native.getComputedStyle(element);
  const hasBox =
    style.display !== "none" &&
    style.display !== "contents" &&
    element.isConnected &&
    element.getClientRects().length > 0;
  const [width, height] = [number(style.width), number(style.height)];
  if (!hasBox || style.width === "auto")
    return { left: 0, top: 0, content: [0, 0], border: [0, 0] };
  const paddings = [
    number(style.paddingLeft) + number(style.paddingRight),
    number(style.paddingTop) + number(style.paddingBottom),
  ];
  const borders = [
    number(style.borderLeftWidth) + number(style.borderRightWidth),
    number(style.borderTopWidth) + number(style.borderBottomWidth),
  ];
  const edges = [paddings[0] + borders[0], paddings[1] + borders[1]];
  const isBorderBox = style.boxSizing === "border-box";
  const content = isBorderBox
    ? [Math.max(0, width - edges[0]), Math.max(0, height - edges[1])]
    : [width, height];
  return {
    left: number(style.paddingLeft),
    top: number(style.paddingTop),
    content,
    border: [content[0] + edges[0], content[1] + edges[1]],
    writing: style.writingMode,
  };
}

function depthOf(element) {
  let depth = 0;
  for (let at = element; at; at = at.parentNode ?? at.host) depth += 1;
  return depth;
}

function sizeEntry([width, height], writing) {
  const size = Object.create(window.ResizeObserverSize?.prototype ?? Object.prototype);
  const isUpright = !/^(vertical|sideways)/.test(writing ?? "");
  Object.defineProperty(size, "inlineSize", {
    value: isUpright ? width : height,
    enumerable: true,
  });
  Object.defineProperty(size, "blockSize", { value: isUpright ? height : width, enumerable: true });
  return Object.freeze([size]);
}

function wantedSize({ content, border }, box) {
  if (box === "border-box") return border;
  return box === "content-box"
    ? content
    : content.map((length) => Math.round(length * devicePixelRatio));
}

class Resizes {
  #callback;
  /** @type {Map<any, {box: string, told: number[]}>} by element */
  #targets = new native.Map();

  constructor(callback) {
    if (typeof callback !== "function")
      throw new TypeError(
        "Failed to construct 'ResizeObserver': parameter 1 is not of type 'Function'.",
      );
    this.#callback = callback;
  }

  observe(target, options) {
    if (!(target instanceof Node && target.nodeType === Node.ELEMENT_NODE))
      throw new TypeError(
        "Failed to execute 'observe' on 'ResizeObserver': parameter 1 is not of type 'Element'.",
      );
    const box = options?.box ?? "content-box";
    if (!BOXES.includes(box))
      throw new TypeError(
        `Failed to execute 'observe' on 'ResizeObserver': The provided value '${box}' is not a valid enum value of type ResizeObserverBoxOptions.`,
      );
    if (this.#targets.get(target)?.box === box) return;
    this.#targets.set(target, { box, told: [0, 0] });
    firstSizes += 1;
    measuring.add(this);
  }

  unobserve(target) {
    this.#targets.delete(target);
    if (this.#targets.size === 0) measuring.delete(this);
  }

  disconnect() {
    this.#targets.clear();
    measuring.delete(this);
  }

  /**
   * Targets with another size than last reported, deeper than `depth`.
   * @param {Resizes} observer
   * @param {number} depth
   */
  static changed(observer, depth) {
    const found = [];
    for (const [target, state] of observer.#targets) {
      const own = depthOf(target);
      if (own <= depth) continue;
      const boxes = measure(target);
      const size = wantedSize(boxes, state.box);
      if (size[0] !== state.told[0] || size[1] !== state.told[1])
        found.push({ observer, target, state, size, boxes, depth: own });
    }
    return found;
  }

  /** @param {Resizes} observer */
  static tell(observer, changed) {
    const entries = changed.map(({ target, state, size, boxes }) => {
      state.told = size;
      const entry = Object.create(window.ResizeObserverEntry?.prototype ?? Object.prototype);
      const values = {
        target,
        contentRect: new DOMRectReadOnly(boxes.left, boxes.top, ...boxes.content),
        borderBoxSize: sizeEntry(boxes.border, boxes.writing),
        contentBoxSize: sizeEntry(boxes.content, boxes.writing),
        devicePixelContentBoxSize: sizeEntry(
          wantedSize(boxes, "device-pixel-content-box"),
          boxes.writing,
        ),
      };
      for (const [name, value] of Object.entries(values))
        Object.defineProperty(entry, name, { value, enumerable: true });
      return entry;
    });
    enter();
    guarded(() => Reflect.apply(observer.#callback, observer, [entries, observer]));
  }
}

Object.defineProperty(Resizes, "name", { value: "ResizeObserver" });
if (window.ResizeObserver) defineHidden(window, "ResizeObserver", Resizes);

/** Whether page code has observers. */
export const observesSizes = () => measuring.size > 0;

/** Whether an observer has not reported its targets yet. */
export function awaitsSizes() {
  return firstSizes > 0;
}

/** Reports all sizes that have changed, deeper ones later. Returns whether page code was called. */
export function tellSizes() {
  firstSizes = 0;
  let [depth, told] = [0, false];
  for (;;) {
    const changed = [...measuring].flatMap((observer) => Resizes.changed(observer, depth));
    if (changed.length === 0) return told;
    depth = Math.min(...changed.map((each) => each.depth));
    for (const observer of new Set(changed.map((each) => each.observer))) {
      Resizes.tell(
        observer,
        changed.filter((each) => each.observer === observer),
      );
    }
    told = true;
  }
}
