// Workers follow the page's clock.
//
// The engine runs a runtime of ours in each worker before the worker's own script (worker_main.js).
// It has a clock, timers and frame callbacks as the page has, and is moved by the maker of the
// worker: the page, or another worker. Their messages take the way of the page's own messages, in
// the same order, and page code never sees them.
//
// A worker that was sent a message is asked at once whether it is done: it answers when the message
// and all its consequences have been handled. Until then it is work under way (work.js), so that
// readiness and frames wait for it. Messages that it sent before its answer have arrived before it.

import { config, defineHidden, native, nativeMethod, override, queueTask } from "../natives.js";
import { clock, nextDue, runTimers } from "../time/clock.js";
import { doors } from "../rendering/entries.js";
import { seal, showDrawing } from "../canvas/offscreen.js";
import { beginWork, endWork, settleWork } from "../readiness/work.js";
import { warnOnce } from "../warnings.js";

/** Our messages are objects with this key. */
const KEY = "__pagereel";
/** The prefix of the names of workers that the runtime drives; the rest is their options. */
const NAME = "pagereel:";
/** Longest address in a message. */
const MAX_WORKER_ADDRESS = 200;

/**
 * @typedef {object} Driven
 * @property {Worker} worker
 * @property {string} label its name for the user
 * @property {number} at the time of its clock
 * @property {number} frame the frame that its clock was moved to
 * @property {object|null} work what stands for it among the work under way
 * @property {number} asked how often it was asked whether it is done
 * @property {boolean} willAsk whether it will be asked again when this task ends
 * @property {number} due when its next timer is due
 * @property {number} frames its pending frame callbacks
 * @property {number} sent messages that it has sent elsewhere than to us
 * @property {boolean} draws whether it draws canvases that are seen
 * @property {boolean} hasBegun whether its runtime has
 * @property {boolean} hasRun whether it may have drawn since it last handed over
 */

/** @type {Set<Driven>} */
const live = new Set();
/** @type {WeakMap<Worker, Driven>} */
const drivenOf = new WeakMap();
let lastStream = 0;
let stepFrame = -1;

const postToWorker = nativeMethod(window.Worker?.prototype, "postMessage");
const terminateWorker = nativeMethod(window.Worker?.prototype, "terminate");

/** Messages that have left on ports and channels: their arrival is not reported. */
export const sent = { count: 0 };
/** Whether workers may receive messages that are sent there. */
let areLinked = false;

/** The content of a message of ours; undefined for other messages. */
export function noteOf(event) {
  const { data } = event;
  return typeof data === "object" && data !== null ? data[KEY] : undefined;
}

/** A message of ours. */
export const ourMessage = (note) => ({ [KEY]: note });

/** The list of transferred objects, of the second argument of `postMessage`. */
export function transfersOf(given) {
  const list = Array.isArray(given) ? given : (given?.transfer ?? []);
  return Array.isArray(list) ? list : [];
}

/**
 * Sends a page's message by `send`, with its canvases sealed so that they can be recognized on
 * arrival.
 */
export function sendSealed(list, send) {
  if (list.some((each) => each instanceof MessagePort)) areLinked = true;
  const undo = seal(list);
  try {
    return send();
  } catch (error) {
    undo();
    throw error;
  }
}

// --- what is told ---

function moveClock(driven) {
  if (driven.at === clock.now && driven.frame === stepFrame) return;
  driven.at = clock.now;
  driven.frame = stepFrame;
  postToWorker(driven.worker, ourMessage({ at: clock.now, frame: stepFrame, begun: clock.begun }));
}

function beBusy(driven) {
  if (driven.work) return;
  driven.work = {};
  driven.hasRun = true;
  // Threads of WebAssembly wait inside a message from which they never return. Only pages that are
  // isolated can have them.
  const isIsolated = window.crossOriginIsolated === true;
  beginWork(driven.work, `worker ${driven.label}`, {
    code: isIsolated ? "request_pending" : "worker_pending",
    isNeeded: !isIsolated,
  });
}

function beIdle(driven) {
  if (driven.work) endWork(driven.work);
  driven.work = null;
}

function askWorker(driven, note = {}) {
  beBusy(driven);
  driven.asked += 1;
  postToWorker(driven.worker, ourMessage({ ...note, ask: driven.asked }));
}

/** Notes that a worker has something to do, and requests its completion when this task is over. */
function stir(driven) {
  beBusy(driven);
  if (driven.willAsk) return;
  driven.willAsk = true;
  queueMicrotask(() => {
    driven.willAsk = false;
    if (live.has(driven)) askWorker(driven);
  });
}

function stirAll() {
  live.forEach(stir);
}

/** @type {(number: number, picture: CanvasImageSource, colorSpace: string|undefined) => void} what became of pictures for elements that are not in this realm */
let passOn = () => {};

/** Makes `call` pass on pictures for elements elsewhere. */
export function passPicturesOn(call) {
  passOn = call;
}

/** Shows a picture that was drawn in a worker. */
export function takePicture(number, picture, colorSpace) {
  if (!showDrawing(number, picture, colorSpace)) passOn(number, picture, colorSpace);
}

function hear(driven, note) {
  if (note.picture) takePicture(note.number, note.picture, note.colorSpace);
  if (note.closed) forget(driven);
  if (note.begun) {
    driven.hasBegun = true;
    if (!live.has(driven)) {
      live.add(driven);
      stir(driven);
    }
  }
  if (note.done === undefined) return;
  const { due, frames, draws, warnings } = note;
  Object.assign(driven, { due, frames, draws });
  for (const { code, message } of warnings) warnOnce(code, message);
  const isElsewhere = note.sent !== driven.sent;
  driven.sent = note.sent;
  // Messages to others may still be on their way.
  if (isElsewhere) {
    areLinked = true;
    doors.entered += 1;
    stirAll();
  } else if (note.done === driven.asked && !driven.willAsk) {
    beIdle(driven);
  }
}

function forget(driven) {
  live.delete(driven);
  beIdle(driven);
}

// --- what page code sees ---

function drive(worker, label) {
  const driven = {
    worker,
    label,
    at: clock.now,
    frame: stepFrame,
    work: null,
    asked: 0,
    willAsk: false,
    due: Infinity,
    frames: 0,
    sent: 0,
    draws: false,
    hasRun: true,
    hasBegun: false,
  };
  live.add(driven);
  drivenOf.set(worker, driven);
  native.listen(
    worker,
    "message",
    (event) => {
      const note = noteOf(event);
      if (!note) return;
      event.stopImmediatePropagation();
      hear(driven, note);
    },
    true,
  );
  native.listen(
    worker,
    "error",
    (event) => {
      // Its script has not loaded, or is none. A script that only fails still answers.
      if (event.isTrusted && !(event instanceof ErrorEvent && driven.hasBegun)) forget(driven);
      queueTask(() => {
        if (!event.defaultPrevented)
          warnOnce(
            "worker_failed",
            `worker ${label}: ${event.message ?? "its script did not load"}`,
          );
      });
    },
    true,
  );
  stir(driven);
}

function start(Native, address, options, target) {
  const isPlain = options !== undefined && options !== null && typeof options !== "object";
  if (!config.drives || isPlain)
    return Reflect.construct(
      Native,
      options === undefined ? [address] : [address, options],
      target,
    );
  const { type, credentials, name = "" } = options ?? {};
  lastStream += 1;
  const told = {
    name: String(name),
    seed: config.seed,
    stream: config.stream * 64 + lastStream,
    now: clock.now,
    frame: stepFrame,
    begun: clock.begun,
  };
  const worker = Reflect.construct(
    Native,
    [address, { type, credentials, name: NAME + JSON.stringify(told) }],
    target,
  );
  const text = String(address);
  const short = text.length > MAX_WORKER_ADDRESS ? `${text.slice(0, MAX_WORKER_ADDRESS)}…` : text;
  drive(worker, told.name ? `"${told.name}" (${short})` : short);
  return worker;
}

if (typeof window.Worker === "function") {
  const Native = window.Worker;
  const Virtual = function Worker(address, options) {
    if (!new.target)
      throw new TypeError(
        "Failed to construct 'Worker': Please use the 'new' operator, this DOM object constructor cannot be called as a function.",
      );
    // @ts-expect-error: throws, in Chrome's words.
    if (arguments.length === 0) return new Native();
    return start(Native, address, options, new.target);
  };
  Virtual.prototype = Native.prototype;
  override(window, { Worker: Virtual });
  Object.defineProperty(Native.prototype, "constructor", {
    value: Virtual,
    writable: true,
    configurable: true,
    enumerable: false,
  });
  override(Native.prototype, {
    postMessage(...given) {
      const driven = drivenOf.get(this);
      if (!driven) return postToWorker(this, ...given);
      moveClock(driven);
      sendSealed(transfersOf(given[1]), () => postToWorker(this, ...given));
      if (live.has(driven)) stir(driven);
      return undefined;
    },
    terminate() {
      const driven = drivenOf.get(this);
      if (driven) forget(driven);
      terminateWorker(this);
    },
  });
}

function noteSent() {
  sent.count += 1;
  if (!areLinked) return;
  live.forEach(moveClock);
  stirAll();
}

const sendToPort = nativeMethod(window.MessagePort?.prototype, "postMessage");
override(window.MessagePort?.prototype, {
  postMessage(...given) {
    sendSealed(transfersOf(given[1]), () => sendToPort(this, ...given));
    noteSent();
  },
});

// Messages to channels go through another process. Later messages on the same way come after them.

const Channel = window.BroadcastChannel;
const sendToChannel = nativeMethod(Channel?.prototype, "postMessage");
/** @type {{out: BroadcastChannel, passed: object[]}|null} */
let fence = null;

function followMessage() {
  if (!fence) {
    const name = native.objectUrl(new native.Blob([]));
    fence = { out: new Channel(name), passed: [] };
    const back = new Channel(name);
    native.listen(back, "message", () => {
      areLinked = true;
      doors.entered += 1;
      noteSent();
      endWork(fence.passed.shift());
    });
  }
  const key = {};
  fence.passed.push(key);
  beginWork(key, "BroadcastChannel.postMessage");
  sendToChannel(fence.out, 0);
}

override(Channel?.prototype, {
  postMessage(message) {
    areLinked = true;
    sendToChannel(this, message);
    noteSent();
    if (config.drives) followMessage();
  },
});

if (config.drives && typeof window.SharedWorker === "function") {
  const Native = window.SharedWorker;
  const Watched = {
    SharedWorker: class extends Native {
      /** @param {[string|URL, (string|WorkerOptions)?]} given */
      constructor(...given) {
        super(...given);
        warnOnce(
          "shared_worker",
          "a shared worker goes by the real clock, and no frame waits for it",
        );
      }
    },
  }.SharedWorker;
  defineHidden(window, "SharedWorker", Watched);
}

// --- the steps of a frame ---

/** Announces the next frame, so that randomness is in step. */
export function beginFrame(index) {
  stepFrame = index;
}

/** The time at which the next timer of a worker is due; infinite if there is none. */
export function workersDue() {
  let due = Infinity;
  for (const driven of live) due = Math.min(due, driven.due);
  return due;
}

/** Pending frame callbacks of workers. */
export function workerFrames() {
  let count = 0;
  for (const driven of live) count += driven.frames;
  return count;
}

/** Whether workers draw canvases that are visible. */
export function workersDraw() {
  for (const driven of live) if (driven.draws) return true;
  return false;
}

/** Whether every frame has to be visited in turn. */
export function workersStep() {
  for (const driven of live)
    if (driven.work || driven.frames > 0 || driven.due < Infinity) return true;
  return false;
}

/**
 * Runs timers here and in workers, in the order in which they are due, up to `limit`.
 * @param {() => void} place see `runTimers`
 */
export async function runAllTimers(limit, place = () => {}) {
  for (;;) {
    const [own, theirs] = [nextDue(), workersDue()];
    const next = Math.min(own, theirs);
    if (next > limit) return;
    if (theirs === Infinity) {
      await runTimers(limit, settleWork, place);
      continue;
    }
    if (own <= theirs) {
      await runTimers(own, settleWork, place);
      continue;
    }
    clock.now = Math.max(clock.now, theirs);
    place();
    for (const driven of live) {
      if (driven.due > theirs) continue;
      moveClock(driven);
      driven.due = Infinity;
      askWorker(driven, { timers: theirs });
    }
    await settleWork();
    place();
  }
}

/** Makes workers run their frame callbacks. Their answers are work under way. */
export function runWorkerFrames() {
  for (const driven of live) {
    if (driven.frames === 0) continue;
    moveClock(driven);
    driven.frames = 0;
    askWorker(driven, { runsFrame: true });
  }
}

/**
 * Makes workers hand over their drawings.
 * @returns {Promise|undefined} a promise if one of them draws
 */
export function takeWorkerDrawing() {
  let waits = false;
  for (const driven of live) {
    if (!driven.draws || !driven.hasRun) continue;
    waits = true;
    askWorker(driven, { handsOver: true });
    driven.hasRun = false;
  }
  return waits ? settleWork() : undefined;
}

/** Takes `ms` off the timers of workers, as off all others while the page loads. */
export function elapseWorkers(ms) {
  for (const driven of live) {
    if (driven.due < Infinity) askWorker(driven, { elapse: ms });
  }
}
