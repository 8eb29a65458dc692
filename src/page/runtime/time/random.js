// Seeded randomness, in step with the frames.
//
// Draws while the page loads follow one sequence; every frame that is stepped starts a sequence of
// its own from (seed, frame index). So a draw depends on the frame it is made in and not on how many
// frames this session has shown before. `Math.random` and `crypto` draw from separate sequences, and
// so does each worker.

import { config, override } from "../natives.js";

const LOADING = 0xffffffff;

/** sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, all statistical tests passed. */
function sfc32(seedLow, seedHigh, stream, salt) {
  let a = seedLow >>> 0;
  let b = seedHigh >>> 0;
  let c = (stream ^ Math.imul(salt, 0x9e3779b9)) >>> 0;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The state mixes fully within twelve rounds.
  for (let round = 0; round < 12; round++) next();
  return next;
}

let nextForMath;
let nextForCrypto;

/** Starts the sequences of frame `index`; without an index, those of the loading page. */
export function reseed(index = LOADING) {
  const low = config.seed >>> 0;
  const high = Math.floor(config.seed / 0x100000000) >>> 0;
  nextForMath = sfc32(low, high, index, 2 * config.stream + 1);
  nextForCrypto = sfc32(low, high, index, 2 * config.stream + 2);
}
reseed();

function fillBytes(bytes) {
  let word = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (at % 4 === 0) word = nextForCrypto();
    bytes[at] = word & 0xff;
    word >>>= 8;
  }
}

override(Math, {
  random() {
    const high = nextForMath() >>> 5;
    const low = nextForMath() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  },
});

if (typeof Crypto === "function") {
  const nativeFill = Crypto.prototype.getRandomValues;
  override(Crypto.prototype, {
    getRandomValues(array) {
      // The original checks the type and the quota.
      Reflect.apply(nativeFill, this, [array]);
      fillBytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      return array;
    },
    randomUUID() {
      const bytes = new Uint8Array(16);
      fillBytes(bytes);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      return [
        hex.slice(0, 8),
        hex.slice(8, 12),
        hex.slice(12, 16),
        hex.slice(16, 20),
        hex.slice(20),
      ].join("-");
    },
  });
}
