// Transitions and animations of the parts that browsers build into elements: the content of
// `<details>`, the bar of `<progress>`, placeholders, thumbs of sliders.
//
// Such parts stand in trees of the browser's own. Nothing lists their animations (`getAnimations`
// does not), so they would run by the wall clock. Their styles can be read and written, though, by
// their pseudo-elements. So transitions are turned off there, and a change of a value that the page
// declares in transition becomes a CSS animation of ours, which is paused and begins earlier by the
// elapsed time. So are the page's own animations.
//
// Of parts with a name of WebKit's the style cannot be read. There only the rule's own values
// count, and only the filling of bars is in transition; for the rest there is a warning that it
// jumps.

import { native } from "../natives.js";
import { clock } from "../time/clock.js";
import { markChanged } from "../rendering/changes.js";
import { allTrees, watchShadows } from "../shadow_roots.js";
import { nativeAnimation } from "./animations.js";
import { warnOnce } from "../warnings.js";
import { adoptSheet, makeSheet, mayAdopt } from "../sheets.js";

/** Parts that browsers build in. Scrollbars are never shown. */
const BUILT_IN =
  /::(?:details-content|placeholder|file-selector-button|-(?:webkit|internal)-(?!scrollbar|resizer)[\w-]+)/;
/** Parts whose style cannot be read, and parts whose width is the filling of a bar. */
const UNREADABLE = /^::-/;
const FILLING = /^::-webkit-(?:progress-value|meter-(?:optimum|suboptimum|even-less-good)-value)$/;
/** The properties that `transition: all` includes. */
const ALL = [
  "height",
  "width",
  "max-height",
  "opacity",
  "background-color",
  "color",
  "border-top-color",
  "border-right-color",
  "border-bottom-color",
  "border-left-color",
  "transform",
  "translate",
  "scale",
  "rotate",
  "padding-top",
  "padding-bottom",
  "margin-top",
  "margin-bottom",
  "margin-left",
  "border-top-left-radius",
  "border-top-right-radius",
  "border-bottom-left-radius",
  "border-bottom-right-radius",
  "box-shadow",
  "filter",
  "clip-path",
];
const SHORTHANDS = [
  "background",
  "border",
  "border-color",
  "border-radius",
  "margin",
  "padding",
  "inset",
];
/** Properties that are in transition only with `allow-discrete`. */
const DISCRETE = ["content-visibility", "display", "overlay", "visibility"];
/** Marks the element whose part is animated. */
const PART_MARK = "data-pagereel-part";
/** Most parts that are watched. */
const MAX_PARTS = 1000;

/** @typedef {{property: string, from: string, to: string, start: number, delay: number, length: number, easing: string}} Change */
/** @typedef {{number: number, targets: Map<string, string>, shown: Map<string, string>, changes: Map<string, Change>, names: string, born: number, delay?: string}} Part */

/** @typedef {{base: string, part: string, properties: string[], own: CSSStyleDeclaration}} PartRule */

/** @type {PartRule[]} rules of the page that move parts, in their order */
let rules = [];
let sheetsRead = "";
/** @type {Map<Element, Map<string, Part>>} */
const watchedParts = new native.Map();
let lastPartNumber = 0;
let written = null;
let stopsFirst = false;
let partSheet = null;

function* styleRules(list) {
  for (const rule of list) {
    if (rule.selectorText !== undefined) yield rule;
    if (rule.cssRules?.length > 0) yield* styleRules(rule.cssRules);
  }
}

function readRule(rule) {
  if (!BUILT_IN.test(rule.selectorText) || !rule.style) return;
  const { transitionProperty, transitionDuration, animationName } = rule.style;
  const moves =
    transitionProperty ||
    transitionDuration ||
    rule.style.transition ||
    animationName ||
    rule.style.animation;
  if (!moves) return;
  const named = (transitionProperty || "all").split(",").map((name) => name.trim());
  for (const selector of rule.selectorText.split(",")) {
    const [part] = selector.match(BUILT_IN) ?? [];
    if (!part) continue;
    const base = selector.slice(0, selector.indexOf(part)).trim();
    // A nested rule's `&` is the selector of the rule around it.
    rules.push({
      base: base === "" || base.includes("&") ? "*" : base,
      part,
      properties: named,
      own: rule.style,
    });
    const fills =
      FILLING.test(part) && ["all", "width", "inline-size"].some((name) => named.includes(name));
    if (UNREADABLE.test(part) && !fills && (transitionProperty || transitionDuration))
      warnOnce("part_jumps", `${selector.trim()}: what is in transition there jumps to its end`);
  }
}

function findRules() {
  const sheets = allTrees().flatMap((tree) =>
    [...tree.styleSheets, ...tree.adoptedStyleSheets].filter(
      (each) => each !== partSheet && !each.disabled,
    ),
  );
  const lists = sheets.map((each) => {
    try {
      return each.cssRules;
    } catch {
      return [];
    }
  });
  const now = lists.map((list) => list.length).join();
  if (now === sheetsRead) return;
  sheetsRead = now;
  rules = [];
  stopsFirst = true;
  for (const list of lists) for (const rule of styleRules(list)) readRule(rule);
}

/** Times of a list in seconds or milliseconds, in ms. */
const timesOf = (list) =>
  list.split(",").map((each) => parseFloat(each) * (each.trim().endsWith("ms") ? 1 : 1000));
// Commas within functions do not part a list.
const partsOfList = (list) => list.split(/,(?![^(]*\))/).map((each) => each.trim());
const cycle = (list, at) => list[at % list.length];

/** The properties in transition, each with its number in the page's list. */
function wantedProperties({ properties }, style) {
  const wanted = new native.Map();
  const allowsDiscrete = String(style.transitionBehavior).includes("allow-discrete");
  properties.forEach((name, at) => {
    const names =
      name === "all"
        ? ALL
        : SHORTHANDS.includes(name)
          ? ALL.filter((each) => each.startsWith(name.split("-")[0]))
          : [name];
    for (const each of names)
      if (each !== "none" && (allowsDiscrete || !DISCRETE.includes(each))) wanted.set(each, at);
  });
  return wanted;
}

// The filling of a bar.
function fillingOf(element) {
  const { min = 0, max, value } = element;
  return max > min
    ? `${(100 * Math.min(1, Math.max(0, (value - min) / (max - min)))).toFixed(4)}%`
    : "";
}

/** The style of a part, as far as it can be known. */
function partStyle(element, part, own) {
  if (!UNREADABLE.test(part)) return native.getComputedStyle(element, part);
  return {
    transitionDuration: own.transitionDuration || "0s",
    transitionDelay: own.transitionDelay || "0s",
    transitionTimingFunction: own.transitionTimingFunction || "ease",
    transitionBehavior: "normal",
    animationName: own.animationName || "none",
    animationDelay: own.animationDelay || "0s",
    animationPlayState: own.animationPlayState || "running",
    getPropertyValue: (property) =>
      FILLING.test(part) && (property === "width" || property === "inline-size")
        ? fillingOf(element)
        : "",
  };
}

// The present filling of a moving bar, which cannot be read.
function shownFilling({ from, to, start, delay, length, easing }) {
  const effect = new KeyframeEffect(null, null, { duration: length, delay, easing, fill: "both" });
  const animation = new Animation(effect, null);
  nativeAnimation.setTime(animation, clock.now - start);
  const progress = nativeAnimation.timing(effect).progress ?? 1;
  return `${parseFloat(from) + (parseFloat(to) - parseFloat(from)) * progress}%`;
}

function noteChanges(part, rule, style) {
  const [lengths, delays, easings] = [
    timesOf(style.transitionDuration),
    timesOf(style.transitionDelay),
    partsOfList(style.transitionTimingFunction),
  ];
  for (const [property, at] of wantedProperties(rule, style)) {
    const to = style.getPropertyValue(property);
    const before = part.targets.get(property);
    part.targets.set(property, to);
    const running = part.changes.get(property);
    if (before === undefined || before === to || to === "") continue;
    const [delay, full] = [cycle(delays, at), cycle(lengths, at)];
    // A transition that turns back takes as long as it took so far.
    const share =
      running && running.from === to && running.length > 0
        ? Math.min(1, Math.max(0, clock.now - running.start - running.delay) / running.length)
        : 1;
    const from =
      running && UNREADABLE.test(rule.part)
        ? shownFilling(running)
        : (part.shown.get(property) ?? before);
    if (full + delay > 0)
      part.changes.set(property, {
        property,
        from,
        to,
        start: clock.now,
        delay,
        length: full * share,
        easing: cycle(easings, at),
      });
    else part.changes.delete(property);
  }
}

/** The rule that shows a part at the present time; empty if nothing moves. */
function writePart(name, part, style, playState) {
  const lists = { names: [], lengths: [], delays: [], easings: [], fills: [], keyframes: "" };
  if (style.animationName !== "none") {
    if (part.names !== style.animationName)
      Object.assign(part, { names: style.animationName, born: clock.now });
    const [own, delays] = [partsOfList(style.animationName), timesOf(style.animationDelay)];
    if (!playState.startsWith("paused"))
      part.delay = own.map((_, at) => `${cycle(delays, at) - (clock.now - part.born)}ms`).join();
    return `[${PART_MARK}~="${part.number}"]${name} { animation-play-state: paused !important; animation-delay: ${part.delay ?? style.animationDelay} !important }`;
  }
  part.names = "none";
  for (const [property, change] of part.changes) {
    const passed = clock.now - change.start;
    if (passed >= change.delay + change.length) {
      part.changes.delete(property);
      continue;
    }
    const own = `pagereel-${part.number}-${lists.names.length}`;
    lists.keyframes += `@keyframes ${own} { from { ${property}: ${change.from} } to { ${property}: ${change.to} } }`;
    lists.names.push(own);
    lists.lengths.push(`${change.length}ms`);
    lists.delays.push(`${change.delay - passed}ms`);
    lists.easings.push(change.easing);
  }
  if (lists.names.length === 0) return "";
  const { names, lengths, delays, easings, keyframes } = lists;
  return `${keyframes} [${PART_MARK}~="${part.number}"]${name} { animation: none; animation-name: ${names} !important; animation-duration: ${lengths} !important; animation-delay: ${delays} !important; animation-timing-function: ${easings} !important; animation-fill-mode: both !important; animation-play-state: paused !important }`;
}

function partOf(element, name) {
  let parts = watchedParts.get(element);
  if (!parts) watchedParts.set(element, (parts = new native.Map()));
  if (!parts.has(name))
    parts.set(name, {
      number: ++lastPartNumber,
      targets: new native.Map(),
      shown: new native.Map(),
      changes: new native.Map(),
      names: "none",
      born: clock.now,
    });
  return parts.get(name);
}

function elementsOf(base) {
  try {
    return allTrees().flatMap((tree) => [...tree.querySelectorAll(base)]);
  } catch {
    return [];
  }
}

function adopt(root) {
  if (partSheet) adoptSheet(root, partSheet);
}
watchShadows(adopt);

function write(text) {
  if (text === written) return;
  written = text;
  partSheet.replaceSync(text);
}

/** Places the moving parts of elements at the page's time. */
export function applyInnerStyles() {
  findRules();
  if (rules.length === 0) return;
  if (!mayAdopt(partSheet)) {
    partSheet = makeSheet();
    written = null;
  }
  allTrees().forEach(adopt);
  const names = [...new Set(rules.map(({ part }) => part))];
  const forAll = (declarations) => names.map((name) => `*${name} { ${declarations} }`).join("\n");
  const still = forAll(
    "transition-property: none !important; animation-play-state: paused !important",
  );
  /** @type {Map<Part, {element: Element, name: string, rule: PartRule}>} the last rule of each part counts */
  const found = new native.Map();
  for (const rule of rules) {
    for (const element of elementsOf(rule.base)) {
      if (found.size < MAX_PARTS)
        found.set(partOf(element, rule.part), { element, name: rule.part, rule });
    }
  }
  const before = written;
  if (stopsFirst) {
    // Animations that began by the wall clock begin again.
    stopsFirst = false;
    write(forAll("transition-property: none !important; animation-name: none !important"));
    for (const [, { element, name }] of found)
      void native.getComputedStyle(element, name).animationName;
    void document.documentElement.offsetHeight;
  }
  // The page's own values are read without ours.
  write(still);
  const styles = new native.Map();
  for (const [part, { element, name, rule }] of found) {
    const style = partStyle(element, name, rule.own);
    noteChanges(part, rule, style);
    styles.set(part, style);
  }
  let text = still;
  const moving = [];
  for (const [part, { element, name, rule }] of found) {
    const own = writePart(name, part, styles.get(part), rule.own.animationPlayState);
    if (own === "") continue;
    if (element.getAttribute(PART_MARK) === null) element.setAttribute(PART_MARK, "");
    if (!element.matches(`[${PART_MARK}~="${part.number}"]`))
      element.setAttribute(PART_MARK, `${element.getAttribute(PART_MARK)} ${part.number}`.trim());
    text += `\n${own}`;
    moving.push([part, styles.get(part)]);
  }
  write(text);
  if (text !== before) markChanged();
  for (const [part, style] of moving)
    for (const property of part.changes.keys())
      part.shown.set(property, style.getPropertyValue(property));
  for (const [part] of found)
    for (const property of [...part.shown.keys()])
      if (!part.changes.has(property)) part.shown.delete(property);
}

/** Whether every frame has to be visited: what is in transition depends on when it changed. */
export const innerStylesMove = () => rules.length > 0;
