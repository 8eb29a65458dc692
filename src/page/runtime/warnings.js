// What the page should have done otherwise, each once.

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
