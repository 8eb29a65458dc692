// Animated pictures in styles: backgrounds, masks, borders, markers, generated content.
//
// Where a rule of a style sheet or an inline style names a moving file, a custom property replaces
// the file. It is inherited, so it is set on the root, and on every clip and composition in it,
// which have times of their own.

import { native } from "../natives.js";
import { localTime } from "../players/players.js";
import { allTrees } from "../shadow_roots.js";
import { frameAt, mayMove, movingAt } from "./animated_images.js";

const IMAGE_PROPERTIES = [
  "background-image",
  "mask-image",
  "border-image-source",
  "mask-border-source",
  "list-style-image",
  "content",
];
const CSS_ADDRESS =
  /url\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|((?:[^\s"'()\\]|\\.)*))\s*\)/g;
const TIMED = "[data-start], [data-composition-id]";

/** @typedef {{style: CSSStyleDeclaration, property: string, base: string}} StyleUse */

/** @type {Map<string, {uses: StyleUse[], name: string}>} by address */
const styleImages = new native.Map();
let stylesStale = true;

/** Notes that style sheets or elements with inline styles came. */
export function markStylesDirty() {
  stylesStale = true;
}

function* addressesIn(value, base) {
  for (const [all, double, single, plain] of value.matchAll(CSS_ADDRESS)) {
    const text = (double ?? single ?? plain).replace(/\\([^0-9a-fA-F\n])/g, "$1");
    if (text === "" || text.startsWith("#")) continue;
    try {
      yield { all, address: new URL(text, base).href };
    } catch {
      // Not an address.
    }
  }
}

function lookAt(style, base) {
  const own = Array.from(style).filter((property) => property.startsWith("--"));
  for (const property of [...IMAGE_PROPERTIES, ...own]) {
    const value = style.getPropertyValue(property);
    if (!value.includes("url(")) continue;
    for (const { address } of addressesIn(value, base)) {
      if (!mayMove(address)) continue;
      if (!styleImages.has(address))
        styleImages.set(address, { uses: [], name: `--pagereel-image-${styleImages.size}` });
      const { uses } = styleImages.get(address);
      if (!uses.some((use) => use.style === style && use.property === property))
        uses.push({ style, property, base });
    }
  }
}

function lookThrough(rules, base) {
  for (const rule of rules) {
    if (rule.styleSheet) lookThroughSheet(rule.styleSheet);
    if (!rule.style && !rule.cssRules) continue;
    if (rule.style?.cssText.includes("url(")) lookAt(rule.style, base);
    if (rule.cssRules?.length > 0) lookThrough(rule.cssRules, base);
  }
}

function lookThroughSheet(sheet) {
  try {
    lookThrough(sheet.cssRules, sheet.href ?? document.baseURI);
  } catch {
    // A sheet of another origin cannot be read.
  }
}

/** Brings the list of moving pictures in styles up to date. Files that have to be read are work under way. */
export function findStyleImages() {
  if (!stylesStale) return;
  stylesStale = false;
  for (const tree of allTrees()) {
    for (const sheet of [...tree.styleSheets, ...(tree.adoptedStyleSheets ?? [])])
      lookThroughSheet(sheet);
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (
      tree.querySelectorAll('[style*="url("]')
    ))
      lookAt(element.style, document.baseURI);
  }
}

// Done once the file is known to move.
function substitute({ uses, name }, wanted) {
  for (const { style, property, base } of uses.splice(0)) {
    let value = style.getPropertyValue(property);
    for (const { all, address } of addressesIn(value, base)) {
      if (address === wanted) value = value.replace(all, `var(${name})`);
    }
    style.setProperty(property, value, style.getPropertyPriority(property));
  }
}

function setProperty(element, name, value) {
  if (element.style && element.style.getPropertyValue(name) !== value)
    element.style.setProperty(name, value);
}

/**
 * Shows all moving pictures in styles at `seconds`. Frames that are not ready become work under
 * way.
 */
export function applyStyleImages(seconds) {
  findStyleImages();
  if (styleImages.size === 0) return;
  const root = document.documentElement;
  const timed = [root, ...document.querySelectorAll(TIMED)];
  for (const [address, image] of styleImages) {
    const moving = movingAt(address);
    if (moving === null) {
      styleImages.delete(address);
      setProperty(root, image.name, `url("${address}")`);
    }
    if (!moving) continue;
    substitute(image, address);
    for (const element of timed) {
      const file = frameAt(address, element === root ? seconds : localTime(element, seconds), null);
      if (file) setProperty(element, image.name, `url("${file.url}")`);
    }
  }
}
