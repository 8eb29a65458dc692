// Variables of compositions: declared defaults, overlaid by the job's values and by the host's.
//
// `data-composition-variables` declares them on <html> or on a root; a host of a nested composition
// gives values by `data-variable-values`. They are read by `window.__hyperframes.getVariables()`, by
// `data-var-text` and `data-var-src`, and as custom properties `--id`. Bindings are applied as soon as
// the parser has passed an element, so that the page's scripts see the text they will animate.

import { config, native, nativeMethod } from "../natives.js";
import { allInstances, instanceAround } from "./instances.js";
import { findRoot } from "../time/timing.js";
import { describeElement, didYouMean, warnOnce } from "../warnings.js";

const isText = (value) => typeof value === "string";
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
// Fonts and images may be given as name and address, or as HyperFrames' objects of these.
const TYPES = {
  string: isText,
  number: (value) => typeof value === "number" && Number.isFinite(value),
  color: (value) => isText(value) && CSS.supports("color", value),
  boolean: (value) => typeof value === "boolean",
  enum: (value) => isText(value) || typeof value === "number",
  font: (value) => isText(value) || isText(value?.name),
  image: (value) => isText(value) || isText(value?.url),
};
const SOURCES = new Set(["img", "video", "audio", "source"]);
const SAFE_ADDRESS = /^(?:https?:|blob:|data:(?:image|video|audio)\/|(?![a-z][a-z0-9+.-]*:))/i;

const matchesBinding = nativeMethod(Element.prototype, "matches");

function parseAttribute(element, name, isRight, expected, file) {
  const text = element?.getAttribute(name);
  if (!text || text.trim() === "") return null;
  const about = `${name} of ${describeElement(element)}${file ? ` in ${file}` : ""}`;
  try {
    const value = JSON.parse(text);
    if (isRight(value)) return value;
    warnOnce("invalid_variables", `${about} is not ${expected}`);
  } catch (error) {
    warnOnce("invalid_variables", `${about} is not JSON (${error.message}), expected ${expected}`);
  }
  return null;
}

/** Declarations of a document or mounted file: `holders` are the elements that may carry them. */
export function declaredVariables(holders, file) {
  const found = [];
  for (const holder of holders) {
    const list =
      parseAttribute(
        holder,
        "data-composition-variables",
        Array.isArray,
        "a list of variables",
        file,
      ) ?? [];
    for (const entry of list) {
      if (!isText(entry?.id)) {
        warnOnce(
          "invalid_variables",
          `a variable in data-composition-variables of ${describeElement(holder)} has no id`,
        );
        continue;
      }
      if (found.some(({ id }) => id === entry.id)) continue;
      found.push(entry);
      if ("type" in entry && !TYPES[entry.type]) {
        warnOnce(
          "invalid_variables",
          `the variable "${entry.id}" has the type "${entry.type}", expected one of ${Object.keys(TYPES).join(", ")}`,
        );
      } else if ("default" in entry) checkValue(entry, entry.default, "its default");
    }
  }
  return found;
}

function checkValue(entry, value, whose) {
  const type = TYPES[entry.type];
  if (type && !type(value))
    warnOnce(
      "variable_type",
      `the variable "${entry.id}" is of type ${entry.type}, but ${whose} is ${JSON.stringify(value)}`,
    );
  if (entry.type !== "enum" || !Array.isArray(entry.options)) return;
  const options = entry.options.map((option) => (isObject(option) ? option.value : option));
  if (!options.includes(value))
    warnOnce(
      "variable_type",
      `the variable "${entry.id}" is one of ${options.join(", ")}, but ${whose} is ${JSON.stringify(value)}`,
    );
}

function defaultsOf(declared) {
  return Object.fromEntries(
    declared.filter((entry) => "default" in entry).map((entry) => [entry.id, entry.default]),
  );
}

/** Values of a mounted composition: its defaults, the job's values for what it declares, its host's. */
export function instanceValues(declared, host) {
  const known = new Set(declared.map(({ id }) => id));
  const given = Object.fromEntries(
    Object.entries(config.variables).filter(([id]) => known.has(id)),
  );
  const hosts = parseAttribute(host, "data-variable-values", isObject, "an object of values") ?? {};
  for (const [id, value] of Object.entries(hosts)) {
    const entry = declared.find((each) => each.id === id);
    if (entry) checkValue(entry, value, `the value of ${describeElement(host)}`);
    else if (declared.length > 0)
      warnOnce(
        "unknown_variable",
        `data-variable-values of ${describeElement(host)} names "${id}", which its composition does not declare${didYouMean(
          id,
          declared.map((each) => each.id),
        )}`,
      );
  }
  return { ...defaultsOf(declared), ...given, ...hosts };
}

function rootDeclarations() {
  const own = Array.from(document.querySelectorAll("[data-composition-variables]")).filter(
    (element) => element !== document.documentElement && !instanceAround(element),
  );
  return declaredVariables([document.documentElement, ...own]);
}

function rootValues() {
  return { ...defaultsOf(rootDeclarations()), ...config.variables };
}

export function variablesOf(instance) {
  return instance ? { ...instance.values } : rootValues();
}

/** All declarations: the document's, then those of mounted files. */
export function allDeclarations() {
  return [...rootDeclarations(), ...allInstances().flatMap(({ declared }) => declared)];
}

/** Compares the job's values with what the page declares. */
export function checkVariables() {
  const declared = allDeclarations();
  for (const [id, value] of Object.entries(config.variables)) {
    const entries = declared.filter((entry) => entry.id === id);
    entries.forEach((entry) => checkValue(entry, value, "the job's value"));
    if (entries.length === 0 && declared.length > 0) {
      warnOnce(
        "unknown_variable",
        `the job gives a value for "${id}", but the composition declares only ${declared.map((entry) => entry.id).join(", ")}${didYouMean(
          id,
          declared.map((entry) => entry.id),
        )}`,
      );
    }
  }
}

function cssValue(value) {
  const text = isObject(value) ? value.name : value;
  if (!["string", "number", "boolean"].includes(typeof text)) return null;
  // Characters that could end the declaration are not part of a value.
  return String(text).replace(/[;{}<>\r\n]/g, "");
}

/** Sets the custom properties `--id` on `elements`. */
export function setProperties(elements, values) {
  for (const [id, value] of Object.entries(values)) {
    const text = cssValue(value);
    if (text !== null) elements.forEach((element) => element?.style?.setProperty(`--${id}`, text));
  }
}

function setOwnText(element, text) {
  const texts = Array.from(element.childNodes).filter((node) => node.nodeType === Node.TEXT_NODE);
  texts.forEach((node, at) => (node.data = at === 0 ? text : ""));
  if (texts.length === 0) element.prepend(text);
}

function bind(element, cache) {
  const instance = instanceAround(element);
  if (!cache.has(instance)) cache.set(instance, variablesOf(instance));
  const values = cache.get(instance);
  const textId = element.getAttribute("data-var-text")?.trim();
  if (textId && ["string", "number", "boolean"].includes(typeof values[textId]))
    setOwnText(element, String(values[textId]));
  const sourceId = element.getAttribute("data-var-src")?.trim();
  const address = isObject(values[sourceId]) ? values[sourceId].url : values[sourceId];
  if (!sourceId || !isText(address) || address === "") return;
  if (!SOURCES.has(element.localName)) {
    warnOnce(
      "variable_source",
      `data-var-src stands on <${element.localName}>, expected one of ${[...SOURCES].join(", ")}`,
    );
  } else if (!SAFE_ADDRESS.test(address.trim())) {
    warnOnce(
      "variable_source",
      `the variable "${sourceId}" is no address of a picture or sound: ${address.slice(0, 60)}`,
    );
  } else if (element.getAttribute("src") !== address) element.setAttribute("src", address);
}

/** Elements with bindings that the parser may not have passed yet. */
const waiting = new Set();
let boundRoot = null;

/** Whether the parser has passed the end of an element. */
export function isParsed(element) {
  if (document.readyState !== "loading") return true;
  for (let at = element; at; at = at.parentNode) if (at.nextSibling) return true;
  return false;
}

export function meetBinding(element) {
  if (matchesBinding(element, "[data-var-text], [data-var-src]")) waiting.add(element);
}

/** Applies the bindings that can be applied by now. */
export function bindPending() {
  const root = findRootBox();
  if (root && root !== boundRoot) {
    boundRoot = root;
    setProperties([document.documentElement, root], rootValues());
  }
  const cache = new native.Map();
  for (const element of waiting) {
    if (!isParsed(element)) continue;
    waiting.delete(element);
    bind(element, cache);
  }
}

// Searched only until it is found.
function findRootBox() {
  return boundRoot?.isConnected ? boundRoot : findRoot();
}

/** Makes the object with which page code reads variables. The page may replace it. */
export function offerVariables() {
  if (Object.keys(config.variables).length > 0 && window.__hfVariables === undefined)
    window.__hfVariables = { ...config.variables };
  if (window.__hyperframes !== undefined) return;
  Object.defineProperty(window, "__hyperframes", {
    value: { getVariables: () => variablesOf(null) },
    configurable: true,
    writable: true,
    enumerable: false,
  });
}
