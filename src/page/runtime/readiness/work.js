// Work that page code has started and the browser has not finished: requests, bodies, pictures,
// decoding.
//
// The browser does such work in real time, while the page's clock stands still. Readiness waits
// until nothing is under way; and a step waits for the work of its own page code, so that the
// result is in the same frame on any machine. A step that has waited long enough continues: a
// warning names the slow work, and no later step waits for it.

import { config, native, nativeMethod, override, queueTask, roundTrip } from "../natives.js";
import { warnOnce } from "../warnings.js";
import { markChanged } from "../rendering/changes.js";
import { clock } from "../time/clock.js";
import { doors } from "../rendering/entries.js";

/** Real time that one step gives to the work that it has started. */
const STEP_LIMIT_MS = 10000;
/** Real time that an event may take to come after its work has ended. */
const EVENT_MS = 200;
/** The interval at which work that may end without an event is checked. */
const LOOK_MS = 250;

/**
 * The share of a frame's time that its work may take. The rest is for the report on unfinished
 * work.
 */
const FRAME_SHARE = 0.8;

/** @typedef {{code: string, text: string, isOver: (() => boolean)|null, isNeeded: boolean, slow: boolean}} Work
 *  `isOver` is for work that may end without an event; without what `isNeeded` there is no frame. */

/** @type {Map<object, Work>} what is under way, by an opaque key */
const underWay = new native.Map();
let workDeadline = 0;
let frameDeadline = Infinity;
let wakeStep = null;

/** Notes that something is under way until `endWork` is called with the same key. */
export function beginWork(
  key,
  text,
  { code = "request_pending", isOver = null, isNeeded = false } = {},
) {
  underWay.set(key, { code, text, isOver, isNeeded, slow: false });
}

/**
 * Takes effect a task later, so that work started by the result counts before the result stops
 * counting.
 */
export function endWork(key) {
  markChanged();
  queueTask(() => {
    underWay.delete(key);
    if (!hasWork()) wakeStep?.();
  });
}

export function isUnderWay(key) {
  return underWay.has(key);
}

/** Records a promise of page code as work. Returns one that page code can have instead. */
export function track(text, promise, code = undefined) {
  const key = {};
  beginWork(key, text, { code });
  return promise.then(
    (value) => (endWork(key), value),
    (error) => {
      endWork(key);
      throw error;
    },
  );
}

/**
 * For `isOver` of work that ends with an event, or without one. The browser knows that a picture is
 * complete before it tells page code, and until then the result is not in the frame: so the work is
 * over once `check` has held for so long that no event is on its way.
 * @param {() => boolean} check
 */
export function withoutEvent(check) {
  let since = null;
  return () => {
    if (!check()) {
      since = null;
      return false;
    }
    since ??= native.now();
    return native.now() - since >= EVENT_MS;
  };
}

/** Whether any work that is worth waiting for is under way. */
export function hasWork() {
  for (const [key, work] of underWay) {
    if (work.isOver?.()) underWay.delete(key);
    else if (!work.slow) return true;
  }
  return false;
}

/** @returns {{code: string, message: string}[]} everything under way, the slow included */
export function pendingWork() {
  hasWork();
  return [...underWay.values()].map(({ code, text }) => ({ code, message: text }));
}

/** Stops waiting for all work under way. */
export function dismissWork() {
  for (const work of underWay.values()) work.slow = true;
}

/** Gives the step that begins now its share of real time. */
export function allowWork(limitMs = STEP_LIMIT_MS) {
  workDeadline = native.now() + limitMs;
  frameDeadline = native.now() + FRAME_SHARE * config.frameMs;
}

function giveUpWork() {
  for (const work of underWay.values()) {
    if (work.slow || work.isNeeded) continue;
    work.slow = true;
    warnOnce(
      "slow_request",
      `a frame did not wait longer than ${STEP_LIMIT_MS / 1000} s for: ${work.text}`,
    );
  }
}

/** Whether the step waits only for work that its frame cannot do without. */
function onlyNeeded() {
  return [...underWay.values()].every(({ slow, isNeeded }) => slow || isNeeded);
}

/**
 * Turns of the event loop that one step gives to messages that page code sends to itself. Messages
 * of a page that never stops continue in the next frame.
 */
const MAX_TURNS = 2000;
/** Messages on several ports may overtake ours by a turn. */
const QUIET_TURNS = 2;

// Lets the event loop turn until no page code was entered: chains of messages are then complete.
async function settleMessages() {
  let quiet = 0;
  for (let turn = 0; turn < MAX_TURNS && quiet < QUIET_TURNS; turn++) {
    const before = doors.entered;
    await roundTrip();
    quiet = doors.entered === before ? quiet + 1 : 0;
  }
  if (quiet < QUIET_TURNS)
    warnOnce(
      "endless_messages",
      `the page sends itself messages without end; a frame does not wait for more than ${MAX_TURNS} of them`,
    );
}

/** Waits for promises and messages that are due now, and for all work that they or others have started. */
export async function settleWork() {
  await settleMessages();
  while (hasWork()) {
    const left = (onlyNeeded() ? frameDeadline : workDeadline) - native.now();
    if (native.now() > frameDeadline) {
      const names = [...underWay.values()]
        .filter(({ slow, isNeeded }) => isNeeded && !slow)
        .map(({ text }) => text);
      if (names.length > 0)
        throw new Error(
          `${names.join(" and ")} did not finish within ${(FRAME_SHARE * config.frameMs) / 1000} s what the frame at ${clock.now / 1000} s asked for`,
        );
    }
    if (left <= 0) {
      giveUpWork();
      continue;
    }
    await new Promise((resolve) => {
      wakeStep = resolve;
      native.setTimeout(resolve, Math.min(left, LOOK_MS));
    });
    await settleMessages();
  }
}

function trackMethods(owner, names, describe) {
  for (const name of names) {
    const original = owner?.[name];
    if (!original) continue;
    override(owner, {
      [name](...given) {
        return track(
          describe(this, given, name),
          Reflect.apply(original, owner === window ? window : this, given),
        );
      },
    });
  }
}

const addressOf = (request) => (typeof request?.url === "string" ? request.url : String(request));

trackMethods(window, ["fetch"], (self, [request]) => `request ${addressOf(request)}`);
trackMethods(
  window.Response?.prototype,
  ["arrayBuffer", "blob", "bytes", "formData", "json", "text"],
  (response) => `body of ${response.url}`,
);
trackMethods(
  window.Blob?.prototype,
  ["arrayBuffer", "bytes", "text"],
  (blob, given, name) => `Blob.${name}`,
);
trackMethods(window, ["createImageBitmap"], () => "createImageBitmap");
trackMethods(
  window.OffscreenCanvas?.prototype,
  ["convertToBlob"],
  () => "OffscreenCanvas.convertToBlob",
);
trackMethods(
  window.HTMLImageElement?.prototype,
  ["decode"],
  (image) => `image ${image.currentSrc || image.src}`,
);
trackMethods(window.ImageDecoder?.prototype, ["decode"], () => "ImageDecoder.decode");
for (const name of ["VideoDecoder", "VideoEncoder", "AudioDecoder", "AudioEncoder"])
  trackMethods(window[name]?.prototype, ["flush"], () => `${name}.flush`);
trackMethods(window.FontFaceSet?.prototype, ["load"], (faces, [font]) => `font ${font}`);
trackMethods(window.FontFace?.prototype, ["load"], (face) => `font ${face.family}`);
trackMethods(
  window.SubtleCrypto?.prototype,
  [
    "decrypt",
    "deriveBits",
    "deriveKey",
    "digest",
    "encrypt",
    "exportKey",
    "generateKey",
    "importKey",
    "sign",
    "unwrapKey",
    "verify",
    "wrapKey",
  ],
  (self, given, name) => `crypto.subtle.${name}`,
);
trackMethods(
  window.Cache?.prototype,
  ["add", "addAll", "delete", "keys", "match", "matchAll", "put"],
  (self, given, name) => `Cache.${name}`,
);
trackMethods(
  window.CacheStorage?.prototype,
  ["delete", "has", "keys", "match", "open"],
  (self, given, name) => `caches.${name}`,
);
trackMethods(window.Worklet?.prototype, ["addModule"], (self, [address]) => `worklet ${address}`);
trackMethods(window.ReadableStreamDefaultReader?.prototype, ["read"], () => "a stream");
trackMethods(window.GPU?.prototype, ["requestAdapter"], () => "GPU.requestAdapter");
trackMethods(window.GPUAdapter?.prototype, ["requestDevice"], () => "GPUAdapter.requestDevice");
trackMethods(
  window.GPUDevice?.prototype,
  ["createComputePipelineAsync", "createRenderPipelineAsync", "popErrorScope"],
  (self, given, name) => `GPUDevice.${name}`,
);
trackMethods(window.GPUBuffer?.prototype, ["mapAsync"], () => "GPUBuffer.mapAsync");
trackMethods(
  window.GPUQueue?.prototype,
  ["onSubmittedWorkDone"],
  () => "GPUQueue.onSubmittedWorkDone",
);
trackMethods(window.Scheduler?.prototype, ["yield"], () => "scheduler.yield");
trackMethods(
  window.WebAssembly,
  ["compile", "compileStreaming", "instantiate", "instantiateStreaming"],
  (self, given, name) => `WebAssembly.${name}`,
);

// A task with a delay waits for the page's clock: it is work once it is due.
const after = window.setTimeout; // by the page's clock
const postTask = nativeMethod(window.Scheduler?.prototype, "postTask");
override(window.Scheduler?.prototype, {
  postTask(task, options) {
    const begin = (given) => track("scheduler.postTask", postTask(this, task, given));
    const delay = Number(options?.delay ?? 0);
    if (!(delay > 0)) return begin(options);
    return new Promise((resolve, reject) => {
      after(() => begin({ ...options, delay: 0 }).then(resolve, reject), delay);
    });
  },
});

if (typeof window.XMLHttpRequest === "function") {
  const open = nativeMethod(XMLHttpRequest.prototype, "open");
  const send = nativeMethod(XMLHttpRequest.prototype, "send");
  const addresses = new WeakMap();
  override(XMLHttpRequest.prototype, {
    open(...given) {
      addresses.set(this, addressOf(given[1]));
      return open(this, ...given);
    },
    send(body) {
      const key = {};
      native.listen(this, "loadend", () => endWork(key), { once: true });
      send(this, body);
      if (this.readyState < 4) beginWork(key, `request ${addresses.get(this)}`);
    },
  });
}

for (const name of ["readAsArrayBuffer", "readAsBinaryString", "readAsDataURL", "readAsText"]) {
  const read = nativeMethod(window.FileReader?.prototype, name);
  override(window.FileReader?.prototype, {
    [name](...given) {
      const key = {};
      read(this, ...given);
      beginWork(key, `FileReader.${name}`);
      native.listen(this, "loadend", () => endWork(key), { once: true });
    },
  });
}

const toBlob = nativeMethod(window.HTMLCanvasElement?.prototype, "toBlob");
override(window.HTMLCanvasElement?.prototype, {
  toBlob(callback, ...rest) {
    const key = {};
    const take = (blob) => {
      endWork(key);
      callback(blob);
    };
    toBlob(this, typeof callback === "function" ? take : callback, ...rest);
    beginWork(key, "HTMLCanvasElement.toBlob");
  },
});

/** Follows a picture until it has loaded. A lazy one would never load. */
export function followImage(image) {
  if (image.loading === "lazy") image.loading = "eager";
  if (image.complete || underWay.has(image)) return;
  beginWork(image, `image ${image.currentSrc || image.src}`, {
    code: "image_pending",
    isOver: withoutEvent(() => image.complete),
  });
  const done = () => endWork(image);
  native.listen(image, "load", done, { once: true });
  native.listen(image, "error", done, { once: true });
}

// Pictures that are only drawn on a canvas never come into the document.
override(window.HTMLImageElement?.prototype, {
  set src(address) {
    native.setImageSource(this, address);
    followImage(this);
  },
});
