// The text of the document: the families and the characters that it asks for.
//
// All text is read once when the document has loaded, including that of clips that are not shown
// yet, and afterwards only text from mutations. Missing fonts become warnings: a family that is
// drawn as another, a character for which no font has a glyph.

import { native, nativeMethod } from "../natives.js";
import { adoptFonts, isSystemWord, isThere, provide, readList } from "./fonts.js";
import { isBoxed } from "./glyphs.js";
import { allTrees, watchShadows } from "../shadow_roots.js";
import { beginWork, endWork } from "../readiness/work.js";
import { describeElement, warnOnce } from "../warnings.js";

/** The browser's value for text without a family in any style. */
const INITIAL = '"Times New Roman"';
/** Elements whose text is never drawn. */
const UNDRAWN = new Set([
  "script",
  "style",
  "template",
  "noscript",
  "title",
  "desc",
  "metadata",
  "head",
  "textarea",
  "option",
]);

/** Characters that one warning lists, and warnings about characters of one document. */
const MAX_LISTED = 20;
const MAX_ELEMENTS = 3;
const MAX_EXCERPT = 24;
const MAX_GLYPH_WARNINGS = 20;
const MAX_FAMILY_WARNINGS = 100;

const createWalker = nativeMethod(Document.prototype, "createTreeWalker");
const checkFonts = nativeMethod(window.FontFaceSet?.prototype, "check");

/** @typedef {{font: string, list: string, element: Element, met: Set<string>}} Style
 *  `met` has the characters that were looked at. */

/** @type {Map<string, Style>} */
const textStyles = new native.Map();
/** @type {WeakMap<Element, Style>} */
let textStylesOf = new WeakMap();
/** Characters whose glyphs have to be checked, by their styles. */
const unchecked = new native.Map();
/** Lists that have not been judged, each with an element: those of text, and those of canvases. */
const unjudged = new native.Map();
const unjudgedDrawn = new native.Map();
/** Whether all text has been read, and whether it has been judged. */
let observing = false;
let judging = false;
let loading = 0;

function textStyleOf(element) {
  const known = textStylesOf.get(element);
  if (known) return known;
  const { fontStyle, fontWeight, fontFamily } = native.getComputedStyle(element);
  const font = `${fontStyle} ${fontWeight} 16px ${fontFamily}`;
  let style = textStyles.get(font);
  if (!style) {
    style = { font, list: fontFamily, element, met: new Set() };
    textStyles.set(font, style);
    if (!unjudged.has(fontFamily)) unjudged.set(fontFamily, element);
  }
  textStylesOf.set(element, style);
  return style;
}

// Whether there is anything new in a text.
function readText(node) {
  const element = node.parentElement ?? node.parentNode?.host;
  if (!element || UNDRAWN.has(element.localName)) return false;
  const text = node.data;
  if (!/\S/.test(text)) return false;
  const style = textStyleOf(element);
  let fresh = null;
  for (const character of text) {
    if (style.met.has(character)) continue;
    style.met.add(character);
    if (!unchecked.has(style)) unchecked.set(style, new Set());
    (fresh = unchecked.get(style)).add(character);
  }
  return fresh !== null;
}

function readTree(root) {
  if (root.nodeType === Node.TEXT_NODE) return readText(root);
  const walker = createWalker(document, root, NodeFilter.SHOW_TEXT);
  let found = false;
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    found = readText(node) || found;
  return found;
}

/** Text that came or changed since the last reading. */
const freshNodes = new Set();

function takeTextRecords(records) {
  for (const { type, target, addedNodes } of records) {
    if (type === "characterData") freshNodes.add(target);
    else if (type === "childList") addedNodes.forEach((node) => freshNodes.add(node));
    else if (target.isConnected) restyle(target);
  }
}

// Another class may give other families to everything below.
function restyle(element) {
  const walker = createWalker(document, element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    textStylesOf.delete(node.parentElement);
    freshNodes.add(node);
  }
}

const textObserver = new native.MutationObserver(takeTextRecords);
const TEXT_CHANGES = {
  subtree: true,
  childList: true,
  characterData: true,
  attributes: true,
  attributeFilter: ["class"],
};

function forgetTexts() {
  observing = false;
  textObserver.disconnect();
  freshNodes.clear();
  textStyles.clear();
  textStylesOf = new WeakMap();
  unchecked.clear();
  unjudged.clear();
}

let textsDocument = null;

// A window can outlive its first, empty document.
function adoptTexts() {
  adoptFonts();
  if (textsDocument === document) return;
  textsDocument = document;
  forgetTexts();
}

function readAll() {
  adoptTexts();
  if (observing) return;
  observing = true;
  for (const tree of allTrees()) {
    readTree(tree);
    textObserver.observe(tree, TEXT_CHANGES);
  }
}

watchShadows((root) => {
  if (!observing) return;
  freshNodes.add(root);
  textObserver.observe(root, TEXT_CHANGES);
});

// Loads fonts for characters that have come. Readiness waits for them, and so does a frame.
export function loadLate() {
  if (document.fonts.size === 0) return;
  for (const [style, characters] of unchecked) {
    const text = [...characters].join("");
    if (checkFonts(document.fonts, style.font, text)) continue;
    const key = {};
    loading += 1;
    beginWork(key, `font ${style.font}`, { code: "font_pending" });
    const done = () => {
      loading -= 1;
      endWork(key);
    };
    native.loadFonts(document.fonts, style.font, text).then(done, done);
  }
}

/** Reads text from mutations since the last call. Costs nothing if they brought no text. */
export function noticeText() {
  adoptTexts();
  if (!observing) return;
  takeTextRecords(textObserver.takeRecords());
  if (freshNodes.size > 0) {
    let found = false;
    for (const node of freshNodes) found = (node.isConnected && readTree(node)) || found;
    freshNodes.clear();
    if (found) {
      for (const list of unjudged.keys()) provide(list);
      loadLate();
    }
  }
  if (
    judging &&
    loading === 0 &&
    (unjudged.size > 0 || unjudgedDrawn.size > 0 || unchecked.size > 0)
  )
    judge();
}

/** All text of the document, read anew, by the font that it asks for: everything to load. */
export function readTexts() {
  if (!document.fonts) return [];
  forgetTexts();
  readAll();
  for (const list of unjudged.keys()) provide(list);
  return Array.from(textStyles.values(), ({ font, met }) => [font, [...met].join("")]);
}

/**
 * Warns of missing fonts, from now on as soon as they are known. Call once fonts have been loaded.
 */
export function judgeTexts() {
  if (!document.fonts || !window.CanvasRenderingContext2D) return;
  readAll();
  judging = true;
  noticeText();
}

/** @type {Map<string, Element>} by the families that they ask for in vain */
const misdrawnElements = new native.Map();

/** An element with a missing family, for the engine to find the font that is drawn. */
export const misdrawnElement = (family) => misdrawnElements.get(family.toLowerCase());

/** An element's name for people: if it has none, its text. */
function nameText(element) {
  const name = describeElement(element);
  const text = element.textContent.replace(/\s+/g, " ").trim();
  if (element.id || text === "") return name;
  return `${name} "${text.length > MAX_EXCERPT ? `${text.slice(0, MAX_EXCERPT).trim()}…` : text}"`;
}

// Only the first family of a list is the author's choice; the others are fallbacks.
function judgeFamilies() {
  for (const [list, element] of [...unjudged, ...unjudgedDrawn]) {
    const families = readList(list);
    const [first] = families;
    if (!first || list === INITIAL || isSystemWord(first) || isThere(first)) continue;
    if (misdrawnElements.has(first.key) || misdrawnElements.size >= MAX_FAMILY_WARNINGS) continue;
    misdrawnElements.set(first.key, element);
    const next = families.slice(1).find(isThere)?.name ?? "the browser's standard font";
    warnOnce(
      "font_missing",
      `font "${first.name}" is not there: ${nameText(element)} is drawn in ${next}`,
      { family: first.name },
    );
  }
  unjudged.clear();
  unjudgedDrawn.clear();
}
let glyphWarnings = 0;

function judgeCharacters() {
  const lacking = new Set();
  const elements = new Set();
  for (const [style, characters] of unchecked) {
    for (const character of characters) {
      if (!isBoxed(character, style.font)) continue;
      lacking.add(character);
      elements.add(style.element);
    }
  }
  unchecked.clear();
  if (lacking.size > 0 && glyphWarnings < MAX_GLYPH_WARNINGS)
    warnAbout([...lacking], [...elements]);
}

function warnAbout(characters, elements) {
  glyphWarnings += 1;
  const shown = characters
    .slice(0, MAX_LISTED)
    .map(
      (character) =>
        `${character} (U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")})`,
    );
  const more = characters.length > MAX_LISTED ? ` and ${characters.length - MAX_LISTED} more` : "";
  const text = `no font has these characters, and boxes are drawn for them: ${shown.join(" ")}${more}, in ${elements.slice(0, MAX_ELEMENTS).map(nameText).join(", ")}`;
  warnOnce("glyph_missing", text, {
    hint: "install fonts that have them: ./setup.sh installs Noto's, with CJK and emoji (fonts-noto-core, fonts-noto-cjk, fonts-noto-color-emoji)",
  });
}

function judge() {
  judgeFamilies();
  judgeCharacters();
}

/** Whether all text has been read. */
export const hasReadTexts = () => observing;

/** Records a list that a canvas draws with. */
export function noteDrawnList(list, canvas) {
  if (!unjudgedDrawn.has(list)) unjudgedDrawn.set(list, canvas);
}
