// The pictures of videos: each element shows the one for its time.
//
// A picture is the element's poster: Chrome draws it where it would draw the player's own, with the
// element's fit, place, borders and effects, with every backend. Pictures come from the engine
// without compression, and the next one is requested while a frame is being captured. A frame
// begins only when its pictures are there, before the page has moved.

import { collectGarbage, config, native, nativeMethod, override } from "../natives.js";
import { clock, timeStamp } from "../time/clock.js";
import { decodesMedia, pictureNumber } from "./media_sources.js";
import { flatAddress, flatAddresses } from "./native_layers.js";
import { hdrImageInfo, hdrImages, showFlatImage } from "../images/hdr_images.js";
import { mediaElements, mediaInfo, mediaInfoAt, mediaTime, meetMedia, playsAt } from "./media.js";
import { coverOf } from "../images/covers.js";
import { divisorOf } from "./picture_sizes.js";
import { beginWork, endWork } from "../readiness/work.js";
import { describeElement, warnOnce } from "../warnings.js";

/** Preparations after which an unused picture is dropped. */
const KEPT_PREPARATIONS = 3;
/** Bytes of dropped pictures after which they are collected. */
const GARBAGE_BYTES = 48 * 2 ** 20;

/** @typedef {{image: HTMLImageElement, loaded: boolean, failed: boolean, promise: Promise<void>, used: number}} VideoPicture */
/** @typedef {{address: string, picture: VideoPicture, authored: string|null, fresh: boolean, presented: number}} ShownVideo */

/** @type {Map<string, VideoPicture>} */
const heldPictures = new native.Map();
/** @type {Map<HTMLVideoElement, ShownVideo>} */
const shownVideos = new native.Map();
let preparations = 0;
let garbageBytes = 0;
let skipping = false;
let drawsVideos = false;

const setAttribute = nativeMethod(Element.prototype, "setAttribute");

function loadPicture(address) {
  const image = new native.Image();
  const picture = { image, loaded: false, failed: false, promise: null, used: preparations };
  picture.promise = new Promise((/** @type {(nothing?: void) => void} */ resolve) => {
    const done = (failed) => () => {
      picture.loaded = true;
      picture.failed = failed;
      resolve();
    };
    native.listen(image, "load", done(false), { once: true });
    native.listen(image, "error", done(true), { once: true });
  });
  native.setImageSource(image, address);
  return picture;
}

function pictureAt(address) {
  let picture = heldPictures.get(address);
  if (!picture) heldPictures.set(address, (picture = loadPicture(address)));
  picture.used = preparations;
  return picture;
}

/** The address of a video's own picture at `seconds`; null for nothing new. */
function ownPicture(element, seconds) {
  const info = mediaInfo(element);
  if (!info || info.ticks.length === 0) return null;
  if (element.isConnected && !playsAt(element, seconds)) return null;
  if (info.cut && mediaTime(element, seconds) > info.cut.from)
    warnOnce("video_damaged", info.cut.text);
  return `${config.media}picture/${info.id}/${pictureNumber(info, mediaTime(element, seconds))}/${drawsVideos ? 1 : divisorOf(element)}.png`;
}

/** @returns {Generator<[HTMLVideoElement, string]>} */
function* ownPictures(seconds) {
  if (!decodesMedia) return;
  for (const element of mediaElements()) {
    if (element.localName !== "video") continue;
    const address = ownPicture(element, seconds);
    if (address) yield [/** @type {HTMLVideoElement} */ (element), address];
  }
}

/** @returns {Generator<[HTMLVideoElement, VideoPicture, string]>} */
function* wantedPictures(seconds) {
  for (const [element, own] of ownPictures(seconds)) {
    const address = flatAddress(element, mediaInfoAt(element, seconds)) ?? own;
    yield [element, pictureAt(address), address];
  }
}

/** The pictures that must be there before the frame at `seconds` begins. */
function* neededPictures(seconds) {
  for (const [, picture] of wantedPictures(seconds)) yield picture;
  for (const [element, own] of ownPictures(seconds)) {
    if (drawsVideos) yield pictureAt(own);
    for (const address of flatAddresses(element, mediaInfoAt(element, seconds)))
      yield pictureAt(address);
  }
  for (const image of hdrImages()) {
    for (const address of flatAddresses(image, hdrImageInfo(image))) yield pictureAt(address);
  }
}

function forgetPictures() {
  const shown = new Set([...shownVideos.values()].map(({ picture }) => picture));
  for (const [address, picture] of heldPictures) {
    if (preparations - picture.used > KEPT_PREPARATIONS && !shown.has(picture)) {
      heldPictures.delete(address);
      garbageBytes += 4 * picture.image.naturalWidth * picture.image.naturalHeight;
    }
  }
  if (garbageBytes > GARBAGE_BYTES) {
    garbageBytes = 0;
    collectGarbage();
  }
}

/**
 * Requests the pictures at `seconds`. A frame that is only passed needs them only if page code
 * draws them.
 * @returns {Promise|undefined} a promise if some of them are not there
 */
export function preparePictures(seconds, passes) {
  if ((passes || config.rehearses) && !drawsVideos && seconds > 0) return undefined;
  preparations += 1;
  forgetPictures();
  const waits = [];
  for (const picture of neededPictures(seconds)) {
    if (!picture.loaded) waits.push(picture.promise);
  }
  return waits.length > 0 ? Promise.all(waits) : undefined;
}

/** Frames that are only passed show no pictures, unless page code draws them. */
export function passFrame(passes) {
  skipping = (passes || config.rehearses) && !drawsVideos && clock.now > 0;
}

function showPicture(element, picture, address) {
  const before = shownVideos.get(element);
  if (before?.address === address) return;
  if (picture.failed) {
    warnOnce(
      "video_failed",
      `a picture of ${describeElement(element)} cannot be shown: ${mediaTime(element, clock.now / 1000)} s of ${element.currentSrc || element.src}`,
    );
    return;
  }
  const authored = before ? before.authored : element.getAttribute("poster");
  shownVideos.set(element, {
    address,
    picture,
    authored,
    fresh: true,
    presented: (before?.presented ?? 0) + 1,
  });
  setAttribute(element, "poster", coverOf(element) ?? address);
}

/**
 * The present picture of a video, as it was decoded; null before its first.
 * @returns {{image: HTMLImageElement, address: string}|null}
 */
export function pictureShownBy(video) {
  const shown = shownVideos.get(video);
  return shown ? { image: shown.picture.image, address: shown.address } : null;
}

/** Restores a video's cover, or else its picture. */
export function repostVideo(video) {
  const poster = coverOf(video) ?? shownVideos.get(video)?.address;
  if (poster && video.getAttribute("poster") !== poster) setAttribute(video, "poster", poster);
}

/** Shows all pictures at `seconds`. Pictures that are not ready become work under way. */
export function applyPictures(seconds) {
  if (skipping) return;
  for (const image of hdrImages()) showFlatImage(image, flatAddress(image, hdrImageInfo(image)));
  for (const [element, picture, address] of wantedPictures(seconds)) {
    if (picture.loaded) {
      showPicture(element, picture, address);
    } else {
      const key = {};
      beginWork(key, `a picture of ${describeElement(element)}`, { code: "media_pending" });
      picture.promise.then(() => endWork(key));
    }
  }
}

/** The picture that page code gets where it draws a video; null before the first. */
function pictureOf(video) {
  drawsVideos = true;
  meetMedia(video);
  const address = ownPicture(video, clock.now / 1000);
  const picture = address && pictureAt(address);
  if (picture?.loaded && !picture.failed) return picture.image;
  return shownVideos.get(video)?.picture.image ?? null;
}

/** Callbacks that are due. */
let takeAsked = () => [];

const isVideo = (value) => decodesMedia && value instanceof HTMLVideoElement;

// Methods that take a video among their arguments get its picture; without one they do nothing, as
// with a player that has no data yet.
function drawPictures(owner, names) {
  for (const name of names) {
    const original = owner?.[name];
    if (!original) continue;
    override(owner, {
      [name](...given) {
        const at = given.findIndex(isVideo);
        if (at < 0) return Reflect.apply(original, this, given);
        const image = pictureOf(given[at]);
        if (image === null) return name === "createPattern" ? null : undefined;
        return Reflect.apply(original, this, given.with(at, image));
      },
    });
  }
}

if (decodesMedia) {
  drawPictures(window.CanvasRenderingContext2D?.prototype, ["drawImage", "createPattern"]);
  drawPictures(window.OffscreenCanvasRenderingContext2D?.prototype, ["drawImage", "createPattern"]);
  const textures = ["texImage2D", "texSubImage2D", "texImage3D", "texSubImage3D"];
  drawPictures(window.WebGLRenderingContext?.prototype, textures);
  drawPictures(window.WebGL2RenderingContext?.prototype, textures);

  const createBitmap = window.createImageBitmap;
  override(window, {
    createImageBitmap(source, ...rest) {
      const image = isVideo(source) ? pictureOf(source) : source;
      if (image === null)
        return Promise.reject(
          new DOMException("The video has no picture yet", "InvalidStateError"),
        );
      return createBitmap(image, ...rest);
    },
  });

  /** @type {Map<number, {element: HTMLVideoElement, callback: Function}>} */
  const asked = new native.Map();
  let nextHandle = 1;
  override(window.HTMLVideoElement?.prototype, {
    requestVideoFrameCallback(callback) {
      meetMedia(this);
      asked.set(nextHandle, { element: this, callback });
      return nextHandle++;
    },
    cancelVideoFrameCallback(handle) {
      asked.delete(handle);
    },
    get poster() {
      const shown = shownVideos.get(this);
      const text = shown ? shown.authored : this.getAttribute("poster");
      return text ? new URL(text, document.baseURI).href : "";
    },
  });
  takeAsked = () => {
    const due = [...asked].filter(([, { element }]) => shownVideos.get(element)?.fresh);
    due.forEach(([handle]) => asked.delete(handle));
    return due.map(([, each]) => each);
  };
}

/** Runs callbacks for videos with a new picture. Returns how many. */
export function runVideoCallbacks() {
  const due = takeAsked();
  for (const { element, callback } of due) {
    const { width, height } = mediaInfoAt(element, clock.now / 1000);
    const shown = shownVideos.get(element);
    callback(timeStamp(), {
      presentationTime: timeStamp(),
      expectedDisplayTime: timeStamp(),
      width,
      height,
      mediaTime: element.currentTime,
      presentedFrames: shown.presented,
    });
  }
  for (const shown of shownVideos.values()) shown.fresh = false;
  return due.length;
}
