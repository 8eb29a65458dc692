// Shadow roots: trees that searches of the document do not reach.

import { nativeMethod, override } from "./natives.js";

/** @type {Set<ShadowRoot>} */
const shadowRoots = new Set();
/** Called with each new root. */
const shadowWatchers = [];

const attach = nativeMethod(Element.prototype, "attachShadow");

override(Element.prototype, {
  attachShadow(init) {
    const root = attach(this, init);
    addShadowRoot(root);
    return root;
  },
});

function addShadowRoot(root) {
  shadowRoots.add(root);
  shadowWatchers.forEach((watch) => watch(root));
}

/** Records a root that the parser made, `<template shadowrootmode="open">`. */
export function meetShadow(element) {
  if (element.shadowRoot && !shadowRoots.has(element.shadowRoot)) addShadowRoot(element.shadowRoot);
}

/** Calls `watch` with every shadow root, present and future. */
export function watchShadows(watch) {
  shadowWatchers.push(watch);
  shadowRoots.forEach(watch);
}

/** The document and all shadow roots. */
export function allTrees() {
  return shadowRoots.size === 0 ? [document] : [document, ...shadowRoots];
}
