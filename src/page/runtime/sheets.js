// The runtime's own style sheets. One belongs to the document in which it was made: a window whose
// document is replaced (an empty frame that loads, a file that is no XML after all) needs others.

import { native } from "./natives.js";

/** @type {WeakMap<CSSStyleSheet, Document>} */
const madeIn = new WeakMap();

/**
 * @param {string} text
 * @returns {CSSStyleSheet} a sheet for the trees of the window's document
 */
export function makeSheet(text = "") {
  const sheet = new native.CSSStyleSheet();
  if (text) sheet.replaceSync(text);
  madeIn.set(sheet, document);
  return sheet;
}

/**
 * @param {CSSStyleSheet | null} sheet
 * @param {Document | ShadowRoot} tree
 * @returns {boolean} whether the tree may adopt the sheet
 */
export function mayAdopt(sheet, tree = document) {
  return sheet !== null && madeIn.get(sheet) === (tree.ownerDocument ?? tree);
}

/**
 * Puts the sheet after those of a tree, if the tree may adopt it.
 *
 * @param {Document | ShadowRoot} tree
 * @param {CSSStyleSheet} sheet
 */
export function adoptSheet(tree, sheet) {
  if (!mayAdopt(sheet, tree)) return;
  const adopted = tree.adoptedStyleSheets;
  if (!adopted.includes(sheet)) tree.adoptedStyleSheets = [...adopted, sheet];
}
