// Animated pictures in `<img>`: each shows the frame of its clip's time.
//
// `content` puts a frame in the place of the file, so that the element keeps its box, its fit and
// its effects, and `src`, `srcset` and `currentSrc` stay as the page wrote them. A canvas that
// draws such an element gets the first frame, as in any browser. Loops count by the file, or by
// `data-loop`.

import { native } from "../natives.js";
import { localTime } from "../players/players.js";
import { allTrees } from "../shadow_roots.js";
import { readImageFile } from "./image_files.js";
import { findHdrImages } from "./hdr_images.js";
import { ageFrames, openAnimation } from "./image_frames.js";
import { openSvgAnimation } from "./svg_frames.js";
import { beginWork, endWork } from "../readiness/work.js";
import { isCovered } from "./covers.js";
import { warnOnce } from "../warnings.js";

/** The most characters that are quoted of an address that contains its file. */
const NAME_LENGTH = 200;

/** @typedef {import("./image_frames.js").FrameFile} FrameFile */
/** @typedef {{at: (ms: number, rounds: number|null) => FrameFile|null, prepare: (ms: number, rounds: number|null) => Promise<void>, busy?: Promise<unknown>}} Moving */
/** @typedef {{address: string, value: string, written: string, file?: FrameFile}} ShownPicture `value` is the `content` that was set, "" for none; `written` is how Chrome writes it; `file` is the frame */
const NOTHING_SHOWN = { value: "", written: "" };

/** @type {Map<string, Moving|null|undefined>} by address; undefined as long as the file is being read */
const movings = new native.Map();
/** @type {Map<HTMLImageElement, ShownPicture>} */
let watched = new native.Map();
let imagesStale = true;
/** Addresses of pictures that cannot be placed if they move. */
const unplaced = new Set();

/** Notes that images came or changed. */
export function markImagesDirty() {
  imagesStale = true;
}

async function openMoving(address) {
  const file = await readImageFile(address);
  if (!file) return null;
  if (file.type === "image/svg+xml") return openSvgAnimation(file);
  if (native.ImageDecoder) return openAnimation(file);
  warnOnce(
    "animated_image_failed",
    `${address.slice(0, NAME_LENGTH)} may be animated, but frames can only be decoded on a page from a secure origin; it moves by Chrome's own clock`,
  );
  return null;
}

function unreadable(address, error) {
  warnOnce(
    "animated_image_failed",
    `the frames of ${address.slice(0, NAME_LENGTH)} cannot be read: ${error?.message ?? error}`,
  );
  return null;
}

// Waits for work include this.
function asWork(text, promise) {
  const key = {};
  beginWork(key, text, { code: "image_pending" });
  const done = () => endWork(key);
  promise.then(done, done);
}

/**
 * The animation in the file at `address`; null for a still one, undefined as long as it is not
 * known.
 */
export function movingAt(address) {
  if (!movings.has(address)) {
    movings.set(address, undefined);
    const opened = openMoving(address).catch((error) => unreadable(address, error));
    asWork(
      `image ${address.slice(0, NAME_LENGTH)}`,
      opened.then((moving) => movings.set(address, moving)),
    );
  }
  return movings.get(address);
}

/** Whether the file at an address may move; requests it if that is not known. */
export function mayMove(address) {
  return movingAt(address) !== null;
}

/**
 * The frame of a moving picture at `seconds`; null until it is ready, which is then work under way.
 */
export function frameAt(address, seconds, rounds) {
  const moving = movingAt(address);
  if (!moving) return null;
  const ms = Math.max(0, seconds * 1000);
  const file = moving.at(ms, rounds);
  if (file) return file;
  const failed = (error) => movings.set(address, unreadable(address, error));
  // One after the other: a decoder has one position.
  moving.busy = (moving.busy ?? Promise.resolve())
    .then(() => moving.prepare(ms, rounds))
    .catch(failed);
  asWork(`image ${address.slice(0, NAME_LENGTH)}`, moving.busy);
  return null;
}

/** Brings the list of moving images up to date. Files that have to be read are work under way. */
export function findImages() {
  if (!imagesStale) return;
  imagesStale = false;
  const before = watched;
  watched = new native.Map();
  for (const tree of allTrees()) {
    for (const image of tree.querySelectorAll("img")) {
      // Checked again when it has loaded.
      if (!image.complete) imagesStale = true;
      const address = image.currentSrc;
      if (!address || image.naturalWidth === 0) continue;
      const old = before.get(image);
      if (!mayMove(address)) continue;
      watched.set(image, old?.address === address ? old : { ...NOTHING_SHOWN, ...old, address });
      before.delete(image);
    }
    for (const image of /** @type {NodeListOf<SVGImageElement>} */ (
      tree.querySelectorAll("svg image")
    )) {
      const address = image.href.baseVal && new URL(image.href.baseVal, document.baseURI).href;
      if (address && mayMove(address)) unplaced.add(address);
    }
  }
  for (const [image, shown] of before) show(image, shown, "");
}

// An <image> of an SVG has no `content`.
function warnUnplaced() {
  for (const address of unplaced) {
    const moving = movingAt(address);
    if (moving !== undefined) unplaced.delete(address);
    if (moving)
      warnOnce(
        "animated_image_unplaced",
        `an <image> of an SVG is animated and moves by Chrome's own clock; in an <img> it would be placed: ${address.slice(0, NAME_LENGTH)}`,
      );
  }
}

function show(image, shown, value) {
  const { style } = image;
  // The module that covers it has set `content`, and shows its frame graded.
  if (isCovered(image)) {
    Object.assign(shown, NOTHING_SHOWN);
    return;
  }
  if (value === shown.value && style.getPropertyValue("content") === shown.written) return;
  if (value) style.setProperty("content", value, "important");
  else if (shown.value) style.removeProperty("content");
  shown.value = value;
  shown.written = value && style.getPropertyValue("content");
}

/** The rounds in `data-loop`; null without it. */
function roundsOf(image) {
  const text = image.getAttribute("data-loop")?.trim().toLowerCase();
  if (text === undefined) return null;
  if (text === "" || text === "true" || text === "infinite") return Infinity;
  if (text === "false") return 1;
  const rounds = Number(text);
  return Number.isFinite(rounds) && rounds >= 0 ? Math.max(1, rounds) : null;
}

// `srcset` may give the file more pixels than CSS pixels.
function contentOf(image, file) {
  const density = file.width / image.naturalWidth;
  const url = `url("${file.url}${image.currentSrc.match(/#.*$/)?.[0] ?? ""}")`;
  return Math.abs(density - 1) < 0.01 ? url : `image-set(${url} ${density}x)`;
}

/** The number of elements with moving images. */
export function countMovingImages() {
  return [...watched.values()].filter(({ address }) => movingAt(address)).length;
}

/** Shows all moving images at `seconds`. Frames that are not ready become work under way. */
export function applyAnimatedImages(seconds) {
  findImages();
  findHdrImages();
  if (unplaced.size > 0) warnUnplaced();
  if (watched.size === 0) return;
  ageFrames();
  for (const [image, shown] of watched) {
    const moving = movingAt(shown.address);
    if (moving === null) {
      watched.delete(image);
      show(image, shown, "");
    }
    if (!moving) continue;
    const file = frameAt(shown.address, localTime(image, seconds), roundsOf(image));
    if (!file) continue;
    shown.file = file;
    show(image, shown, contentOf(image, file));
  }
}

/** The present frame of a moving image; null for a still one. @returns {HTMLImageElement|null} */
export function frameShownBy(image) {
  return watched.get(image)?.file?.image ?? null;
}

/** Shows the frame of an image again that was covered. */
export function uncoverFrame(image) {
  const shown = watched.get(image);
  if (shown?.file) show(image, shown, contentOf(image, shown.file));
}
