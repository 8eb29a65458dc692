// Style sheets of mounted files, confined to their instance with `@scope`.
//
// The browser parses the sheet; its rules are written out again, ordinary ones inside the scope and
// those that have no element (`@font-face`, `@keyframes`, `@property`, …) outside. The scope is the
// host, since a plain selector does not match the scope's own root.

import { native } from "../natives.js";
import { SCOPE_MARK, rewriteSheetSelector } from "./instances.js";
import { fetchText, resolveAsset } from "./files.js";

const ADDRESS_IN_CSS = /url\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^)"'\s][^)]*?))\s*\)/g;
const COMMENT = /\/\*[\s\S]*?\*\//g;
const IMPORT = /@import\s+(?:url\(\s*)?(?:"([^"]*)"|'([^']*)'|([^\s"');]+))\s*\)?([^;]*);/g;
/** Deeper chains of `@import` count as cycles. */
const MAX_IMPORTS = 8;

/** Makes the addresses in a style text absolute. */
export function absoluteAddresses(css, base) {
  return css.replace(ADDRESS_IN_CSS, (all, double, single, bare) => {
    const address = (double ?? single ?? bare).trim();
    return `url("${resolveAsset(address, base).replace(/"/g, "%22")}")`;
  });
}

function isGroup(rule) {
  return (
    rule.cssRules !== undefined &&
    rule.selectorText === undefined &&
    !(rule instanceof CSSKeyframesRule)
  );
}

function prelude(rule) {
  const text = rule.cssText;
  return text.slice(0, text.indexOf("{"));
}

function rewriteSelectors(rules, instance) {
  for (const rule of rules) {
    if (rule.selectorText !== undefined && rule instanceof CSSStyleRule)
      rule.selectorText = rewriteSheetSelector(rule.selectorText, instance);
    if (rule.cssRules && !(rule instanceof CSSKeyframesRule))
      rewriteSelectors(rule.cssRules, instance);
  }
}

/** @returns {{scoped: string, global: string}} */
function sortRules(rules) {
  const sorted = { scoped: "", global: "" };
  for (const rule of rules) {
    if (rule instanceof CSSStyleRule) sorted.scoped += `${rule.cssText}\n`;
    else if (isGroup(rule)) {
      const inner = sortRules(rule.cssRules);
      if (inner.scoped) sorted.scoped += `${prelude(rule)}{\n${inner.scoped}}\n`;
      if (inner.global) sorted.global += `${prelude(rule)}{\n${inner.global}}\n`;
    } else sorted.global += `${rule.cssText}\n`;
  }
  return sorted;
}

function appendStyle(text, instance) {
  const style = document.createElement("style");
  style.dataset.compositionFile = instance.name;
  style.textContent = text;
  (document.head ?? document.documentElement).append(style);
}

/** Links a sheet as it is: one of another host, in practice with font faces. */
export function linkStylesheet(address, media, instance) {
  const sheets = /** @type {NodeListOf<HTMLLinkElement>} */ (
    document.querySelectorAll('link[rel~="stylesheet"]')
  );
  const same = Array.from(sheets).some((link) => link.href === address);
  if (same) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = address;
  link.dataset.compositionFile = instance.name;
  if (media) link.media = media;
  (document.head ?? document.documentElement).append(link);
}

/** Adds a sheet of the file at `base` for one instance. */
export function addScopedStyles(css, base, instance, media = "", depth = 0) {
  const text = css.replace(COMMENT, "").replace(IMPORT, (all, double, single, bare, conditions) => {
    importSheet(double ?? single ?? bare, conditions.trim(), base, instance, depth);
    return "";
  });
  const sheet = new native.CSSStyleSheet();
  sheet.replaceSync(absoluteAddresses(text, base));
  rewriteSelectors(sheet.cssRules, instance);
  const { scoped, global } = sortRules(sheet.cssRules);
  const within = (rules) => (media ? `@media ${media} {\n${rules}}\n` : rules);
  if (global) appendStyle(within(global), instance);
  if (scoped)
    appendStyle(within(`@scope ([${SCOPE_MARK}="${instance.number}"]) {\n${scoped}}\n`), instance);
}

function importSheet(address, conditions, base, instance, depth) {
  const absolute = resolveAsset(address, base);
  // Conditions other than media would need the browser's own import.
  const plain = !/\b(?:layer|supports)\b/.test(conditions);
  const text = depth < MAX_IMPORTS && plain ? fetchText(absolute) : null;
  if (text === null) linkStylesheet(absolute, plain ? conditions : "", instance);
  else addScopedStyles(text, absolute, instance, conditions, depth + 1);
}
