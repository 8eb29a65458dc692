// Nested compositions that were mounted from files or templates.

import { native, nativeMethod } from "../natives.js";

/**
 * @typedef {object} Instance
 * @property {number} number
 * @property {Element} host the element that stands in the outer document
 * @property {Element} root what the file's own root became, inside the host
 * @property {string} id the composition's id as its own file says it
 * @property {string} key its key in the registry of timelines, unique in the document
 * @property {string} url of the file
 * @property {string} name of the file, as the host says it
 * @property {Instance|null} parent
 * @property {string|null} rootId the `id` that the root has in its file
 * @property {object[]} declared variables
 * @property {Record<string, unknown>} values of its variables
 * @property {number|null} length that the root declares in its file, in seconds
 * @property {boolean} expectsTimeline
 * @property {any} [scope] the globals of its scripts, once one has run
 */

/** @type {Map<Element, Instance>} by host */
const instances = new native.Map();

/** Marks the hosts of mounted compositions (HyperFrames' own attribute). */
export const HOST_MARK = "data-composition-file";
/** Numbers the hosts, and the elements that replace their files' roots. */
export const SCOPE_MARK = "data-pagereel-host";
export const ROOT_MARK = "data-pagereel-root";

const closest = nativeMethod(Element.prototype, "closest");

export function addInstance(instance) {
  instances.set(instance.host, instance);
}

export function instanceAt(host) {
  return instances.get(host) ?? null;
}

export function allInstances() {
  return [...instances.values()];
}

/** The mounted composition that contains `element`, itself included; null in the outer document. */
export function instanceAround(element) {
  for (let host = element; host; host = host.parentElement) {
    host = closest(host, `[${HOST_MARK}]`);
    if (!host) return null;
    const instance = instances.get(host);
    if (instance) return instance;
  }
  return null;
}

function escapeRegExp(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

const TIMING = String.raw`\s*\[\s*data-(?:start|duration|end|width|height)\s*(?:=\s*(?:"[^"]*"|'[^']*'|[^\]\s]*)\s*)?\]`;

function rootPattern(instance) {
  const id = escapeRegExp(instance.id);
  const named = String.raw`\[\s*data-composition-id\s*=\s*(?:"${id}"|'${id}'|${id})\s*\]`;
  return `(?:${TIMING})*${named}(?:${TIMING})*`;
}

// Calls `replace` with every stretch of a selector outside strings and attribute brackets.
function mapPlain(selector, replace) {
  return selector.replace(
    /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[[^\]]*\])|([^"'[]+)/g,
    (all, kept, plain) => (kept ? all : replace(plain)),
  );
}

/**
 * A selector of a mounted file, rewritten for the whole document: the host has the id and the
 * composition id of its root.
 */
export function rewriteSelector(selector, instance) {
  const mark = `[${ROOT_MARK}="${instance.number}"]`;
  instance.pattern ??= new RegExp(rootPattern(instance), "g");
  let text = selector.includes("data-composition-id")
    ? selector.replace(instance.pattern, mark)
    : selector;
  if (instance.rootId && text.includes("#")) {
    const id = escapeRegExp(CSS.escape(instance.rootId));
    // The first of the two never matches; it keeps the specificity of an id.
    text = mapPlain(text, (plain) =>
      plain.replace(
        new RegExp(`#${id}(?![\\w-])`, "g"),
        `:is(#pagereel-root-${instance.number}, ${mark})`,
      ),
    );
  }
  return text;
}

/** The same for a style sheet, where the root stands for the file's `html` and `body` too. */
export function rewriteSheetSelector(selector, instance) {
  const mark = `[${ROOT_MARK}="${instance.number}"]`;
  const text = mapPlain(rewriteSelector(selector, instance), (plain) =>
    plain
      .replace(/(^|[\s>+~,(])(?:html|body)(?![\w-])/gi, `$1${mark}`)
      .replace(/:root(?![\w-])/gi, mark),
  );
  const twice = `${mark}(?:\\s*>\\s*|\\s+)${mark}`.replace(/[[\]]/g, "\\$&");
  return text.replace(new RegExp(twice, "g"), mark);
}
