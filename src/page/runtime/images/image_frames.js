// Animated GIF, WebP, PNG and AVIF: which frame is due, and a picture of it alone.
//
// Chrome animates them by its own clock. So each frame is decoded by the same decoder and becomes a
// file without compression, which an element or a style can show in place of the original: the
// pixels are the same. Files that are in use, or were lately, are kept; others are made again when
// needed.

import { native } from "../natives.js";

/** Chrome's rule: frames that are to be shorter than this last 100 ms. */
const SHORTEST_MS = 10;
const HURRIED_MS = 100;
/** Times that differ by less are the same: sums of times are not exact. */
const NEAR_MS = 1e-6;
/** The limit for the frame files of one document. */
const CACHE_BYTES = 128 << 20;

/** @typedef {{url: string, image: HTMLImageElement, bytes: number, width: number}} FrameFile */

/** @type {Map<FrameFile, {forget: () => void, bytes: number, used: number}>} by frame file, least used first */
const frameFiles = new native.Map();
let frameBytes = 0;
let useCount = 0;

/** Notes that a frame file is shown, and drops others if there are too many. */
export function keepFrame(file, forget) {
  const known = frameFiles.get(file);
  if (known) frameFiles.delete(file);
  else frameBytes += file.bytes;
  frameFiles.set(file, { forget, bytes: file.bytes, used: useCount });
  for (const [other, entry] of frameFiles) {
    if (frameBytes <= CACHE_BYTES || entry.used === useCount) break;
    frameFiles.delete(other);
    frameBytes -= entry.bytes;
    native.revokeUrl(other.url);
    entry.forget();
  }
}

/** Begins another step: files that were used before may be dropped. */
export function ageFrames() {
  useCount += 1;
}

/** A blob as a picture that shows at once wherever its address is used. */
export async function frameFile(blob, bytes) {
  const url = native.objectUrl(blob);
  const image = new native.Image();
  const loaded = new Promise((resolve, reject) => {
    native.listen(image, "load", resolve);
    native.listen(image, "error", () => reject(new Error("a frame of it cannot be shown")));
  });
  native.setImageSource(image, url);
  await loaded;
  return { url, image, bytes, width: image.naturalWidth };
}

/**
 * BMP with a version 5 header: 32 bits per pixel, straight alpha. Rows come from the top by
 * default.
 */
function bitmapFile(width, height, pixels, fromBottom) {
  const header = new DataView(new ArrayBuffer(138));
  header.setUint16(0, 0x424d);
  const words = {
    2: 138 + pixels.length,
    10: 138,
    14: 124,
    18: width,
    22: fromBottom ? height : -height,
    30: 3,
    34: pixels.length,
    54: 0xff,
    58: 0xff00,
    62: 0xff0000,
    66: 0xff000000,
    70: 0x73524742,
  };
  for (const [at, word] of Object.entries(words)) header.setInt32(Number(at), word, true);
  header.setUint16(26, 1, true);
  header.setUint16(28, 32, true);
  // Chrome takes files of less than 150 bytes for incomplete.
  return new native.Blob([header, pixels, new Uint8Array(16)], { type: "image/bmp" });
}

// A bitmap without any alpha counts as opaque.
export function emptyFile(width, height) {
  return new native.Blob(
    [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"/>`,
    ],
    { type: "image/svg+xml" },
  );
}

function isEmpty(pixels) {
  const words = new Uint32Array(pixels.buffer);
  for (let at = 0; at < words.length; at++) if (words[at] >>> 24 !== 0) return false;
  return true;
}

/** Pixels as a file, and as a picture that shows at once. @returns {Promise<FrameFile>} */
export function pixelsFile(width, height, pixels, fromBottom = false) {
  return frameFile(
    isEmpty(pixels) ? emptyFile(width, height) : bitmapFile(width, height, pixels, fromBottom),
    pixels.length * 2,
  );
}

async function decodeFrame(decoder, index) {
  const { image: frame } = await native.decodeFrame(decoder, { frameIndex: index });
  const { displayWidth: width, displayHeight: height, duration } = frame;
  return {
    frame,
    width,
    height,
    ms: duration === null || duration / 1000 <= SHORTEST_MS ? HURRIED_MS : duration / 1000,
  };
}

/**
 * An animated file that can be asked for its frame at a time.
 * @param {{type: string, bytes: Uint8Array}} file
 */
export async function openAnimation({ type, bytes }) {
  // Chrome's `premultiplyAlpha` is not in TypeScript's list of the options.
  const options = /** @type {any} */ ({
    type,
    data: bytes,
    preferAnimation: true,
    premultiplyAlpha: "none",
  });
  const decoder = new native.ImageDecoder(options);
  await decoder.tracks.ready;
  await decoder.completed;
  const track = decoder.tracks.selectedTrack;
  if (!track?.animated || track.frameCount < 2) {
    decoder.close();
    return null;
  }
  const count = track.frameCount;
  /** The times in ms at which the frames end, as far as they are known. */
  const ends = [];
  /** @type {Map<number, FrameFile>} */
  const files = new native.Map();

  // Null until more frames have been decoded.
  function indexAt(ms, rounds) {
    let at = ms + NEAR_MS;
    if (ends.length === count) {
      const round = ends[count - 1];
      if (at >= round * rounds) return count - 1;
      at %= round;
    }
    const index = ends.findIndex((end) => at < end);
    return index < 0 ? null : index;
  }

  async function makeFile(index) {
    const { frame, width, height } = await decodeFrame(decoder, index);
    const pixels = new Uint8Array(frame.allocationSize({ format: "RGBA" }));
    await frame.copyTo(pixels, { format: "RGBA" });
    frame.close();
    files.set(index, await pixelsFile(width, height, pixels));
  }

  return {
    /**
     * The frame due at `ms`, played `rounds` times (null: the file's own number); null if it has to
     * be prepared.
     */
    at(ms, rounds) {
      const file = files.get(indexAt(ms, rounds ?? track.repetitionCount + 1));
      if (!file) return null;
      keepFrame(file, () => files.forEach((each, index) => each === file && files.delete(index)));
      return file;
    },
    async prepare(ms, rounds) {
      let index = null;
      while ((index = indexAt(ms, rounds ?? track.repetitionCount + 1)) === null) {
        const met = await decodeFrame(decoder, ends.length);
        met.frame.close();
        ends.push((ends.at(-1) ?? 0) + met.ms);
      }
      if (!files.has(index)) await makeFile(index);
    },
  };
}
