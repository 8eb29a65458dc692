// The page's rules for `::cue`, as rules for the boxes that cues are drawn in.

import { sheetsOfTrack } from "./text_tracks.js";
import { native } from "../natives.js";

/** The properties that the standard allows for `::cue` without an argument, and with one. */
const CUE_PROPERTIES =
  /^(?:color|opacity|visibility|text-decoration.*|text-shadow|text-transform|background.*|outline.*|font.*|line-height|letter-spacing|white-space.*|text-combine.*|ruby-position|-webkit-text-stroke.*)$/;

/** Parts of a selector list; commas in brackets do not separate. */
function selectorParts(text) {
  const parts = [""];
  let depth = 0;
  for (const letter of text) {
    if ("([".includes(letter)) depth += 1;
    if (")]".includes(letter)) depth -= 1;
    if (letter === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts.map((part) => part.trim());
}

// In the text of a cue `<c>`, `<v>` and `<lang>` are spans: with classes, with the voice as title.
function innerSelector(argument) {
  return argument
    .replace(/(^|[\s>+~,])(?:c|v|lang)(?=$|[\s.#:[>+~,])/g, "$1span")
    .replace(/\[voice/g, "[title");
}

function declarationsOf(style) {
  const lines = Array.from(style).filter((name) => CUE_PROPERTIES.test(name));
  return lines
    .map(
      (name) =>
        `${name}: ${style.getPropertyValue(name)}${style.getPropertyPriority(name) ? " !important" : ""}`,
    )
    .join("; ");
}

function isMeantBy(element, prefix) {
  try {
    return prefix === "" || element.matches(prefix);
  } catch {
    return false;
  }
}

function ruleFor(element, selector, style) {
  const found = /^(.*?)::?cue(?:\((.*)\))?$/s.exec(selector);
  if (!found || !isMeantBy(element, found[1].trim())) return "";
  const declarations = declarationsOf(style);
  return declarations === ""
    ? ""
    : `.cue ${found[2] ? innerSelector(found[2]) : ""} { ${declarations} }\n`;
}

function rulesOf(element, rules) {
  let css = "";
  for (const rule of rules) {
    if (rule instanceof CSSStyleRule) {
      if (rule.selectorText.includes("::cue"))
        css += selectorParts(rule.selectorText)
          .map((selector) => ruleFor(element, selector, rule.style))
          .join("");
    } else if (rule instanceof CSSImportRule) {
      css += rulesOfSheet(element, rule.styleSheet);
    } else if (rule instanceof CSSMediaRule) {
      if (matchMedia(rule.conditionText).matches) css += rulesOf(element, rule.cssRules);
    } else if (rule.cssRules) {
      css += rulesOf(element, rule.cssRules);
    }
  }
  return css;
}

function rulesOfSheet(element, sheet) {
  if (!sheet || sheet.disabled) return "";
  try {
    return rulesOf(element, sheet.cssRules);
  } catch {
    // A sheet of another host must not be read.
    return "";
  }
}

function parsed(text) {
  const sheet = new native.CSSStyleSheet();
  sheet.replaceSync(text);
  return sheet;
}

/** The rules for the cues of an element's tracks. */
export function cueRules(element, tracks) {
  const root = element.getRootNode();
  const own = tracks.flatMap(sheetsOfTrack).map(parsed);
  const sheets = [
    ...own,
    ...Array.from(root.styleSheets ?? []),
    ...(root.adoptedStyleSheets ?? []),
  ];
  return sheets.map((sheet) => rulesOfSheet(element, sheet)).join("");
}
