// The structure of the composition, for `pagereel check`.
//
// This module only reads. A page may have replaced any object, so each is asked with care: an
// answer that fails is left out, and never becomes an error of the page. Frames below this document
// are not listed.

import {
  compositionLength,
  compositionStart,
  currentClips,
  findRoot,
  numberAttribute,
  rootTime,
  timelineKey,
} from "./time/timing.js";
import { hasUnnamedTimelines, registeredTimelines, timelineLength } from "./animation/timelines.js";
import { allDeclarations } from "./compositions/variables.js";
import { gsapVersion } from "./animation/gsap.js";
import { animationRecords } from "./animation/animations.js";
import { listensToSeeks } from "./animation/animation_events.js";
import { pendingFrameCallbacks, pendingTimers } from "./time/clock.js";
import { pagePlayer } from "./animation/adapters.js";
import { countPlayers } from "./players/players.js";
import { countMovingImages } from "./images/animated_images.js";
import { declaresTransitions } from "./readiness/assets.js";
import { broughtFrom } from "./text/fonts.js";
import { jsonNumber, listMedia } from "./media/media_list.js";

/** Addresses longer than this are cut: a font may be written into its style sheet. */
const MAX_ADDRESS = 200;
/** The number of faces above which only the used ones are listed. */
const MANY_FACES = 64;

function ask(question, otherwise) {
  try {
    return question() ?? otherwise;
  } catch {
    return otherwise;
  }
}

function nameElement(element) {
  return element.id ? `#${element.id}` : `<${element.localName}>`;
}

function countTweens(timeline) {
  return ask(() => timeline.getChildren(true, true, false).length, null);
}

function describeTimeline({ key, timeline }) {
  const duration = ask(() => jsonNumber(timelineLength(timeline)), null);
  return { key, duration, tweens: countTweens(timeline) };
}

function compositionId(element) {
  return element?.getAttribute("data-composition-id") ?? null;
}

function listCompositions(root, timelines) {
  const elements = Array.from(document.querySelectorAll("[data-composition-id]"));
  // A page without the attribute still has a root.
  if (root && !elements.includes(root)) elements.unshift(root);
  const own = (element) => timelines.find(({ key }) => key === timelineKey(element));
  const strangers = timelines.filter(
    ({ key }) => !elements.some((element) => timelineKey(element) === key),
  );
  const lone = strangers.length === 1 && !hasUnnamedTimelines() ? strangers[0] : undefined;
  return elements.map((element) => {
    const id = compositionId(element);
    const timeline = own(element) ?? (element === root ? lone : undefined);
    return {
      id,
      element: nameElement(element),
      src:
        element.getAttribute("data-composition-src") ??
        element.getAttribute("data-composition-file"),
      start: element === root ? 0 : ask(() => jsonNumber(compositionStart(element)), null),
      duration:
        element === root
          ? jsonNumber(numberAttribute(element, "data-duration"))
          : jsonNumber(compositionLength(element)),
      timeline: timeline ? describeTimeline(timeline) : null,
      parent: compositionId(element.parentElement?.closest("[data-composition-id]")),
    };
  });
}

function listClips() {
  const clips = ask(() => Array.from(currentClips()), []);
  return clips
    .filter(({ element }) => !element.hasAttribute("data-composition-id"))
    .map(({ element, composition, start, end }) => ({
      element: nameElement(element),
      id: element.id || null,
      composition: compositionId(element.closest("[data-composition-id]")),
      track: jsonNumber(
        numberAttribute(element, "data-track-index") ?? numberAttribute(element, "data-track"),
      ),
      start: jsonNumber(rootTime(composition, start)),
      end: end === Infinity ? null : jsonNumber(rootTime(composition, end)),
      tag: element.localName,
    }));
}

function listAdapters(timelines) {
  const found = [];
  const add = (name, count, more) => {
    if (count === null || count > 0) found.push({ name, count, ...more });
  };
  const version = gsapVersion();
  if (version !== null || timelines.length > 0) {
    const all = ask(() => window.gsap.globalTimeline.getChildren(true, true, false).length, null);
    const tweens =
      all ?? timelines.reduce((sum, { timeline }) => sum + (countTweens(timeline) ?? 0), 0);
    found.push({ name: "gsap", count: null, version, timelines: timelines.length, tweens });
  }

  const kinds = { animation: 0, transition: 0, script: 0 };
  for (const { kind } of animationRecords.values()) kinds[kind] += 1;
  add("cssAnimations", kinds.animation);
  // The elements that will change are not known beforehand.
  add("transitions", declaresTransitions() ? null : kinds.transition);
  add("webAnimations", kinds.script);
  for (const [name, count] of Object.entries(ask(countPlayers, {}))) add(name, count);
  add("animatedImages", countMovingImages());
  // Its listeners cannot be counted.
  if (listensToSeeks()) add("three", null);
  add(
    "smil",
    document.querySelectorAll("svg animate, svg animateTransform, svg animateMotion, svg set")
      .length,
  );
  add("frameCallbacks", pendingFrameCallbacks());
  add("timers", pendingTimers());
  if (pagePlayer() !== null) add("player", 1);
  return found;
}

function unquoted(family) {
  return family.trim().replace(/^(["'])(.*)\1$/, "$2");
}

function fontKey(family, weight, style) {
  const numbers = { "": "400", normal: "400", bold: "700" };
  return [unquoted(family), numbers[weight] ?? weight, style || "normal"].join("|");
}

function fontAddress(source) {
  const [, address] = /url\(["']?([^"')]*)/.exec(source) ?? /(local\([^)]*\))/.exec(source) ?? [];
  if (!address) return null;
  return address.length > MAX_ADDRESS ? `${address.slice(0, MAX_ADDRESS)}…` : address;
}

/** Addresses of the readable `@font-face` rules, in order, by their declarations. */
function fontSources() {
  const sources = {};
  const visit = (sheet) => {
    // The rules of a sheet of another origin cannot be read.
    for (const rule of ask(() => sheet.cssRules, [])) {
      if (rule instanceof CSSFontFaceRule) {
        const value = (name) => rule.style.getPropertyValue(name);
        const key = fontKey(value("font-family"), value("font-weight"), value("font-style"));
        (sources[key] ??= []).push(fontAddress(value("src")));
      } else {
        visit(rule.styleSheet ?? rule);
      }
    }
  };
  for (const sheet of [...document.styleSheets, ...(document.adoptedStyleSheets ?? [])])
    visit(sheet);
  return sources;
}

function listFonts() {
  const sources = fontSources();
  // Packages, and Google's sheets, have many faces for each one that is drawn.
  const isFew = document.fonts?.size <= MANY_FACES;
  const isUsed = (face) => face.status !== "unloaded" || (isFew && broughtFrom(face) === null);
  return Array.from(document.fonts ?? [])
    .filter(isUsed)
    .map((face) => ({
      family: unquoted(face.family),
      weight: face.weight,
      style: face.style,
      status: face.status,
      source:
        broughtFrom(face) ??
        sources[fontKey(face.family, face.weight, face.style)]?.shift() ??
        null,
    }));
}

function listVariables() {
  const found = [];
  for (const entry of ask(allDeclarations, [])) {
    if (found.some(({ id }) => id === entry.id)) continue;
    const variable = { id: entry.id, type: typeof entry.type === "string" ? entry.type : null };
    if ("default" in entry) variable.default = entry.default;
    found.push(variable);
  }
  return found;
}

/** The composition as far as it is known before the first frame. */
export function inspect() {
  const root = findRoot();
  const timelines = registeredTimelines();
  const compositions = listCompositions(root, timelines);
  const owned = new Set(compositions.map(({ timeline }) => timeline?.key));
  return {
    compositions,
    otherTimelines: timelines.filter(({ key }) => !owned.has(key)).map(describeTimeline),
    clips: listClips(),
    adapters: listAdapters(timelines),
    media: listMedia(),
    fonts: listFonts(),
    variables: listVariables(),
  };
}
