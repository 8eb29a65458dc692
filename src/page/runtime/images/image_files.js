// Files of pictures that may be animated: read once, and identified by their bytes.
//
// A name tells little, so the first bytes of every file are examined whose kind can be animated. Of
// a still one only those bytes are read.

import { native } from "../natives.js";
import { warnOnce } from "../warnings.js";

const NEVER_ANIMATED =
  /\.(?:jpe?g|jfif|bmp|ico|tiff?|jxl)(?:[?#]|$)|^data:image\/(?:jpe?g|bmp|x-icon)[;,]/i;
const ANIMATED_NAME = /\.(?:gif|apng)(?:[?#]|$)/i;
const SVG_ANIMATION =
  /<(?:\w+:)?(?:animate|animateTransform|animateMotion|set)[\s/>]|@(?:-webkit-)?keyframes\s/;

/** @typedef {{type: string, bytes: Uint8Array}} ImageFile */

const latin = new TextDecoder("latin1");
const utf8 = new TextDecoder();

function textAt(bytes, from, to) {
  return latin.decode(bytes.subarray(from, to));
}

function numberAt(bytes, at) {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

// PNG, third edition: the chunk acTL stands before the first IDAT.
function isAnimatedPng(bytes) {
  for (let at = 8; at + 8 <= bytes.length; at += 12 + numberAt(bytes, at)) {
    const name = textAt(bytes, at + 4, at + 8);
    if (name === "acTL") return true;
    if (name === "IDAT") return false;
  }
  return null;
}

// PNG, third edition: cICP has primaries, transfer, matrix and range. ISOBMFF: colr of kind nclx has
// them in two bytes each. The transfers are code points of H.273.
function curveOf(bytes) {
  const curveNamed = (transfer) => (transfer === 16 ? "pq" : transfer === 18 ? "hlg" : null);
  const head = textAt(bytes, 0, 4096);
  if (head.slice(1, 4) === "PNG") {
    for (let at = 8; at + 12 <= bytes.length; at += 12 + numberAt(bytes, at)) {
      const name = textAt(bytes, at + 4, at + 8);
      if (name === "cICP") return curveNamed(bytes[at + 9]);
      if (name === "IDAT" || name === "PLTE") return null;
    }
    return null;
  }
  const color = head.slice(4, 8) === "ftyp" ? head.indexOf("colrnclx") : -1;
  return color > 0 && color + 12 <= bytes.length ? curveNamed(bytes[color + 11]) : null;
}

/** @type {Map<string, string>} "pq" or "hlg" of still HDR pictures, by address */
export const hdrCurves = new native.Map();

/**
 * Type of an animated file by its first bytes, "" for a still one, null as long as it is not known.
 */
function animatedType(bytes, declared) {
  if (bytes.length < 32) return null;
  const head = textAt(bytes, 0, 32);
  if (head.startsWith("GIF8")) return "image/gif";
  if (head.slice(1, 4) === "PNG") {
    const animated = isAnimatedPng(bytes);
    return animated === null ? null : animated ? "image/png" : "";
  }
  // WebP container: the second bit of the flags in VP8X.
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP")
    return head.slice(12, 16) === "VP8X" && bytes[20] & 2 ? "image/webp" : "";
  if (head.slice(4, 8) === "ftyp")
    return textAt(bytes, 8, Math.min(numberAt(bytes, 0), bytes.length)).includes("avis")
      ? "image/avif"
      : "";
  return declared.includes("svg") || /^\s*(?:\xef\xbb\xbf)?\s*</.test(head) ? "image/svg+xml" : "";
}

function joinChunks(chunks) {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

async function readAnimated(response, address) {
  const declared = response.headers.get("content-type") ?? "";
  const reader = response.body.getReader();
  let chunks = [];
  let type = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (value) chunks.push(value);
    if (type === null) {
      chunks = [joinChunks(chunks)];
      type = animatedType(chunks[0], declared);
      const curve = type === "" ? curveOf(chunks[0]) : null;
      if (curve) hdrCurves.set(address, curve);
    }
    if (type === "" && !done) reader.cancel();
    if (type === "" || (done && type === null)) return null;
    if (done) break;
  }
  const bytes = joinChunks(chunks);
  if (type === "image/svg+xml" && !SVG_ANIMATION.test(utf8.decode(bytes))) return null;
  return { type, bytes };
}

/**
 * The file at `address` if it may be animated.
 * @returns {Promise<ImageFile|null>}
 */
export async function readImageFile(address) {
  if (NEVER_ANIMATED.test(address)) return null;
  // Another host need not allow its files to be read, and Chrome reports an error if it does not.
  if (
    /^https?:/.test(address) &&
    new URL(address).origin !== location.origin &&
    !ANIMATED_NAME.test(address)
  )
    return null;
  try {
    const response = await native.fetch(address);
    return response.ok && response.body ? await readAnimated(response, address) : null;
  } catch {
    if (ANIMATED_NAME.test(address))
      warnOnce(
        "animated_image_unreadable",
        `a picture that may be animated belongs to another host, which does not let it be read; it moves by Chrome's own clock: ${address}`,
      );
    return null;
  }
}
