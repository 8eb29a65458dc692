// `data-vfx-chain`: chains of effects over an element's picture.
//
// The pixels are those of a canvas that draws an element, `canvas.hf-vfx-src` with `.hf-vfx-in`.
// The page is painted in its state of the frame, the element is drawn into its canvas and removed
// from it again, and the result goes into `canvas.hf-vfx-out`, which fills the host. All is drawn
// anew unless nothing can have changed since: neither the page, nor the inputs of the effects
// themselves.

import { createHtml, guarded, native } from "../natives.js";
import { canvasContext, drawElementImage } from "../canvas/canvases.js";
import { context2d, hiddenCanvas } from "../grading/color_renderer.js";
import { instanceAround } from "../compositions/instances.js";
import { markChanged } from "../rendering/changes.js";
import { mayDifferNow } from "../rendering/layers.js";
import { checkVisibility } from "../media/native_layers.js";
import { boundsOf, contentSize } from "../media/picture_sizes.js";
import { localTime } from "../players/players.js";
import { paintNow } from "../rendering/rendering.js";
import { allTrees } from "../shadow_roots.js";
import { VFX_EFFECTS } from "./vfx_effects.js";
import { drawChain } from "./vfx_renderer.js";
import { describeElement, didYouMean, warnOnce } from "../warnings.js";

const CHAIN_ATTRIBUTE = "data-vfx-chain";
const SOURCE = "canvas.hf-vfx-src";
const VISIBLE_ATTRIBUTE = "data-vfx-ref-visible";
const OUTPUT_CLASS = "hf-vfx-out";
/** The most pixels of a picture's side. */
const MOST_CHAIN_PIXELS = 8192;
/** Elements that cannot contain others. */
const VOID_HOSTS =
  "img, video, audio, canvas, iframe, input, textarea, select, svg, svg *, object, embed, br, hr";
/** Elements that may look different although nothing in this document has changed. */
const UNWATCHED = "iframe, object, embed";

/** @typedef {{id: string, type: string, values: Record<string, number>, refs: Record<string, string|null>}} ChainNode */
/** @typedef {{text: string, nodes: ChainNode[], key: unknown[]|null, failed: boolean}} Chain
 *  `key` is what was drawn last depended on */

/** @type {Map<Element, Chain>} */
const chains = new native.Map();
/** Canvases that hold their result. @type {WeakSet<HTMLCanvasElement>} */
const ownOutputs = new WeakSet();

const describeChain = (host) => `${CHAIN_ATTRIBUTE} of ${describeElement(host)}`;

// --- the attribute ---

function readParams(node, about) {
  const { numbers, choices, flags, refs } = VFX_EFFECTS[node.type];
  const given = node.params ?? {};
  const wrong = (name, expected) =>
    warnOnce(
      "vfx_invalid",
      `${about}: ${name} of "${node.id}" is ${JSON.stringify(given[name])}, expected ${expected}; its default is used`,
    );
  const names = [numbers, choices, flags, refs].flatMap(Object.keys);
  for (const name of Object.keys(given)) {
    if (!names.includes(name))
      warnOnce(
        "vfx_invalid",
        `${about}: ${name} of "${node.id}" is not known for ${node.type}${didYouMean(name, names)}`,
      );
  }
  const values = {};
  const read = (name, usual, isRight, expected, convert = (value) => value) => {
    if (given[name] !== undefined && !isRight(given[name])) wrong(name, expected);
    values[name] =
      given[name] !== undefined && isRight(given[name]) ? convert(given[name]) : Number(usual);
  };
  for (const [name, usual] of Object.entries(numbers))
    read(name, usual, Number.isFinite, "a number");
  for (const [name, [usual, most]] of Object.entries(choices)) {
    read(
      name,
      usual,
      (value) => Number.isInteger(value) && value >= 1 && value <= most,
      `a whole number from 1 to ${most}`,
    );
  }
  for (const [name, usual] of Object.entries(flags))
    read(name, usual, (value) => [true, false, 0, 1].includes(value), "true or false", Number);
  const named = {};
  for (const [name, isNeeded] of Object.entries(refs)) {
    const text = given[name];
    if (text !== undefined && text !== null && typeof text !== "string")
      wrong(name, "the id of an element");
    named[name] =
      typeof text === "string" && text.trim() !== "" ? text.trim().replace(/^#/, "") : null;
    if (isNeeded && !named[name])
      throw new Error(`${node.type} "${node.id}" needs ${name}, the id of an element`);
  }
  return { values, refs: named };
}

/** @returns {ChainNode|null} null for one without effect */
function readNode(node, about) {
  try {
    if (typeof node?.id !== "string" || node.id === "")
      throw new Error(`a node of type ${JSON.stringify(node?.type ?? null)} has no id`);
    const types = Object.keys(VFX_EFFECTS);
    if (!types.includes(node.type))
      throw new Error(
        `the effect ${JSON.stringify(node.type ?? null)} of "${node.id}" is not known${didYouMean(String(node.type), types)}`,
      );
    if (
      node.params !== undefined &&
      (node.params === null || typeof node.params !== "object" || Array.isArray(node.params))
    )
      throw new Error(`params of "${node.id}" is no object`);
    if (node.enabled === false) return null;
    return { id: node.id, type: node.type, ...readParams(node, about) };
  } catch (error) {
    warnOnce("vfx_invalid", `${about}: ${error.message}; it has no effect`);
    return null;
  }
}

function readNodes(text, about) {
  try {
    const chain = JSON.parse(text);
    if (!Array.isArray(chain?.nodes)) throw new Error("it has no list of nodes");
    if (chain.version !== undefined && chain.version !== 1)
      throw new Error(`its version is ${JSON.stringify(chain.version)}, expected 1`);
    return chain.nodes.map((node) => readNode(node, about)).filter(Boolean);
  } catch (error) {
    warnOnce("vfx_invalid", `${about} is not understood: ${error.message}`);
    return null;
  }
}

/** The chain of an element; null if it is not understood. */
function chainOf(host) {
  const text = host.getAttribute(CHAIN_ATTRIBUTE);
  const known = chains.get(host);
  if (known?.text === text) return known.nodes && known;
  const about = describeChain(host);
  let nodes = readNodes(text, about);
  if (nodes && host.matches(VOID_HOSTS)) {
    for (const { type } of nodes)
      warnOnce(
        "vfx_unsupported",
        `${about}: the effect "${type}" is not drawn: <${host.localName}> can hold no canvas`,
      );
    nodes = null;
  }
  const chain = { text, nodes, key: null, failed: false };
  chains.set(host, chain);
  return nodes && chain;
}

const hostsOfChains = () =>
  allTrees().flatMap((tree) => [...tree.querySelectorAll(`[${CHAIN_ATTRIBUTE}]`)]);

/** Reads all chains, and warns of their faults. */
export function findChains() {
  hostsOfChains().forEach(chainOf);
}

// --- where pixels come from ---

/** The elements in which ids are searched, the nearest first. */
const scopesOf = (host) =>
  [instanceAround(host)?.host, host.getRootNode(), document].filter(Boolean);

function find(host, selector) {
  for (const scope of scopesOf(host)) {
    const found = scope.querySelector(selector);
    if (found) return found;
  }
  return null;
}

/** The canvas that has the pixels of an element: inside it, or beside it. */
function vfxSourceOf(element) {
  if (element.matches(SOURCE)) return element;
  // A canvas of an element with a chain of its own inside does not count.
  const own = [...element.querySelectorAll(SOURCE)].find(
    (each) =>
      each.closest(`[${CHAIN_ATTRIBUTE}]`) === element || !element.hasAttribute(CHAIN_ATTRIBUTE),
  );
  return (
    own ??
    (element.id ? find(element, `${SOURCE}[data-vfx-for="${CSS.escape(element.id)}"]`) : null)
  );
}

/** The reason why a canvas cannot be drawn from; null if it can. */
function faultOf(canvas) {
  const content = vfxContentOf(canvas);
  if (!content) return `its ${SOURCE} has no child .hf-vfx-in`;
  if (!canvas.hasAttribute("layoutsubtree")) return `its ${SOURCE} has no attribute layoutsubtree`;
  if (isShown(content) && !(content.offsetWidth > 0 && content.offsetHeight > 0))
    return "its .hf-vfx-in has no size: it needs width and height in px";
  return null;
}

const vfxContentOf = (canvas) =>
  [...canvas.children].find((child) => child.classList.contains("hf-vfx-in")) ?? null;
const isShown = (element) =>
  element.isConnected && checkVisibility(element, { visibilityProperty: true });

/**
 * The target of a parameter: a canvas that draws an element, or a picture. Null, with a warning, if
 * neither.
 */
function referenceOf(host, node, name) {
  const id = node.refs[name];
  if (!id) return null;
  const element = find(host, `#${CSS.escape(id)}`);
  const canvas = element && vfxSourceOf(element);
  const fault = canvas
    ? faultOf(canvas)
    : !element
      ? "there is no such element"
      : element.matches("img, canvas")
        ? null
        : `expected a ${SOURCE}, an element that has one, an <img> or a <canvas>`;
  if (!fault) return canvas ?? element;
  warnOnce(
    "vfx_invalid",
    `${describeChain(host)}: ${name} of "${node.id}" is "${id}": ${fault}; it has no effect`,
  );
  return null;
}

// --- one frame ---

/** The parameters of a node in this frame. */
function valuesNow(node, style) {
  const values = { ...node.values };
  for (const name of Object.keys(VFX_EFFECTS[node.type].numbers)) {
    const animated = Number.parseFloat(style.getPropertyValue(`--vfx-${node.id}-${name}`));
    if (Number.isFinite(animated)) values[name] = animated;
  }
  return values;
}

/** The number of canvases that draw elements around an element. */
function vfxDepthOf(element) {
  let depth = 0;
  for (let at = element.parentElement?.closest(SOURCE); at; at = at.parentElement?.closest(SOURCE))
    depth += 1;
  return depth;
}

// Nodes that need pixels before there are any have no effect, nor do those whose pictures are
// missing.
function drawableNodes(host, chain, hasSource, fault) {
  const style = native.getComputedStyle(host);
  const found = [];
  for (const node of chain.nodes) {
    const effect = VFX_EFFECTS[node.type];
    if (!hasSource && !effect.generates && found.length === 0) {
      const reason =
        fault ??
        `there is no <canvas layoutsubtree class="hf-vfx-src"> with <div class="hf-vfx-in"> in it, nor one beside it with data-vfx-for`;
      warnOnce(
        "vfx_invalid",
        `${describeChain(host)}: the effect "${node.type}" of "${node.id}" needs pixels, and ${reason}; it has no effect`,
      );
      continue;
    }
    const pictures = {};
    for (const name of Object.keys(effect.refs)) pictures[name] = referenceOf(host, node, name);
    if (Object.keys(pictures).some((name) => node.refs[name] && !pictures[name])) continue;
    found.push({ type: node.type, values: valuesNow(node, style), pictures });
  }
  return found;
}

/** All inputs of a chain in this frame; null if it draws nothing. */
function planChain(host, chain, seconds, fps) {
  if (native.getComputedStyle(host).position === "static") host.style.position = "relative";
  const canvas = vfxSourceOf(host);
  const fault = canvas && faultOf(canvas);
  const source = fault ? null : canvas;
  const nodes = drawableNodes(host, chain, source !== null, fault);
  const [wide, high] = [host.clientWidth, host.clientHeight];
  if (native.getComputedStyle(host).display === "inline")
    warnOnce(
      "vfx_invalid",
      `${describeChain(host)} is not drawn: the element is inline, and has no box of its own`,
    );
  if ((!source && nodes.length === 0) || !(wide > 0 && high > 0)) return null;
  const unit = Math.min(devicePixelRatio, MOST_CHAIN_PIXELS / Math.max(wide, high));
  const [width, height] = [wide, high].map((side) => Math.max(1, Math.round(side * unit)));
  const own = localTime(host, seconds);
  const frame = Math.round(own * fps);
  for (const node of nodes) {
    const { moves } = VFX_EFFECTS[node.type];
    if (moves === "seconds") node.values.seconds = own;
    if (moves === "frame") node.values.frame = frame;
    if (node.values.randomSeed !== undefined)
      node.values.randomSeed = Math.floor(node.values.randomSeed);
  }
  const plan = { host, chain, source, nodes, width, height, unit, depth: vfxDepthOf(host) };
  tellParked(plan);
  return plan;
}

const isInWindow = ({ left, top, right, bottom }) =>
  right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;

// Chrome need not paint elements outside of the window, and unpainted ones count as empty.
function tellParked(plan) {
  if (!isInWindow(boundsOf(plan.host))) return;
  for (const canvas of picturesOf(plan)) {
    if (!canvas.matches(SOURCE) || isInWindow(boundsOf(canvas))) continue;
    warnOnce(
      "vfx_unsupported",
      `${describeChain(plan.host)}: ${describeElement(canvas)} lies outside of the window, where Chrome may paint nothing; expected a source that lies in it, such as behind the element`,
    );
  }
}

function planKey({ source, nodes, width, height }) {
  return [
    source,
    width,
    height,
    ...nodes.flatMap(({ type, values, pictures }) => [
      type,
      ...Object.values(values),
      ...Object.values(pictures),
    ]),
  ];
}

const isSameKey = (a, b) => a?.length === b.length && b.every((each, i) => Object.is(each, a[i]));
const picturesOf = ({ source, nodes }) =>
  [source, ...nodes.flatMap(({ pictures }) => Object.values(pictures))].filter(Boolean);
const isWatched = (plan) => picturesOf(plan).every((each) => !each.querySelector(UNWATCHED));

/** Gives a canvas the size of its element, with one of its pixels for each of the screen. */
function fitCanvas(canvas) {
  const content = vfxContentOf(canvas);
  if (!isShown(content)) return;
  const [wide, high] = [content.offsetWidth, content.offsetHeight];
  for (const [name, side] of [
    ["width", wide],
    ["height", high],
  ]) {
    const pixels = Math.min(MOST_CHAIN_PIXELS, Math.max(1, Math.round(side * devicePixelRatio)));
    if (canvas[name] !== pixels) canvas[name] = pixels;
    if (canvas.style[name] !== `${side}px`) canvas.style[name] = `${side}px`;
  }
}

// Chrome draws a canvas inside an element that it draws into another canvas with one of its pixels
// for each of the screen, regardless of its box.
function tellMisfits(content) {
  for (const canvas of content.querySelectorAll("canvas")) {
    if (
      canvas.closest(SOURCE) !== content.parentElement ||
      canvas.matches(SOURCE) ||
      !isShown(canvas)
    )
      continue;
    const [wide, high] = contentSize(canvas, native.getComputedStyle(canvas)).map((side) =>
      Math.round(side * devicePixelRatio),
    );
    if (Math.abs(wide - canvas.width) <= 1 && Math.abs(high - canvas.height) <= 1) continue;
    warnOnce(
      "vfx_unsupported",
      `${describeElement(canvas)} in .hf-vfx-in has ${canvas.width}x${canvas.height} pixels and fills ${wide}x${high} of the picture: Chrome draws it there in its own size; expected as many as it fills`,
    );
  }
}

const isForeign = (address) =>
  /^https?:/.test(address) && new URL(address).origin !== location.origin;

/** Elements whose backgrounds have been checked. @type {WeakSet<Element>} */
const lookedAt = new WeakSet();

function foreignPictureOf(element) {
  if (element.localName === "img")
    return element.crossOrigin === null && isForeign(element.currentSrc)
      ? element.currentSrc
      : null;
  if (element.localName === "iframe")
    return element.contentDocument ? null : element.src || "a frame";
  if (lookedAt.has(element)) return null;
  lookedAt.add(element);
  const images = native.getComputedStyle(element).backgroundImage;
  return (
    [...images.matchAll(/url\("([^"]*)"\)/g)].map(([, address]) => address).find(isForeign) ?? null
  );
}

// Chrome omits pictures that a page must not read.
function tellForeign(content) {
  for (const element of [content, ...content.querySelectorAll("*")]) {
    const address = foreignPictureOf(element);
    if (address)
      warnOnce(
        "vfx_unsupported",
        `${describeElement(element)} in .hf-vfx-in is not drawn: ${address} belongs to another host, and Chrome leaves it out where elements are drawn into canvases`,
      );
  }
}

/**
 * Draws an element into its canvas, and removes it again unless it is visible there.
 * @returns {OffscreenCanvas}
 */
function takeSource(canvas) {
  const { width, height } = canvas;
  const context = canvasContext(canvas, "2d", { willReadFrequently: true });
  if (!context) throw new Error(`its ${SOURCE} has a context of another kind`);
  context.reset();
  const content = vfxContentOf(canvas);
  const taken = hiddenCanvas(width, height);
  if (isShown(content)) {
    tellMisfits(content);
    tellForeign(content);
    drawElementImage(context, content, 0, 0, width, height);
    context2d(taken).drawImage(canvas, 0, 0);
  }
  if (!canvas.hasAttribute(VISIBLE_ATTRIBUTE)) context.reset();
  return taken;
}

/** The place of a canvas in the host, in pixels of the page. */
function placeIn(host, canvas) {
  if (canvas.offsetParent === host) return [canvas.offsetLeft, canvas.offsetTop];
  if (canvas.offsetParent !== host.offsetParent) return [0, 0];
  return [
    canvas.offsetLeft - host.offsetLeft - host.clientLeft,
    canvas.offsetTop - host.offsetTop - host.clientTop,
  ];
}

function placedPicture({ host, source, width, height, unit }, picture) {
  const canvas = hiddenCanvas(width, height);
  const [left, top] = placeIn(host, source);
  context2d(canvas).drawImage(picture, Math.round(left * unit), Math.round(top * unit));
  return canvas;
}

const outputIn = (host) =>
  [...host.children].find(
    (child) => child.localName === "canvas" && child.classList.contains(OUTPUT_CLASS),
  );

function outputOf({ host, source }) {
  const found = outputIn(host);
  if (found) return found;
  const output = createHtml("canvas");
  output.className = OUTPUT_CLASS;
  output.style.cssText =
    "position:absolute;left:0;top:0;width:100%;height:100%;pointer-events:none";
  ownOutputs.add(output);
  if (source?.parentNode === host) source.after(output);
  else host.append(output);
  return output;
}

function clearOutput(host) {
  const output = outputIn(host);
  if (!output) return;
  if (ownOutputs.has(output)) output.remove();
  else canvasContext(output, "2d")?.reset();
  markChanged();
}

function showPlan(plan, pictureOf) {
  const { chain, source, nodes, width, height, unit } = plan;
  const drawn = nodes.map((node) => ({
    ...node,
    pictures: Object.fromEntries(
      Object.entries(node.pictures).map(([name, each]) => [name, each && pictureOf(each)]),
    ),
  }));
  const picture = drawChain({
    width,
    height,
    unit,
    source: source && placedPicture(plan, pictureOf(source)),
    nodes: drawn,
  });
  const output = outputOf(plan);
  if (output.width !== width) output.width = width;
  if (output.height !== height) output.height = height;
  const context = canvasContext(output, "2d", { willReadFrequently: true });
  if (!context) throw new Error(`its canvas.${OUTPUT_CLASS} has a context of another kind`);
  context.reset();
  context.imageSmoothingEnabled = false;
  context.globalCompositeOperation = "copy";
  context.drawImage(picture, 0, 0);
  chain.key = planKey(plan);
  markChanged();
}

function failPlan({ host, chain, source, nodes }, error) {
  const reason =
    error?.name === "SecurityError"
      ? "something in it belongs to another host, which does not let it be read"
      : (error?.message ?? error);
  const types = nodes.length > 0 ? nodes.map(({ type }) => type) : ["none"];
  for (const type of types)
    warnOnce(
      "vfx_unsupported",
      `${describeChain(host)}: the effect "${type}" is not drawn: ${reason}`,
    );
  chain.failed = true;
  clearOutput(host);
  // The source is shown as it is from now on.
  source?.setAttribute(VISIBLE_ATTRIBUTE, "");
}

function showUndrawn({ chain, source }) {
  chain.key = null;
  if (source) takeSource(source);
  markChanged();
}

/** Draws chains, none of which is inside another's picture. */
async function drawLevel(plans) {
  const canvases = new Set(plans.flatMap(picturesOf).filter((each) => each.matches(SOURCE)));
  canvases.forEach(fitCanvas);
  if (canvases.size > 0) await paintNow();
  const taken = new native.Map();
  const pictureOf = (element) => {
    if (!canvases.has(element)) return element;
    if (!taken.has(element)) taken.set(element, takeSource(element));
    return taken.get(element);
  };
  for (const plan of plans) {
    try {
      if (!plan.chain.failed) showPlan(plan, pictureOf);
    } catch (error) {
      failPlan(plan, error);
    }
    if (plan.chain.failed) guarded(() => showUndrawn(plan));
  }
}

function planAll(seconds, fps) {
  const hosts = new Set(hostsOfChains());
  for (const host of [...chains.keys()]) {
    if (hosts.has(host)) continue;
    chains.delete(host);
    clearOutput(host);
  }
  const plans = [];
  for (const host of hosts) {
    const chain = chainOf(host);
    if (!chain) clearOutput(host);
    if (!chain) continue;
    // Elements that are not visible may have changed by the time that they are.
    const plan = isShown(host) ? planChain(host, chain, seconds, fps) : (chain.key = null);
    if (plan) plans.push(plan);
    else if (isShown(host)) clearOutput(host);
  }
  return plans;
}

async function drawPlans(plans) {
  const levels = [...new Set(plans.map(({ depth }) => depth))].sort((a, b) => b - a);
  for (const level of levels) await drawLevel(plans.filter(({ depth }) => depth === level));
}

/**
 * Draws the chains of this document at `seconds`, with `fps` frames per second.
 * @returns {Promise|undefined} a promise if some of them have to be drawn
 */
export function drawChains(seconds, fps) {
  const plans = planAll(seconds, fps);
  if (plans.length === 0) return undefined;
  // A chain that is drawn may be visible in another.
  const isStill =
    !mayDifferNow() &&
    plans.every((plan) => isWatched(plan) && isSameKey(plan.chain.key, planKey(plan)));
  return isStill ? undefined : drawPlans(plans);
}
