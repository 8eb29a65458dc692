// Elements whose picture is replaced: an empty picture of its size keeps their box.

import { native } from "../natives.js";

/** @type {Map<Element, string>} the address of the empty picture */
const covers = new native.Map();

export const isCovered = (element) => covers.has(element);
export const coverOf = (element) => covers.get(element);

export function setCover(element, address) {
  covers.set(element, address);
}

export function dropCover(element) {
  covers.delete(element);
}
