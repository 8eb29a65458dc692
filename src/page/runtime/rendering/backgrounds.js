// Whether the page declares that nothing is behind it, or covers its background.

import { describeElement } from "../warnings.js";

const isClear = (color) =>
  color === "transparent" || /^rgba?\(.*[,/]\s*0(\.0+)?%?\s*\)$/.test(color);

/** Whether a style declares itself that there is no background. */
function saysClear(style) {
  return (
    isClear(style.backgroundColor) ||
    style.background === "none" ||
    style.backgroundColor === "transparent"
  );
}

function* backgroundRules(list) {
  for (const rule of list) {
    if (rule.selectorText !== undefined) yield rule;
    else if (rule.cssRules) yield* backgroundRules(rule.cssRules);
  }
}

/** Whether a rule of the page's own sheets clears the background of one of `elements` by name. */
function isDeclared(elements) {
  // Elements of plain XML have no style of their own.
  if (elements.some(({ style }) => style && saysClear(style))) return true;
  for (const sheet of document.styleSheets) {
    try {
      for (const rule of backgroundRules(sheet.cssRules)) {
        // A rule for everything is a reset, and says nothing about the page.
        const isNamed =
          !rule.selectorText.includes("*") && rule.selectorText.split(",").length <= 4;
        if (
          isNamed &&
          saysClear(rule.style) &&
          elements.some((element) => element.matches(rule.selectorText))
        )
          return true;
      }
    } catch {
      // Sheets of other hosts must not be read, and a selector may be valid only in rules.
    }
  }
  return false;
}

/**
 * `declared`: the page is transparent, and says so. `opaque`: the name of what lies behind everything.
 *
 * @param {Element | null} root
 */
export function describeBackgrounds(root) {
  /** @type {Element[]} */
  const behind = [document.documentElement, document.body].filter((element) => element !== null);
  const styles = behind.map((element) => getComputedStyle(element));
  const at = styles.findIndex(
    (style) => style.backgroundImage === "none" && /^rgb\(/.test(style.backgroundColor),
  );
  const own = root === null || behind.includes(root) ? behind : [...behind, root];
  const allClear = own.every((element) => {
    const style = getComputedStyle(element);
    return isClear(style.backgroundColor) && style.backgroundImage === "none";
  });
  return {
    declared: allClear && isDeclared(own),
    opaque: at < 0 ? null : describeElement(behind[at]),
  };
}
