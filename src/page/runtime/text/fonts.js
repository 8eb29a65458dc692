// Families: those that are there, and those that the engine can provide.
//
// The browser silently draws a missing family as the next of its list. Widths show whether the
// system has one: text in a missing family is as wide as in each of the generic families behind it.
// The engine is asked for families that neither the page declares nor the system has, and may have
// a package with them; such faces are added to `document.fonts`, and awaited like the page's own.

import { createHtml, config, native, nativeMethod, nativeSetter } from "../natives.js";
import { fetchText } from "../compositions/files.js";

/** Words for fonts of the system. */
const GENERIC = new Set([
  "serif",
  "sans-serif",
  "monospace",
  "cursive",
  "fantasy",
  "system-ui",
  "ui-serif",
  "ui-sans-serif",
  "ui-monospace",
  "ui-rounded",
  "math",
  "emoji",
  "fangsong",
  "-apple-system",
  "blinkmacsystemfont",
  "-webkit-body",
  "-webkit-standard",
]);
/** Families by which lists name the font of one system or another. */
const SYSTEM_FONTS = new Set([
  "segoe ui",
  "sfmono-regular",
  "apple color emoji",
  "segoe ui emoji",
  "segoe ui symbol",
  "noto color emoji",
  "android emoji",
  "emojisymbols",
]);

const PROBED = ["monospace", "serif", "sans-serif"];
/** Letters, digits and blanks of different widths. */
const SAMPLE = "mwIl 10&. Ag";

/** The size of text in pixels on the probed canvas, which is twice as wide and high. */
export const BOX_SIZE = 40;

const getContext = nativeMethod(window.HTMLCanvasElement?.prototype, "getContext");
const canvasPrototype = window.CanvasRenderingContext2D?.prototype;
const measureText = nativeMethod(canvasPrototype, "measureText");
const setCanvasFont = nativeSetter(canvasPrototype, "font");
const addFace = nativeMethod(window.FontFaceSet?.prototype, "add");
const deleteFace = nativeMethod(window.FontFaceSet?.prototype, "delete");
const NativeFontFace = window.FontFace;

// The names in a list in the form that styles and canvases return: strings, or plain words.
function familyNames(list) {
  return Array.from(list.matchAll(/"((?:[^"\\]|\\.)*)"|([^,"]+)/g), ([, quoted, plain]) =>
    quoted === undefined ? plain.trim() : quoted.replace(/\\(.)/g, "$1"),
  ).filter(Boolean);
}

const lists = new native.Map();

/** The families of a list, in lower case and as written; read only once. */
export function readList(list) {
  if (!lists.has(list))
    lists.set(
      list,
      familyNames(list).map((name) => ({ name, key: name.toLowerCase() })),
    );
  return lists.get(list);
}

let probe = null;

export function probeContext() {
  if (probe === null) {
    const canvas = createHtml("canvas");
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

/** Whether the system draws this family, or an equivalent, under its name. */
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

/** The document whose faces are known: a window can outlive its first, empty one. */
let fontsDocument = null;
/** @type {Map<string, FontFace[]>} faces of ours, by family */
let brought = new native.Map();
/** Families that are missing, and that the engine was asked for. */
let asked = new Set();
let declared = new Set();
let declaredCount = -1;

const faceKey = (face) => face.family.replace(/^(["'])(.*)\1$/, "$2").toLowerCase();

const ownFaces = new WeakMap();

/** The file's name of a face that the engine provided; null for others. */
export function broughtFrom(face) {
  return ownFaces.get(face) ?? null;
}

/**
 * Families that the page itself declares. Faces that the engine provided under their names are
 * removed.
 */
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
  for (const { style } of /** @type {Iterable<CSSFontFaceRule>} */ (sheet.cssRules)) {
    const value = (name) => style.getPropertyValue(name);
    const source = value("src");
    /** @type {FontFaceDescriptors} */
    const descriptors = {
      weight: value("font-weight"),
      style: value("font-style"),
      stretch: value("font-stretch"),
      display: "block",
    };
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

/** Begins anew in a new document. */
export function adoptFonts() {
  if (fontsDocument === document || !document.fonts) return;
  fontsDocument = document;
  brought = new native.Map();
  asked = new Set();
  declaredCount = -1;
  if (config.fonts) bring(config.fonts.rules);
}

/** Whether a family is there. A missing one that the engine has is there from now on. */
export function isThere(family) {
  const { name, key } = family;
  if (declaredFamilies().has(key) || brought.has(key) || GENERIC.has(key) || isInstalled(family))
    return true;
  if (!config.fonts || asked.has(key)) return false;
  asked.add(key);
  bring(fetchText(`${config.fonts.address}rules?family=${encodeURIComponent(name)}`));
  return brought.has(key);
}

/**
 * Loads every family of a list that the engine has: each may have characters that the others lack.
 */
export function provide(list) {
  readList(list).forEach(isThere);
}

/** Whether a list that begins with this family names none, but asks for the system's. */
export const isSystemWord = ({ key }) => GENERIC.has(key) || SYSTEM_FONTS.has(key);
