// Elements that the browser moves by its own clock: `<marquee>`, and `<progress>` without a value.
//
// Their animations are in trees of the browser's own, where they cannot be found. So a marquee is
// stopped and its contents are moved by the frame's time, as HTML's "marquee" says; and a bar
// without a value is drawn by a style sheet, whose animation the runtime drives like any other.

import { createHtml, native, nativeMethod, override } from "../natives.js";
import { clock } from "../time/clock.js";
import { allTrees } from "../shadow_roots.js";
import { makeSheet, mayAdopt } from "../sheets.js";

const DEFAULT_AMOUNT = 6;
const DEFAULT_DELAY_MS = 85;
const MIN_DELAY_MS = 60;

const marqueePrototype = window.HTMLMarqueeElement?.prototype;
const stopMarquee = nativeMethod(marqueePrototype, "stop");

/** @typedef {{mover: HTMLElement, origin: number, stopped: number|null}} Marquee times in ms */

/** @type {Map<HTMLElement, Marquee>} */
const marquees = new native.Map();

/** Takes a marquee over. */
export function meetMarquee(element) {
  if (marquees.has(element) || !element.isConnected) return;
  stopMarquee(element);
  const mover = createHtml("span");
  const isUpright = /^(up|down)$/i.test(element.getAttribute("direction") ?? "");
  mover.style.cssText = `display:${isUpright ? "block" : "inline-block"}`;
  gather(element, mover);
  marquees.set(element, { mover, origin: clock.now, stopped: null });
}

// Puts all that the marquee holds into its mover. The parser may bring its contents after it, and page
// code may bring others.
function gather(element, mover) {
  if (mover.parentNode !== element) {
    mover.replaceChildren(...element.childNodes);
    element.append(mover);
    return;
  }
  if (element.childNodes.length === 1) return;
  const nodes = [...element.childNodes];
  const at = nodes.indexOf(mover);
  mover.prepend(...nodes.slice(0, at));
  mover.append(...nodes.slice(at + 1));
}

override(marqueePrototype, {
  stop() {
    const state = marquees.get(this);
    if (state) state.stopped ??= clock.now;
  },
  start() {
    const state = marquees.get(this);
    if (!state || state.stopped === null) return;
    state.origin += clock.now - state.stopped;
    state.stopped = null;
  },
});

const numberOr = (text, fallback) =>
  Number.parseInt(text ?? "", 10) >= 0 ? Number.parseInt(text, 10) : fallback;

function placeMarquee(element, { mover, origin, stopped }) {
  gather(element, mover);
  const direction = (element.getAttribute("direction") ?? "left").toLowerCase();
  const behavior = (element.getAttribute("behavior") ?? "scroll").toLowerCase();
  const isUpright = direction === "up" || direction === "down";
  const amount = numberOr(element.getAttribute("scrollamount"), DEFAULT_AMOUNT);
  const asked = numberOr(element.getAttribute("scrolldelay"), DEFAULT_DELAY_MS);
  const delay = element.hasAttribute("truespeed") ? asked : Math.max(MIN_DELAY_MS, asked);
  const room = isUpright ? element.clientHeight : element.clientWidth;
  const length = isUpright ? mover.offsetHeight : mover.offsetWidth;
  // The start and the end of the movement of the contents' near edge, towards the left or the top.
  let [from, to] = [room, -length];
  if (behavior === "slide") to = 0;
  if (behavior === "alternate")
    [from, to] = [Math.max(0, room - length), Math.min(0, room - length)];
  if (direction === "right" || direction === "down") {
    [from, to] = behavior === "slide" ? [-length, room - length] : [to, from];
  }
  const distance = Math.abs(to - from);
  const loops = numberOr(element.getAttribute("loop"), behavior === "slide" ? 1 : 0) || Infinity;
  const gone =
    amount === 0 || distance === 0
      ? 0
      : (((stopped ?? clock.now) - origin) / delay) * (amount / distance);
  const rounds = Math.min(gone, loops);
  let share = rounds === loops ? 1 : rounds % 1;
  const isBack =
    behavior === "alternate" && (rounds === loops ? loops - 1 : Math.floor(rounds)) % 2 === 1;
  if (isBack) share = 1 - share;
  const at = from + (to - from) * share;
  const shift = at - driftOf(element, mover, isUpright);
  const text = isUpright ? `translateY(${shift}px)` : `translateX(${shift}px)`;
  if (mover.style.transform !== text) mover.style.transform = text;
}

// The distance that the browser had moved the contents before they were stopped, in pixels of the
// page.
function driftOf(element, mover, isUpright) {
  stopMarquee(element);
  const before = mover.style.transform;
  mover.style.transform = "none";
  const [outer, inner] = [element.getBoundingClientRect(), mover.getBoundingClientRect()];
  mover.style.transform = before;
  if (isUpright)
    return (inner.top - outer.top) * (element.offsetHeight / outer.height || 1) - element.clientTop;
  return (inner.left - outer.left) * (element.offsetWidth / outer.width || 1) - element.clientLeft;
}

// The lowest precedence of all rules, so that all of the page's own win.
const BAR = `
@keyframes __pagereel-bar { from { background-position: 0% 0 } to { background-position: 100% 0 } }
:where(progress:not([value])) { appearance: none; border: 1px solid #767676; border-radius: 4px; background: linear-gradient(#0075ff, #0075ff) 0% 0 / 25% 100% no-repeat #efefef; animation: __pagereel-bar 1s linear infinite alternate }
:where(progress:not([value]))::-webkit-progress-bar { background: none }
`;
let barSheet = null;
const barred = new WeakSet();

function placeBars() {
  for (const tree of allTrees()) {
    if (barred.has(tree) || !tree.querySelector("progress:not([value])")) continue;
    if (!mayAdopt(barSheet)) barSheet = makeSheet(BAR);
    barred.add(tree);
    if (!mayAdopt(barSheet, tree)) continue;
    tree.adoptedStyleSheets = [barSheet, ...tree.adoptedStyleSheets];
  }
}

let hasControls = false;

/** Notes that such elements came. */
export function markControls() {
  hasControls = true;
}

/** Puts all such elements in their present place. */
export function applyLiveControls() {
  if (!hasControls) return;
  placeBars();
  for (const [element, state] of marquees) {
    if (element.isConnected) placeMarquee(element, state);
  }
}
