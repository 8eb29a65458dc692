// Graded pictures: `data-color-grading` on `<img>` and `<video>`.
//
// An element's picture is drawn anew, in the size of its box and with its fit, and shown as the
// element's background; an empty picture of the same size stands in the place of its own. So the
// element keeps its box, and Chrome keeps its place, corners, filters and order: nothing is added
// to the document. It is done when everything else of a frame is in its place, and only if the
// picture, its size, the grade or, with grain and moving effects, the time has changed.

import { collectGarbage, native } from "../natives.js";
import { resolveAsset } from "../compositions/files.js";
import { instanceAround } from "../compositions/instances.js";
import { frameShownBy, uncoverFrame } from "../images/animated_images.js";
import { GRADE_ATTRIBUTE, declaredGrade, gradeOf } from "./color_grades.js";
import { lutAt } from "./color_luts.js";
import { context2d, drawGrade, hiddenCanvas } from "./color_renderer.js";
import { coverOf, dropCover, setCover } from "../images/covers.js";
import { emptyFile, frameFile, pixelsFile } from "../images/image_frames.js";
import { markChanged } from "../rendering/changes.js";
import { clock } from "../time/clock.js";
import { mediaInfoAt } from "../media/media.js";
import { checkVisibility, pictureBox } from "../media/native_layers.js";
import { boundsOf, contentSize } from "../media/picture_sizes.js";
import { allTrees } from "../shadow_roots.js";
import { pictureShownBy, repostVideo } from "../media/video_pictures.js";
import { describeElement, warnOnce } from "../warnings.js";

/** The most pixels of a picture's side. */
const MOST_PIXELS = 4096;
/** The most by which a picture is finer than its box where its element is enlarged. */
const MOST_ENLARGED = 4;
/** Bytes of old pictures after which they are collected. */
const MOST_GARBAGE = 48 << 20;
/** Effects that move by themselves. */
const MOVING_EFFECTS = ["tapeDamage", "filmArtifacts", "digitalGlitch", "crosshatch"];

/** @typedef {{key: unknown[], url: string, image: HTMLImageElement, background: string}} GradedPicture */
/** @typedef {{image: CanvasImageSource, name: string, size: {width: number, height: number}}} GradeSource
 *  `size` is the natural size in CSS pixels */

/** @type {Map<Element, GradedPicture>} what elements show */
const gradedPictures = new native.Map();
/** @type {Map<Element, string>} sources that could not be graded: they are not tried again in each frame */
const ungradable = new native.Map();
let garbage = 0;
/** @type {Map<string, Promise<string>>} addresses of empty pictures, by size */
const emptyPictures = new native.Map();

const STATIC_BACKGROUND = {
  "background-position": "0px 0px",
  "background-size": "100% 100%, auto",
  "background-repeat": "no-repeat",
  "background-attachment": "scroll",
  "background-blend-mode": "normal",
  "background-origin": "content-box, padding-box",
  // The last one is that of the color, which lies below all of the box.
  "background-clip": "content-box, border-box",
};
const BACKGROUND = ["background-image", ...Object.keys(STATIC_BACKGROUND)];

function* gradedElements() {
  for (const tree of allTrees()) {
    for (const element of tree.querySelectorAll(`[${GRADE_ATTRIBUTE}]`)) {
      if (element.localName === "img" || element.localName === "video") yield element;
      else
        warnOnce(
          "color_grading_unsupported",
          `${GRADE_ATTRIBUTE} stands on ${describeElement(element)}, expected an <img> or a <video>; it is not graded`,
        );
    }
  }
}

const lutOf = (element, grade) =>
  lutAt(resolveAsset(grade.lut.src, instanceAround(element)?.url ?? document.baseURI));

/** Reads all grades. Color tables that have to be loaded are work under way. */
export function findGrades() {
  for (const element of gradedElements()) {
    const grade = declaredGrade(element);
    if (grade?.lut) lutOf(element, grade);
  }
}

/** @returns {GradeSource|null} what an element shows now, ungraded */
function sourceShownBy(element) {
  if (element.localName === "img") {
    const { naturalWidth: width, naturalHeight: height } = element;
    if (!element.complete || width === 0 || height === 0) return null;
    const frame = frameShownBy(element);
    return {
      image: frame ?? element,
      name: frame?.src ?? element.currentSrc,
      size: { width, height },
    };
  }
  const [info, shown] = [mediaInfoAt(element, clock.now / 1000), pictureShownBy(element)];
  return info && shown
    ? { image: shown.image, name: shown.address, size: { width: info.width, height: info.height } }
    : null;
}

/**
 * The power of two by which the picture is finer than the box, for an element that is enlarged on
 * screen.
 */
function fineness(element) {
  const { width, height } = boundsOf(element);
  const enlarged = Math.max(width / element.offsetWidth, height / element.offsetHeight);
  if (!(enlarged > 1.01)) return 1;
  return Math.min(2 ** Math.ceil(Math.log2(enlarged / 1.01)), MOST_ENLARGED);
}

/**
 * The pixels of the picture, their number per pixel of the device, and the place of the source in
 * it.
 */
function layOut(element, source) {
  const style = native.getComputedStyle(element);
  const box = contentSize(element, style);
  if (!box.every((side) => side > 0)) return null;
  const wanted = box.map((side) => Math.max(1, Math.round(side * devicePixelRatio)));
  const finer = Math.min(fineness(element), MOST_PIXELS / Math.max(...wanted));
  const [width, height] = wanted.map((side) => Math.max(1, Math.round(side * finer)));
  const place = pictureBox(box, source.size, style);
  return { width, height, unit: finer, place };
}

const checkShown = (element) =>
  element.isConnected &&
  checkVisibility(element, { opacityProperty: true, visibilityProperty: true });

// FNV-1a, 32 bits: each element has grain of its own.
function seedOf(element) {
  const name =
    element.id ||
    element.getAttribute("src") ||
    `${element.localName}:${[...document.querySelectorAll(element.localName)].indexOf(element)}`;
  let sum = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
  return sum % 10000;
}

/** The part of a grade that depends on the time; equal for all times at which it looks the same. */
function momentOf({ details, effects }, seconds) {
  if (MOVING_EFFECTS.some((name) => effects[name] > 0)) return seconds;
  return details.grain > 0 ? Math.floor(60 * seconds + 1e-6) : 0;
}

const isSame = (a, b) => a.length === b.length && a.every((each, i) => Object.is(each, b[i]));

/**
 * The canvas for all pictures: each is read before the next is drawn.
 * @type {OffscreenCanvas|null}
 */
let sourceCanvas = null;

function drawSource(source, { width, height, place: [left, top, wide, high] }) {
  sourceCanvas ??= hiddenCanvas(width, height);
  // This clears it, even if its size is unchanged.
  Object.assign(sourceCanvas, { width, height });
  const context = context2d(sourceCanvas);
  context.imageSmoothingQuality = "high";
  context.drawImage(source.image, left * width, top * height, wide * width, high * height);
  return sourceCanvas;
}

function emptyPicture({ width, height }) {
  const name = `${width}x${height}`;
  let known = emptyPictures.get(name);
  if (!known)
    emptyPictures.set(
      name,
      (known = frameFile(emptyFile(width, height), 0).then(({ url }) => url)),
    );
  return known;
}

/** Shows a graded picture; does so anew if page code has overwritten it. */
function showGraded(element, picture) {
  const { style } = element;
  const cover = coverOf(element);
  const content = element.localName === "img" ? `url("${cover}")` : "";
  const isShown =
    style.getPropertyValue("background-image") === picture.background &&
    style.getPropertyValue("content") === content;
  if (isShown && picture.background) return;
  // The gradient carries the color's clip. With it as one of the layers, a page that transitions
  // all of its styles has nothing to fade.
  style.setProperty(
    "background-image",
    `url("${picture.url}"), linear-gradient(transparent, transparent)`,
    "important",
  );
  for (const [name, value] of Object.entries(STATIC_BACKGROUND))
    style.setProperty(name, value, "important");
  if (content) style.setProperty("content", content, "important");
  else repostVideo(element);
  picture.background = style.getPropertyValue("background-image");
  markChanged();
}

function forgetPicture({ url, image }) {
  native.revokeUrl(url);
  garbage += 4 * image.naturalWidth * image.naturalHeight;
  if (garbage < MOST_GARBAGE) return;
  garbage = 0;
  collectGarbage();
}

/** Shows an element's own picture again. */
function showUngraded(element) {
  const picture = gradedPictures.get(element);
  gradedPictures.delete(element);
  if (!picture) return;
  dropCover(element);
  for (const name of BACKGROUND) element.style.removeProperty(name);
  if (element.localName === "img") {
    element.style.removeProperty("content");
    uncoverFrame(element);
  } else repostVideo(element);
  forgetPicture(picture);
  markChanged();
}

function failGrade(element, source, error) {
  const reason =
    error?.name === "SecurityError"
      ? "it belongs to another host, which does not let it be read"
      : (error?.message ?? error);
  warnOnce(
    "color_grading_failed",
    `${describeElement(element)} is shown without its ${GRADE_ATTRIBUTE}: ${reason}`,
  );
  showUngraded(element);
  ungradable.set(element, source.name);
  // A canvas that has drawn a picture of another host stays unreadable.
  sourceCanvas = null;
}

async function drawPicture(element, source, layout, grade, lut, seconds, key) {
  try {
    const canvas = drawSource(source, layout);
    const seed = seedOf(element) + Math.floor(60 * seconds + 1e-6);
    const pixels = drawGrade({ canvas, grade, lut, unit: layout.unit, seconds, seed });
    const [file, cover] = await Promise.all([
      pixelsFile(layout.width, layout.height, pixels, true),
      emptyPicture(source.size),
    ]);
    const before = gradedPictures.get(element);
    const picture = { key, url: file.url, background: "", image: file.image };
    gradedPictures.set(element, picture);
    setCover(element, cover);
    showGraded(element, picture);
    if (before) forgetPicture(before);
  } catch (error) {
    failGrade(element, source, error);
  }
}

/** @returns {Promise|undefined} a promise if the picture has to be drawn */
function gradePicture(element, seconds) {
  const grade = gradeOf(element);
  if (!grade) return void showUngraded(element);
  if (!checkShown(element)) return undefined;
  const source = sourceShownBy(element);
  const layout = source && layOut(element, source);
  if (!layout) return void showUngraded(element);
  const held = grade.lut ? lutOf(element, grade) : null;
  if (held?.promise) return held.promise.then(() => gradePicture(element, seconds));
  const lut = held?.lut ?? null;
  const before = gradedPictures.get(element);
  if (ungradable.get(element) === source.name) return undefined;
  const key = [
    source.name,
    grade,
    lut,
    layout.width,
    layout.height,
    layout.unit,
    ...layout.place,
    momentOf(grade, seconds),
  ];
  if (before && isSame(before.key, key)) return void showGraded(element, before);
  return drawPicture(element, source, layout, grade, lut, seconds, key);
}

/**
 * Grades all pictures at `seconds`.
 * @returns {Promise|undefined} a promise if some of them have to be drawn
 */
export function gradePictures(seconds) {
  const elements = new Set(gradedElements());
  for (const element of [...gradedPictures.keys()])
    if (!elements.has(element)) showUngraded(element);
  const waits = [];
  for (const element of elements) {
    const pending = gradePicture(element, seconds);
    if (pending) waits.push(pending);
  }
  return waits.length > 0 ? Promise.all(waits) : undefined;
}
