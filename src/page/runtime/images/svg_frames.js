// Animated SVG files: their picture at a time, without the animations.
//
// As an image, a file runs on a clock of its own, which cannot be set. So the file is put into the
// page once more, hidden in a shadow root, where its SMIL and CSS animations can be placed by
// Chrome itself. A copy with the values they have then, and without the animations, is the picture
// at that time.

import { createHtml, native } from "../natives.js";
import { nativeAnimation } from "../animation/animations.js";
import { setSmilTime, smilClocks } from "../players/smil.js";
import { frameFile, keepFrame } from "./image_frames.js";

const MOVERS = "animate, animateTransform, animateMotion, set";
const STILL = "*, ::before, ::after { animation: none !important; transition: none !important }";
const HIDDEN_HOST =
  ":host { all: initial !important; position: fixed !important; left: 0 !important; top: 0 !important; width: 1px !important; height: 1px !important; opacity: 0 !important; contain: strict !important }";
/** Attributes of one or two numbers. */
const PAIRS = new Set(["stdDeviation", "baseFrequency", "kernelUnitLength", "radius", "order"]);
const TIMING_KEYS = new Set(["offset", "computedOffset", "easing", "composite"]);
/** The weight of an entry beyond its text. */
const PICTURE_BYTES = 1 << 20;

function cssName(property) {
  return property.startsWith("--")
    ? property
    : property.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function listText(list) {
  return Array.from(list, (item) =>
    "matrix" in item
      ? matrixText(item.matrix)
      : "x" in item
        ? `${item.x},${item.y}`
        : (item.valueAsString ?? item.value),
  ).join(" ");
}

function matrixText({ a, b, c, d, e, f }) {
  return `matrix(${a}, ${b}, ${c}, ${d}, ${e}, ${f})`;
}

/**
 * The present value of an attribute by SMIL, as its text; null where the page can only be asked for
 * a style.
 */
function animatedText(element, name) {
  if (PAIRS.has(name) && element[`${name}X`])
    return `${element[`${name}X`].animVal} ${element[`${name}Y`].animVal}`;
  if (name === "points") return element.animatedPoints ? listText(element.animatedPoints) : null;
  const value = element[name === "class" ? "className" : name.replace(/^xlink:/, "")]?.animVal;
  if (value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean") return String(value);
  if (typeof value === "number")
    return element[name] instanceof SVGAnimatedEnumeration ? null : String(value);
  if (typeof value.length === "number") return listText(value);
  if ("valueAsString" in value) return value.valueAsString;
  return "width" in value ? `${value.x} ${value.y} ${value.width} ${value.height}` : null;
}

function setStyle(copy, name, value) {
  copy.style?.setProperty(name, value, "important");
}

// All transforms of an element in one: a motion along a path can be read nowhere else.
function copyMatrix(element, copy) {
  const outer = element.parentNode.getScreenCTM?.();
  const inner = element.getScreenCTM?.();
  if (!outer || !inner) return;
  setStyle(copy, "transform", matrixText(outer.inverse().multiply(inner)));
  setStyle(copy, "transform-origin", "0 0");
}

function copyAttribute(element, copy, name) {
  const text = animatedText(element, name);
  if (text !== null) {
    copy.setAttribute(name, text);
    return;
  }
  const style = native.getComputedStyle(element).getPropertyValue(name);
  if (style) setStyle(copy, name, style);
}

function parseSvg(text) {
  const parsed = new native.DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  if (root?.localName !== "svg" || parsed.querySelector("parsererror")) return null;
  for (const script of root.querySelectorAll("script")) script.remove();
  for (const element of [root, ...root.querySelectorAll("*")]) {
    for (const { name } of Array.from(element.attributes))
      if (/^on/i.test(name)) element.removeAttribute(name);
  }
  return root;
}

/** Puts `root` where it has a layout but is not visible, and the page's styles do not reach it. */
function hide(root) {
  const host = createHtml("div");
  const shadow = native.attachShadow(host, { mode: "closed" });
  const sheet = new native.CSSStyleSheet();
  sheet.replaceSync(HIDDEN_HOST);
  shadow.adoptedStyleSheets = [sheet];
  const svg = document.importNode(root, true);
  for (const style of svg.querySelectorAll("style"))
    style.textContent = style.textContent.replace(/:root\b/g, ":is(:host > svg)");
  shadow.append(svg);
  document.documentElement.append(host);
  return { shadow, svg };
}

/**
 * All animated parts of `svg`: element, CSS properties and attributes, and whether along a path.
 */
function findMovers(svg, animations) {
  const movers = new native.Map();
  const moverOf = (element) => {
    if (!movers.has(element))
      movers.set(element, { attributes: new Set(), properties: new Set(), isOnPath: false });
    return movers.get(element);
  };
  for (const mover of svg.querySelectorAll(MOVERS)) {
    const element = mover.targetElement;
    if (!element) continue;
    if (mover.localName === "animateMotion") moverOf(element).isOnPath = true;
    else moverOf(element).attributes.add(mover.getAttribute("attributeName"));
  }
  for (const { effect } of animations) {
    if (!effect?.target || effect.pseudoElement) continue;
    for (const frame of effect.getKeyframes()) {
      for (const key of Object.keys(frame))
        if (!TIMING_KEYS.has(key)) moverOf(effect.target).properties.add(cssName(key));
    }
  }
  return movers;
}

/**
 * An animated SVG file that can be asked for its picture at a time; null for one that cannot be
 * read.
 * @param {{bytes: Uint8Array}} file
 */
export function openSvgAnimation({ bytes }) {
  const root = parseSvg(new TextDecoder().decode(bytes));
  if (!root) return null;
  const { shadow, svg } = hide(root);
  const elements = [svg, ...svg.querySelectorAll("*")];
  const animations = nativeAnimation.ofShadow(shadow);
  animations.forEach(nativeAnimation.pause);
  const movers = findMovers(svg, animations);
  const clocks = smilClocks(shadow);
  /** @type {Map<string, import("./image_frames.js").FrameFile>} by the text of the still picture */
  const files = new native.Map();
  let last = { ms: null, text: "" };

  function stillText(ms) {
    if (ms === last.ms) return last.text;
    clocks.forEach((clock) => setSmilTime(clock, Math.max(0, ms / 1000)));
    for (const animation of animations) nativeAnimation.setTime(animation, Math.max(0, ms));
    // The source, not the hidden copy: its styles are as they were written.
    const still = /** @type {Element} */ (root.cloneNode(true));
    const copies = [still, ...still.querySelectorAll("*")];
    elements.forEach((element, at) => {
      const mover = movers.get(element);
      if (!mover) return;
      for (const name of mover.attributes) copyAttribute(element, copies[at], name);
      for (const name of mover.properties)
        setStyle(copies[at], name, native.getComputedStyle(element).getPropertyValue(name));
      if (mover.isOnPath) copyMatrix(element, copies[at]);
    });
    still.querySelectorAll(MOVERS).forEach((mover) => mover.remove());
    const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
    style.textContent = STILL;
    still.append(style);
    last = { ms, text: new native.XMLSerializer().serializeToString(still) };
    return last.text;
  }

  return {
    at(ms) {
      const text = stillText(ms);
      const file = files.get(text);
      if (!file) return null;
      keepFrame(file, () => files.delete(text));
      return file;
    },
    async prepare(ms) {
      const text = stillText(ms);
      if (!files.has(text))
        files.set(
          text,
          await frameFile(
            new native.Blob([text], { type: "image/svg+xml" }),
            text.length * 4 + PICTURE_BYTES,
          ),
        );
    },
  };
}
