// Families and characters: which are there, what is brought, and what is drawn as something else.
//
// The browser draws a family that is not there as the next of its list, and a character that no font
// has as a box, and says nothing. So all text is read once when the document has loaded, that of clips
// which are not shown yet included, and afterwards only what a mutation has brought. What neither the
// page declares nor the system has is asked of the engine, which may have a package with it; such
// faces are added to `document.fonts`, and awaited like the page's own.
//
// Whether the system has a family is told by widths: text in a family that is not there is as wide as
// in each of the generic families that stands behind it.

import { config, native, nativeGetter, nativeMethod, nativeSetter, override } from "./natives.js";
import { fetchText } from "./files.js";
import { allTrees, watchShadows } from "./shadow_roots.js";
import { beginWork, endWork } from "./work.js";
import { describeElement, warnOnce } from "./warnings.js";

/** Families that mean whatever the system has: whose list begins with one asks for none by name. */
const SYSTEM_WORDS = new Set(["serif", "sans-serif", "monospace", "cursive", "fantasy", "system-ui", "ui-serif", "ui-sans-serif", "ui-monospace", "ui-rounded", "math", "emoji", "fangsong", "-apple-system", "blinkmacsystemfont", "-webkit-body", "-webkit-standard", "segoe ui", "sfmono-regular", "apple color emoji", "segoe ui emoji", "segoe ui symbol", "noto color emoji", "android emoji", "emojisymbols"]);
/** What the browser says of text for which no style names a family. */
const INITIAL = '"Times New Roman"';
/** Elements whose text is never drawn. */
const UNDRAWN = new Set(["script", "style", "template", "noscript", "title", "desc", "metadata", "head", "textarea", "option"]);

const PROBED = ["monospace", "serif", "sans-serif"];
/** Letters, digits and blanks of different widths. */
const SAMPLE = "mwIl 10&. Ag";
/** A character that no font has. */
const UNKNOWN = String.fromCodePoint(0x10fffd);
const BOX_SIZE = 40;
/** Marks, blanks, controls and the like have no picture of their own. */
const UNPICTURED = /[\p{M}\p{White_Space}\p{Cc}\p{Cs}\p{Cn}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** Characters that one warning lists, and warnings about characters of one document. */
const MAX_LISTED = 20;
const MAX_ELEMENTS = 3;
const MAX_EXCERPT = 24;
const MAX_GLYPH_WARNINGS = 20;
const MAX_FAMILY_WARNINGS = 100;

const createElement = nativeMethod(Document.prototype, "createElement");
const createWalker = nativeMethod(Document.prototype, "createTreeWalker");
const getContext = nativeMethod(window.HTMLCanvasElement?.prototype, "getContext");
const canvasPrototype = window.CanvasRenderingContext2D?.prototype;
const measureText = nativeMethod(canvasPrototype, "measureText");
const fillText = nativeMethod(canvasPrototype, "fillText");
const clearRect = nativeMethod(canvasPrototype, "clearRect");
const getImageData = nativeMethod(canvasPrototype, "getImageData");
const getCanvasFont = nativeGetter(canvasPrototype, "font");
const setCanvasFont = nativeSetter(canvasPrototype, "font");
const addFace = nativeMethod(window.FontFaceSet?.prototype, "add");
const deleteFace = nativeMethod(window.FontFaceSet?.prototype, "delete");
const checkFonts = nativeMethod(window.FontFaceSet?.prototype, "check");
const fontsReady = nativeGetter(window.FontFaceSet?.prototype, "ready");
const NativeFontFace = window.FontFace;

// The names in a list as styles and canvases give it back: strings, or words that are written plainly.
function familyNames(list) {
  return Array.from(list.matchAll(/"((?:[^"\\]|\\.)*)"|([^,"]+)/g), ([, quoted, plain]) => (quoted === undefined ? plain.trim() : quoted.replace(/\\(.)/g, "$1"))).filter(Boolean);
}

const lists = new native.Map();

/** The families of a list, in lower case and as written; only looked at once. */
function readList(list) {
  if (!lists.has(list)) lists.set(list, familyNames(list).map((name) => ({ name, key: name.toLowerCase() })));
  return lists.get(list);
}

let probe = null;

function probeContext() {
  if (probe === null) {
    const canvas = createElement(document, "canvas");
    canvas.width = 2 * BOX_SIZE;
    canvas.height = 2 * BOX_SIZE;
    probe = getContext(canvas, "2d", { willReadFrequently: true });
    probe.textBaseline = "middle";
  }
  return probe;
}

function widthOf(text, font) {
  const context = probeContext();
  setCanvasFont(context, font);
  return measureText(context, text).width;
}

const plainWidths = new native.Map();
const installed = new native.Map();

/** Whether the system draws this family, or what is as good as it, under its name. */
function isInstalled({ name, key }) {
  if (!installed.has(key)) {
    const quoted = JSON.stringify(name);
    const differs = (generic) => {
      if (!plainWidths.has(generic)) plainWidths.set(generic, widthOf(SAMPLE, `64px ${generic}`));
      return widthOf(SAMPLE, `64px ${quoted}, ${generic}`) !== plainWidths.get(generic);
    };
    installed.set(key, PROBED.some(differs));
  }
  return installed.get(key);
}

/** The document whose text is read: a window can outlive its first, empty one. */
let readDocument = null;
/** @type {Map<string, FontFace[]>} faces of ours, by family */
let brought = new native.Map();
/** Families that nobody has, and that the engine was asked for. */
let asked = new Set();
let declared = new Set();
let declaredCount = -1;

const faceKey = (face) => face.family.replace(/^(["'])(.*)\1$/, "$2").toLowerCase();

const ownFaces = new WeakMap();

/** Whether a face was brought by us; then its file's name. */
export function broughtFrom(face) {
  return ownFaces.get(face) ?? null;
}

/** Families that the page itself declares. What we have brought under their names goes. */
function declaredFamilies() {
  if (document.fonts.size !== declaredCount) {
    declared = new Set();
    for (const face of document.fonts) {
      if (!ownFaces.has(face)) declared.add(faceKey(face));
    }
    for (const [key, faces] of brought) {
      if (!declared.has(key)) continue;
      faces.forEach((face) => deleteFace(document.fonts, face));
      brought.delete(key);
    }
    declaredCount = document.fonts.size;
  }
  return declared;
}

// Rules become faces rather than a style sheet: a page that sets its own sheets would drop ours.
function bring(rules) {
  if (!rules) return;
  const { address, scheme } = config.fonts;
  const sheet = new native.CSSStyleSheet();
  sheet.replaceSync(rules);
  for (const { style } of sheet.cssRules) {
    const value = (name) => style.getPropertyValue(name);
    const source = value("src");
    const descriptors = { weight: value("font-weight"), style: value("font-style"), stretch: value("font-stretch"), display: "block" };
    if (value("unicode-range")) descriptors.unicodeRange = value("unicode-range");
    const [{ name, key }] = readList(value("font-family"));
    const face = new NativeFontFace(name, source.replace(scheme, address), descriptors);
    ownFaces.set(face, /[^/]*(?="\))/.exec(source)?.[0] ?? "");
    addFace(document.fonts, face);
    if (!brought.has(key)) brought.set(key, []);
    brought.get(key).push(face);
  }
  declaredCount = -1;
}

function adoptDocument() {
  if (readDocument === document || !document.fonts) return;
  readDocument = document;
  brought = new native.Map();
  asked = new Set();
  declaredCount = -1;
  forgetTexts();
  if (config.fonts) bring(config.fonts.rules);
}

/** Whether a family is there. One that is not, and that the engine has, is there from now on. */
function isThere(family) {
  const { name, key } = family;
  if (declaredFamilies().has(key) || brought.has(key) || SYSTEM_WORDS.has(key) || isInstalled(family)) return true;
  if (!config.fonts || asked.has(key)) return false;
  asked.add(key);
  bring(fetchText(`${config.fonts.address}rules?family=${encodeURIComponent(name)}`));
  return brought.has(key);
}

/** Has every family of a list brought that can be: each may have characters that the others lack. */
function provide(list) {
  readList(list).forEach(isThere);
}

/** @typedef {{font: string, list: string, element: Element, met: Set<string>}} Style
 *  `met` has the characters that were looked at. */

/** @type {Map<string, Style>} */
const textStyles = new native.Map();
/** @type {WeakMap<Element, Style>} */
let textStylesOf = new WeakMap();
/** Characters whose glyphs have to be looked for, by their styles. */
const unchecked = new native.Map();
/** Characters that some font of the system has. */
const drawable = new Set();
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
  for (let node = walker.nextNode(); node; node = walker.nextNode()) found = readText(node) || found;
  return found;
}

/** Text that came or changed since it was read last. */
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
const TEXT_CHANGES = { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["class"] };

function forgetTexts() {
  observing = false;
  textObserver.disconnect();
  freshNodes.clear();
  textStyles.clear();
  textStylesOf = new WeakMap();
  unchecked.clear();
  unjudged.clear();
}

function readAll() {
  adoptDocument();
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

// Fonts for characters that have come. Readiness waits for them, and so does a frame.
function loadLate() {
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

/** Reads what mutations have brought since. Costs nothing where they brought no text. */
export function noticeText() {
  adoptDocument();
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
  if (judging && loading === 0 && (unjudged.size > 0 || unjudgedDrawn.size > 0 || unchecked.size > 0)) judge();
}

/** All text of the document, read anew, by the font that it asks for: what has to be loaded. */
export function readTexts() {
  if (!document.fonts) return [];
  forgetTexts();
  readAll();
  for (const list of unjudged.keys()) provide(list);
  return Array.from(textStyles.values(), ({ font, met }) => [font, [...met].join("")]);
}

/** Says what is missing, from now on as soon as it is. Call once fonts have been loaded. */
export function judgeTexts() {
  if (!document.fonts || !canvasPrototype) return;
  readAll();
  judging = true;
  noticeText();
}

/** @type {Map<string, Element>} by the families that they ask for in vain */
const misdrawnElements = new native.Map();

/** An element that asks for a family in vain, for the engine to find out what is drawn. */
export const misdrawnElement = (family) => misdrawnElements.get(family.toLowerCase());

/** An element as a person would find it: where it has no name, by its text. */
function nameText(element) {
  const name = describeElement(element);
  const text = element.textContent.replace(/\s+/g, " ").trim();
  if (element.id || text === "") return name;
  return `${name} "${text.length > MAX_EXCERPT ? `${text.slice(0, MAX_EXCERPT).trim()}…` : text}"`;
}

// Only the first of a list is wanted for its own sake; the others are what the author can do without.
function judgeFamilies() {
  for (const [list, element] of [...unjudged, ...unjudgedDrawn]) {
    const families = readList(list);
    const [first] = families;
    if (!first || list === INITIAL || SYSTEM_WORDS.has(first.key) || isThere(first)) continue;
    if (misdrawnElements.has(first.key) || misdrawnElements.size >= MAX_FAMILY_WARNINGS) continue;
    misdrawnElements.set(first.key, element);
    const next = families.slice(1).find(isThere)?.name ?? "the browser's standard font";
    warnOnce("font_missing", `font "${first.name}" is not there: ${nameText(element)} is drawn in ${next}`, { family: first.name });
  }
  unjudged.clear();
  unjudgedDrawn.clear();
}

function pixelsOf(context, text) {
  clearRect(context, 0, 0, 2 * BOX_SIZE, 2 * BOX_SIZE);
  fillText(context, text, BOX_SIZE / 2, BOX_SIZE);
  return getImageData(context, 0, 0, 2 * BOX_SIZE, 2 * BOX_SIZE).data;
}

const boxes = new native.Map();

// A character that no font has looks like another that none has.
function isBox(character, font) {
  const context = probeContext();
  setCanvasFont(context, font);
  if (!boxes.has(font)) boxes.set(font, { width: measureText(context, UNKNOWN).width, pixels: null });
  const box = boxes.get(font);
  if (measureText(context, character).width !== box.width) return false;
  box.pixels ??= pixelsOf(context, UNKNOWN);
  const pixels = pixelsOf(context, character);
  return pixels.every((value, at) => value === box.pixels[at]);
}

let glyphWarnings = 0;

function judgeCharacters() {
  const lacking = new Set();
  const elements = new Set();
  for (const [style, characters] of unchecked) {
    for (const character of characters) {
      if (drawable.has(character) || UNPICTURED.test(character)) continue;
      if (!isBox(character, `${BOX_SIZE}px sans-serif`)) drawable.add(character);
      else if (isBox(character, style.font.replace("16px", `${BOX_SIZE}px`))) {
        lacking.add(character);
        elements.add(style.element);
      }
    }
  }
  unchecked.clear();
  if (lacking.size > 0 && glyphWarnings < MAX_GLYPH_WARNINGS) warnAbout([...lacking], [...elements]);
}

function warnAbout(characters, elements) {
  glyphWarnings += 1;
  const shown = characters.slice(0, MAX_LISTED).map((character) => `${character} (U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")})`);
  const more = characters.length > MAX_LISTED ? ` and ${characters.length - MAX_LISTED} more` : "";
  const text = `no font has these characters, and boxes are drawn for them: ${shown.join(" ")}${more}, in ${elements.slice(0, MAX_ELEMENTS).map(nameText).join(", ")}`;
  warnOnce("glyph_missing", text, { hint: "install fonts that have them: ./setup.sh installs Noto's, with CJK and emoji (fonts-noto-core, fonts-noto-cjk, fonts-noto-color-emoji)" });
}

function judge() {
  judgeFamilies();
  judgeCharacters();
}

// Page code that asks for fonts, or draws with them, asks before the document has been read.
const providedFonts = new Set();

/** Has the families of a canvas's font brought. Returns their list. */
function provideFor(font) {
  adoptDocument();
  const list = /px\s+(.+)$/.exec(font)?.[1] ?? "";
  provide(list);
  return list;
}

override(canvasPrototype, {
  set font(value) {
    setCanvasFont(this, value);
    if (providedFonts.has(value) || !document.fonts) return;
    providedFonts.add(value);
    const list = provideFor(getCanvasFont(this));
    // What was brought counts from the next time on.
    setCanvasFont(this, value);
    if (!unjudgedDrawn.has(list)) unjudgedDrawn.set(list, this.canvas);
  },
});

override(window.FontFaceSet?.prototype, {
  check(...given) {
    if (this === document.fonts) provideShorthand(given[0]);
    return checkFonts(this, ...given);
  },
  get ready() {
    if (this === document.fonts && config.fonts && !observing) {
      readTexts();
      loadLate();
    }
    return fontsReady(this);
  },
});

function provideShorthand(font) {
  const context = probeContext();
  setCanvasFont(context, "1px serif");
  setCanvasFont(context, font);
  provideFor(getCanvasFont(context));
}

const loadFontsOfPage = window.FontFaceSet?.prototype.load;

override(window.FontFaceSet?.prototype, {
  load(...given) {
    if (this === document.fonts) provideShorthand(given[0]);
    return Reflect.apply(loadFontsOfPage, this, given);
  },
});
