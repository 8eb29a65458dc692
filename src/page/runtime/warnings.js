// Warnings to the page's author, each once.

import { native } from "./natives.js";

/** @type {Map<string, {code: string, message: string}>} */
const noted = new native.Map();

/** `more` may have a `hint`, and the `family` that it is about. */
export function warnOnce(code, message, more = {}) {
  noted.set(`${code} ${message}`, { code, message, ...more });
}

export function notedWarnings() {
  return [...noted.values()];
}

/**
 * Edits that turn one word into the other: a letter more, less, another, or two that change places.
 */
function editsBetween(a, b) {
  const rows = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const other = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + other);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

/** Longest name that is compared. */
const MAX_NAME = 60;

/**
 * The question whether one of `names` was meant by `name`, for the end of a message; empty if none
 * is close.
 */
export function didYouMean(name, names) {
  const plain = (text) => text.toLowerCase().replace(/[-_\s]/g, "");
  const close = names
    .filter((each) => each.length <= MAX_NAME && name.length <= MAX_NAME)
    .map((each) => ({ each, edits: editsBetween(plain(name), plain(each)) }))
    .filter(({ each, edits }) => edits <= Math.max(1, Math.floor(each.length / 4)))
    .sort((a, b) => a.edits - b.edits);
  return close.length > 0 ? `; did you mean "${close[0].each}"?` : "";
}

let told = 0;

/** Warnings that came since the last call. */
export function takeNewWarnings() {
  const fresh = notedWarnings().slice(told);
  told = noted.size;
  return fresh;
}

/** An element as a person would name it. */
export function describeElement(element) {
  if (element.id) return `#${element.id}`;
  const composition = element.getAttribute("data-composition-id");
  return composition ? `composition "${composition}"` : `<${element.localName}>`;
}
