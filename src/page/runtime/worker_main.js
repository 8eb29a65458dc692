// The runtime of a worker: a clock of its own that is moved from outside (workers.js).
//
// The engine runs it before the worker's script, with the options that its maker put into its name.

import { config, native, nativeMethod, override } from "./natives.js";
import {
  clock,
  elapse,
  flushFrameCallbacks,
  hasDueTimer,
  holdTimers,
  nextDue,
  pendingFrameCallbacks,
  releaseTimers,
} from "./time/clock.js";
import { reseed } from "./time/random.js";
import { watchDoor } from "./rendering/entries.js";
import { allowWork, settleWork } from "./readiness/work.js";
import { drawsForElements, handOverDrawing } from "./canvas/offscreen.js";
import {
  beginFrame,
  elapseWorkers,
  ourMessage,
  noteOf,
  passPicturesOn,
  runAllTimers,
  runWorkerFrames,
  sendSealed,
  sent,
  takeWorkerDrawing,
  transfersOf,
  workerFrames,
  workersDraw,
  workersDue,
} from "./workers/workers.js";
import { takeNewWarnings } from "./warnings.js";

/** Rounds of timers that are due at once; a worker that continues gets the next frame. */
const MAX_ROUNDS = 16;

const postToMaker = nativeMethod(window, "postMessage");
const tellMaker = (note, transfer = []) => postToMaker(window, ourMessage(note), transfer);
const closeWorker = nativeMethod(window, "close");

const origin = config.worker;
Object.defineProperty(window, "name", {
  value: origin.name,
  writable: true,
  configurable: true,
  enumerable: true,
});
clock.begun = origin.begun;
let workerFrame = origin.frame;
beginFrame(workerFrame);
if (clock.begun) reseed(workerFrame);

// --- what is to be done ---

/** The number of the last question, and of the last one answered. */
let asked = 0;
let isAnswering = false;
let timersUntil = -Infinity;
let framesWanted = false;
let drawingWanted = false;

async function settle() {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    await settleWork();
    if (!hasDueTimer(clock.now) && workersDue() > clock.now) return;
    await runAllTimers(clock.now);
  }
}

function deliver(number, picture, colorSpace) {
  tellMaker({ number, picture, colorSpace }, [picture]);
}
passPicturesOn(deliver);

async function work() {
  if (timersUntil > -Infinity) {
    const until = timersUntil;
    timersUntil = -Infinity;
    await runAllTimers(until);
  }
  await settle();
  if (framesWanted) {
    framesWanted = false;
    if (workerFrames() > 0) {
      runWorkerFrames();
      await settle();
    }
  }
  if (drawingWanted) {
    drawingWanted = false;
    await takeWorkerDrawing();
    await handOverDrawing(deliver, true);
  }
}

async function answer() {
  if (isAnswering) return;
  isAnswering = true;
  holdTimers();
  let done;
  do {
    done = asked;
    // While the page loads, the engine's own deadlines hold.
    allowWork(clock.begun ? undefined : Infinity);
    await work();
  } while (done !== asked);
  isAnswering = false;
  releaseTimers();
  const frames = pendingFrameCallbacks() + workerFrames();
  const draws = drawsForElements() || workersDraw();
  tellMaker({
    done,
    due: Math.min(nextDue(), workersDue()),
    frames,
    draws,
    sent: sent.count,
    warnings: takeNewWarnings(),
  });
}

function heed(note) {
  if (note.at !== undefined) {
    clock.now = note.at;
    clock.begun = note.begun;
    if (note.frame !== workerFrame) {
      workerFrame = note.frame;
      beginFrame(workerFrame);
      reseed(workerFrame);
    }
  }
  if (note.ask === undefined) return;
  asked = note.ask;
  if (note.elapse) {
    elapse(note.elapse);
    elapseWorkers(note.elapse);
  }
  if (note.timers !== undefined) timersUntil = Math.max(timersUntil, note.timers);
  if (note.handsOver) drawingWanted = true;
  if (note.runsFrame) {
    flushFrameCallbacks();
    framesWanted = true;
  }
  answer();
}

native.listen(
  window,
  "message",
  (event) => {
    const note = noteOf(event);
    if (!note) return;
    event.stopImmediatePropagation();
    heed(note);
  },
  true,
);

// --- what the worker's script sees ---

override(EventTarget.prototype, {
  addEventListener(type, listener, options) {
    const target = this ?? window;
    if (listener) watchDoor(target, type);
    return native.listen(target, type, listener, options);
  },
});

override(window, {
  postMessage(...given) {
    sendSealed(transfersOf(given[1]), () => postToMaker(window, ...given));
  },
  close() {
    tellMaker({ closed: true });
    closeWorker(window);
  },
});

tellMaker({ begun: true });
