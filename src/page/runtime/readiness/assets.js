// Fonts, backgrounds and decoded images: the files of styles, fetched before the first frame.
//
// The browser loads a font or a background only once an element with it is laid out. A clip that
// appears later would then show a frame without it. So one walk over the document, hidden elements
// included, collects the addresses of pictures; texts.js reads the text.

import { native } from "../natives.js";
import { warnOnce } from "../warnings.js";
import { broughtFrom } from "../text/fonts.js";
import { readTexts } from "../text/texts.js";

/** Faces beyond this number are only loaded where the document uses them. */
const FEW_FACES = 64;
const ALL_CHARACTERS = "U+0-10FFFF";
const PICTURE_STYLES = ["backgroundImage", "maskImage", "borderImageSource", "listStyleImage"];
const ADDRESS = /url\("((?:[^"\\]|\\.)*)"\)/g;

/** @type {Map<string, string>} what is awaited: address or font to a text that names it */
const awaitedAssets = new native.Map();
let began = false;

export function pendingAssets() {
  return [...awaitedAssets.values()];
}

export function assetsBegan() {
  return began;
}

function waitFor(key, text, promise) {
  if (awaitedAssets.has(key)) return;
  awaitedAssets.set(key, text);
  const done = () => awaitedAssets.delete(key);
  promise.then(done, done);
}

function fetchPicture(address) {
  const image = new native.Image();
  native.setImageSource(image, address);
  const settled = new Promise((resolve) => {
    native.listen(image, "load", () => resolve(true));
    native.listen(image, "error", () => resolve(false));
  });
  waitFor(
    `picture ${address}`,
    `image ${address}`,
    settled.then((loaded) => {
      if (!loaded) warnOnce("image_failed", `image failed to load: ${address}`);
    }),
  );
}

function collectPictures() {
  const pictures = new Set();
  for (const element of document.querySelectorAll("body, body *")) {
    const style = native.getComputedStyle(element);
    for (const property of PICTURE_STYLES) {
      const value = style[property];
      if (!value || value === "none") continue;
      for (const [, address] of value.matchAll(ADDRESS)) pictures.add(address);
    }
  }
  return pictures;
}

/** Starts to load all files of styles. Call once the document has loaded. */
export function beginAssets() {
  began = true;
  for (const address of collectPictures()) {
    if (!address.startsWith("data:")) fetchPicture(address);
  }
  for (const image of /** @type {NodeListOf<SVGImageElement>} */ (
    document.querySelectorAll("svg image")
  )) {
    const address = image.href?.baseVal;
    if (address && !address.startsWith("data:"))
      fetchPicture(new URL(address, document.baseURI).href);
  }
  if (!document.fonts) return;
  for (const [font, characters] of readTexts()) {
    waitFor(`font ${font}`, `font ${font}`, native.loadFonts(document.fonts, font, characters));
  }
  const faces = [...document.fonts].filter((face) => broughtFrom(face) === null);
  if (faces.length > FEW_FACES) return;
  // Canvas text leaves no trace in the document.
  for (const face of faces) {
    if (face.status !== "unloaded" || face.unicodeRange.toUpperCase() !== ALL_CHARACTERS) continue;
    const name = `font ${face.family} ${face.weight} ${face.style}`;
    waitFor(`face ${name}`, name, native.loadFace(face));
  }
}

/** Whether fonts are still on their way; failed ones become warnings. */
export function fontsLoading() {
  if (!document.fonts) return false;
  for (const face of document.fonts) {
    if (face.status === "error")
      warnOnce("font_failed", `font failed to load: ${face.family} ${face.weight} ${face.style}`);
  }
  return document.fonts.status === "loading";
}

const decoded = new WeakMap();

/** Decodes images ahead of the first frame, so that none appears late. */
export function decodeImages() {
  for (const image of document.images) {
    const address = image.currentSrc || image.src;
    if (!address || !image.complete || image.naturalWidth === 0 || decoded.get(image) === address)
      continue;
    decoded.set(image, address);
    const failed = () => warnOnce("image_failed", `image cannot be decoded: ${address}`);
    waitFor(`decode ${address}`, `image ${address}`, native.decodeImage(image).catch(failed));
  }
}

/** Whether any stylesheet or inline style declares a transition. */
export function declaresTransitions() {
  if (document.querySelector('[style*="transition"]')) return true;
  const has = (rules) => {
    for (const rule of rules) {
      if (rule.style && /[1-9]/.test(rule.style.transitionDuration)) return true;
      if (rule.cssRules && has(rule.cssRules)) return true;
    }
    return false;
  };
  for (const sheet of [...document.styleSheets, ...(document.adoptedStyleSheets ?? [])]) {
    try {
      if (has(sheet.cssRules)) return true;
    } catch {
      // A sheet of another origin, in practice one with font faces.
    }
  }
  return false;
}
