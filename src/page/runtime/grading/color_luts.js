// Tables of colors in `.cube` files (Adobe's Cube LUT specification 1.0), three-dimensional ones.

import { native } from "../natives.js";
import { beginWork, endWork } from "../readiness/work.js";
import { warnOnce } from "../warnings.js";

/** Files of more bytes are not read: 64 x 64 x 64 rows need at most 20 MiB. */
const MOST_BYTES = 32 << 20;
const LUT_SIDES = [2, 64];

/** @typedef {{size: number, min: number[], max: number[], rows: Uint8Array}} Lut `rows` has RGBA, red fastest */
/** @typedef {{lut: Lut|null, promise: Promise<void>|null}} HeldLut `promise` until it is known */

function numbersIn(words, count) {
  const numbers = words.map(Number);
  if (words.length !== count || !numbers.every(Number.isFinite))
    throw new Error(`expected ${count} numbers, found "${words.join(" ").slice(0, 40)}"`);
  return numbers;
}

function readKeyword(lut, word, rest) {
  switch (word) {
    case "TITLE":
      return;
    case "DOMAIN_MIN":
      lut.min = numbersIn(rest, 3);
      return;
    case "DOMAIN_MAX":
      lut.max = numbersIn(rest, 3);
      return;
    case "LUT_3D_INPUT_RANGE": {
      const [min, max] = numbersIn(rest, 2);
      Object.assign(lut, { min: [min, min, min], max: [max, max, max] });
      return;
    }
    case "LUT_3D_SIZE": {
      const [size] = numbersIn(rest, 1);
      if (!Number.isInteger(size) || size < LUT_SIDES[0] || size > LUT_SIDES[1])
        throw new Error(`the size is ${size}, expected ${LUT_SIDES.join(" to ")}`);
      if (lut.rows) throw new Error("there is more than one size");
      Object.assign(lut, { size, rows: new Uint8Array(4 * size ** 3) });
      return;
    }
    case "LUT_1D_SIZE":
      throw new Error("one-dimensional tables are not understood");
    default:
      throw new Error(`"${word}" is not understood`);
  }
}

/**
 * Reads a file's text. Throws an error that names the line.
 * @returns {Lut}
 */
export function parseCube(text) {
  const lut = { size: 0, min: [0, 0, 0], max: [1, 1, 1], rows: null };
  let count = 0;
  let number = 0;
  try {
    for (const full of text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/)) {
      number += 1;
      const line = full.replace(/^((?:[^"#]|"[^"]*")*)#.*$/, "$1").trim();
      if (line === "") continue;
      const words = line.split(/\s+/);
      if (/^[A-Z_]/i.test(words[0]) && !/^(?:inf|nan)/i.test(words[0])) {
        readKeyword(lut, words[0], words.slice(1));
        continue;
      }
      const row = numbersIn(words, 3);
      if (!lut.rows) throw new Error("a row before LUT_3D_SIZE");
      if (count === lut.size ** 3) throw new Error(`more than ${count} rows`);
      row.forEach(
        (value, i) => (lut.rows[4 * count + i] = Math.round(255 * Math.min(Math.max(value, 0), 1))),
      );
      lut.rows[4 * count + 3] = 255;
      count += 1;
    }
    if (!lut.rows) throw new Error("there is no LUT_3D_SIZE");
    if (count < lut.size ** 3) throw new Error(`${count} rows, expected ${lut.size ** 3}`);
    if (lut.min.some((value, i) => !(value < lut.max[i]))) throw new Error("the domain is empty");
  } catch (error) {
    throw new Error(`line ${number}: ${error.message}`);
  }
  return lut;
}

/** @type {Map<string, HeldLut>} */
const heldLuts = new native.Map();

async function loadLut(address, held) {
  try {
    if (!/^(?:data|blob):/i.test(address) && new URL(address).origin !== location.origin)
      throw new Error("it belongs to another host");
    const response = await native.fetch(address);
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const bytes = await response.arrayBuffer();
    if (bytes.byteLength > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES >> 20} MiB`);
    held.lut = parseCube(new TextDecoder().decode(bytes));
  } catch (error) {
    warnOnce(
      "color_grading_lut_failed",
      `the color table ${address.slice(0, 200)} is not applied: ${error.message}`,
    );
  }
}

/** The table at an address, requested when it is first needed. @returns {HeldLut} */
export function lutAt(address) {
  let held = heldLuts.get(address);
  if (held) return held;
  held = { lut: null, promise: null };
  heldLuts.set(address, held);
  const key = {};
  beginWork(key, `color table ${address.slice(0, 200)}`, { code: "request_pending" });
  held.promise = loadLut(address, held).then(() => {
    held.promise = null;
    endWork(key);
  });
  return held;
}
