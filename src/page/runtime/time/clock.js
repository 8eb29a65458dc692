// Virtual time: the only clock that page code can read or wait for.
//
// Time moves when the engine seeks and at no other moment. Between frames `Date` and
// `performance.now` stand still, and timers wait in one queue ordered by (due, id). A timer sees
// its own due time as "now", so chains such as `while (true) await sleep(100)` fall on the same
// virtual times at any frame rate, with any frames that a session renders.
//
// While the page loads the clock reads 0. Timers without delay still run promptly, because loaders
// are built on them; timers with a delay wait for the first seek or for `elapse` (see
// readiness.js), which takes time off every timer without moving the clock. Frame 0 is therefore
// always virtual time 0 and a pending timer keeps its remaining delay.

import {
  config,
  native,
  nativeGetter,
  nativeMethod,
  override,
  guarded,
  parentRuntime,
  queueTask,
  roundTrip,
} from "../natives.js";

/** 2000-01-01T00:00:00Z, the date at virtual time 0. */
const EPOCH_MS = 946684800000;

// HTML, "timer initialization steps": deeper nesting than this may not use delays below 4 ms.
const FREE_NESTING = 5;
const NESTED_MIN_MS = 4;

/**
 * Added to each time stamp that page code gets. Browsers never hand out 0, and pages count on it
 * (`start = t || Date.now()`, `if (!last) last = t`). So small that nothing moves by it, and a
 * power of two, so that differences stay exact.
 */
const STAMP_OFFSET_MS = 2 ** -10;

/**
 * `now` in ms; `begun` once a frame has been shown. A frame that is created while its parent runs
 * starts at the parent's time.
 */
export const clock = { now: parentRuntime()?.agent?.now() ?? config.now, held: 0, begun: false };

/** Reads of the clock while it stands, after which a task counts as waiting for it. */
const PATIENT_READS = 1e6;
let reads = 0;
let readAt = 0;

// A loop that waits for the clock, which stands still, would never end: each further read returns a
// millisecond more, until the task is over. The count decides, so that the result is always the
// same.
function waited() {
  if (readAt !== clock.now) reads = 0;
  readAt = clock.now;
  reads += 1;
  if (reads === PATIENT_READS) queueTask(() => (reads = 0));
  return Math.max(0, reads - PATIENT_READS);
}

/** The time as page code reads it, in ms; never 0. */
export function timeStamp() {
  return clock.now + STAMP_OFFSET_MS + waited();
}

/** The virtual time of a time stamp of page code's. */
export function stampedTime(stamp) {
  return stamp - STAMP_OFFSET_MS;
}

/** The time stamp of a virtual time. */
export function stampOf(time) {
  return time + STAMP_OFFSET_MS;
}

/** @typedef {{id: number, due: number, every: number|null, nesting: number, call: () => void}} Timer */

/** @type {Timer[]} sorted by (due, id) */
const queue = [];
/** @type {Map<number, Timer>} */
const timers = new native.Map();
let lastTimerId = 0;
let nesting = 0;
// Due time of the timer whose callback or continuation runs: new delays count from it. It differs
// from the clock only while `elapse` is in use.
let firedAt = null;
let pumping = false;
/** Whether an idle callback runs, or its direct consequences. */
let runsIdle = false;

function insert(timer) {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = queue[middle];
    if (other.due < timer.due || (other.due === timer.due && other.id < timer.id)) low = middle + 1;
    else high = middle;
  }
  queue.splice(low, 0, timer);
}

function legalDelay(delay, level, least) {
  return Math.max(Number(delay) | 0, least, level > FREE_NESTING ? NESTED_MIN_MS : 0);
}

function addTimer(call, delay, repeats, level = nesting + 1) {
  const wait = legalDelay(delay, level, repeats ? 1 : 0);
  const timer = {
    id: ++lastTimerId,
    due: (firedAt ?? clock.now) + wait,
    every: repeats ? wait : null,
    nesting: level,
    call,
  };
  timers.set(timer.id, timer);
  insert(timer);
  if (wait === 0) pump();
  return timer.id;
}

function removeTimer(id) {
  const timer = timers.get(Number(id));
  if (!timer) return;
  timers.delete(timer.id);
  const at = queue.indexOf(timer);
  if (at >= 0) queue.splice(at, 1);
}

/** Runs the first timer if it is due at `limit`. */
function fireNext(limit) {
  const timer = queue[0];
  if (!timer || timer.due > limit) return false;
  queue.shift();
  const due = timer.due;
  clock.now = Math.max(clock.now, due);
  if (timer.every === null) {
    timers.delete(timer.id);
  } else {
    timer.nesting += 1;
    timer.due += legalDelay(timer.every, timer.nesting, 1);
    insert(timer);
  }
  nesting = timer.nesting;
  firedAt = due;
  guarded(timer.call);
  return true;
}

function leaveTimer() {
  nesting = 0;
  firedAt = null;
  runsIdle = false;
}

// Runs timers that are due without moving the clock, one per task. The nesting level is reset in
// the next task, since it also covers the microtasks of the callback.
function pump() {
  if (pumping) return;
  pumping = true;
  queueTask(function turn() {
    if (clock.held > 0) {
      pumping = false;
      return;
    }
    leaveTimer();
    pumping = fireNext(clock.now);
    if (pumping) queueTask(turn);
  });
}

/** Keeps timers from running on their own while a seek or the preroll runs them. */
export function holdTimers() {
  clock.held += 1;
}

export function releaseTimers() {
  clock.held -= 1;
  if (clock.held === 0 && queue[0]?.due <= clock.now) pump();
}

/** Whether a timer is due at `limit`. */
export function hasDueTimer(limit) {
  return queue.length > 0 && queue[0].due <= limit;
}

/**
 * Runs every timer due at `limit`, each followed by `settle`, by default by the promises it
 * resolved.
 *
 * `place` is called at each timer's time before it runs and after: animations that the timer starts
 * begin at that time and from the state then, whether or not the browser draws before the next
 * step.
 */
export async function runTimers(limit, settle = roundTrip, place = () => {}) {
  while (hasDueTimer(limit)) {
    clock.now = Math.max(clock.now, queue[0].due);
    place();
    if (!fireNext(limit)) return;
    place();
    await settle();
    leaveTimer();
  }
}

/** Whether a timer's callback runs. */
export function runsTimer() {
  return firedAt !== null;
}

/** The time at which the next timer is due; infinite without one. */
export function nextDue() {
  return queue[0]?.due ?? Infinity;
}

/** Milliseconds until the next timer, or null. */
export function untilNextTimer() {
  return queue.length > 0 ? Math.max(0, queue[0].due - clock.now) : null;
}

/** Takes `ms` off every timer; the clock stays where it is. */
export function elapse(ms) {
  for (const timer of queue) timer.due -= ms;
}

export function pendingTimers() {
  return timers.size;
}

/** @type {Map<number, FrameRequestCallback>} */
let frameCallbacks = new native.Map();
/** @type {Map<number, FrameRequestCallback>} */
let flushing = new native.Map();
let lastFrameId = 0;

export function pendingFrameCallbacks() {
  return frameCallbacks.size;
}

/** Runs the callbacks that are queued now; those queued meanwhile wait for the next frame. */
export function flushFrameCallbacks() {
  flushing = frameCallbacks;
  frameCallbacks = new native.Map();
  let ran = 0;
  for (const [id, callback] of flushing) {
    flushing.delete(id);
    guarded(() => callback(timeStamp()));
    ran += 1;
  }
  return ran;
}

function handlerCall(handler, rest) {
  // A handler that is not callable is source text; the saved eval runs it in the global scope.
  if (typeof handler === "function") return () => Reflect.apply(handler, window, rest);
  const source = String(handler);
  return () => native.eval(source);
}

/**
 * Browsers run idle callbacks once between two drawings: a request from within one gets the next
 * pause.
 */
const IDLE_PAUSE_MS = 16;
/** The time at which an idle callback ran last, once frames are shown. */
let idleAt = -1;

function idleCall(callback) {
  return () => {
    runsIdle = true;
    if (clock.held > 0) idleAt = clock.now;
    callback(idleDeadline());
  };
}

// The value falls with every call, so that loops of the kind `while (timeRemaining() > 0)` end.
function idleDeadline() {
  let left = 50;
  return { didTimeout: false, timeRemaining: () => (left = Math.max(0, left - 0.05)) };
}

override(window, {
  setTimeout(handler, delay, ...rest) {
    return addTimer(handlerCall(handler, rest), delay, false);
  },
  setInterval(handler, delay, ...rest) {
    return addTimer(handlerCall(handler, rest), delay, true);
  },
  clearTimeout(id) {
    removeTimer(id);
  },
  clearInterval(id) {
    removeTimer(id);
  },
  requestAnimationFrame(callback) {
    if (typeof callback !== "function") {
      throw new TypeError(
        "Failed to execute 'requestAnimationFrame' on 'Window': parameter 1 is not of type 'Function'.",
      );
    }
    frameCallbacks.set(++lastFrameId, callback);
    return lastFrameId;
  },
  cancelAnimationFrame(id) {
    frameCallbacks.delete(Number(id));
    flushing.delete(Number(id));
  },
  requestIdleCallback(callback) {
    // The least delay of nested timers does not apply here.
    return addTimer(
      idleCall(callback),
      runsIdle || idleAt === clock.now ? IDLE_PAUSE_MS : 0,
      false,
      0,
    );
  },
  cancelIdleCallback(id) {
    removeTimer(id);
  },
});

const markTime = nativeMethod(window.Performance?.prototype, "mark");
const measureTime = nativeMethod(window.Performance?.prototype, "measure");
const performanceJson = nativeMethod(window.Performance?.prototype, "toJSON");

// Without an end, it is the present.
function measureOptions(start, end) {
  const given = start && typeof start === "object" ? { ...start } : { start, end };
  if (given.end === undefined && (given.duration === undefined || given.start === undefined))
    given.end = timeStamp();
  for (const name of ["start", "end"]) if (given[name] === undefined) delete given[name];
  return given;
}

override(Performance.prototype, {
  now() {
    return timeStamp();
  },
  mark(name, options) {
    return markTime(this, name, { ...options, startTime: options?.startTime ?? timeStamp() });
  },
  measure(name, start, end) {
    return measureTime(this, name, measureOptions(start, end));
  },
  toJSON() {
    return { ...performanceJson(this), timeOrigin: EPOCH_MS };
  },
  get timeOrigin() {
    return EPOCH_MS;
  },
});

// The times at which the page was loaded, in milliseconds since 1970; 0 for those that have not
// come.
if (window.PerformanceTiming) {
  for (const name of Object.getOwnPropertyNames(PerformanceTiming.prototype)) {
    const read = Object.getOwnPropertyDescriptor(PerformanceTiming.prototype, name).get;
    if (!read) continue;
    Object.defineProperty(PerformanceTiming.prototype, name, {
      configurable: true,
      enumerable: true,
      get() {
        return Reflect.apply(read, this, []) === 0 ? 0 : EPOCH_MS;
      },
    });
  }
}

if (typeof AnimationTimeline === "function") {
  const nativeTime = nativeGetter(AnimationTimeline.prototype, "currentTime");
  override(AnimationTimeline.prototype, {
    get currentTime() {
      return this === document.timeline ? timeStamp() : nativeTime(this);
    },
  });
}

// Events carry the browser's own time: input events none, the runtime's the wall clock's.
override(Event.prototype, {
  get timeStamp() {
    return timeStamp();
  },
});

// The browser's own would follow the wall clock.
override(window.AbortSignal, {
  timeout(ms) {
    const controller = new AbortController();
    addTimer(
      () => controller.abort(new DOMException("signal timed out", "TimeoutError")),
      ms,
      false,
    );
    return controller.signal;
  },
});

function dateNow() {
  return Math.floor(EPOCH_MS + clock.now + waited());
}

const VirtualDate = function Date(...args) {
  if (!new.target) return new native.Date(dateNow()).toString();
  return Reflect.construct(native.Date, args.length === 0 ? [dateNow()] : args, new.target);
};
for (const name of Object.getOwnPropertyNames(native.Date)) {
  const descriptor = Object.getOwnPropertyDescriptor(native.Date, name);
  if (name === "prototype") descriptor.writable = false;
  Object.defineProperty(VirtualDate, name, descriptor);
}
override(VirtualDate, {
  now() {
    return dateNow();
  },
});
Object.defineProperty(native.Date.prototype, "constructor", {
  value: VirtualDate,
  writable: true,
  configurable: true,
  enumerable: false,
});
Object.defineProperty(window, "Date", {
  value: VirtualDate,
  writable: true,
  configurable: true,
  enumerable: false,
});

// Date formatters without an argument format the present.
const formatterOf = nativeGetter(window.Intl?.DateTimeFormat?.prototype, "format");
const datePartsOf = nativeMethod(window.Intl?.DateTimeFormat?.prototype, "formatToParts");
const formatters = new WeakMap();

override(window.Intl?.DateTimeFormat?.prototype, {
  get format() {
    const format = formatterOf(this);
    if (!formatters.has(this))
      formatters.set(this, (date) => format(date === undefined ? dateNow() : date));
    return formatters.get(this);
  },
  formatToParts(date) {
    return datePartsOf(this, date === undefined ? dateNow() : date);
  },
});

const temporal = Reflect.get(window, "Temporal");
if (temporal?.Now) {
  const { Now, Instant } = temporal;
  const instantOf = Instant.fromEpochMilliseconds.bind(Instant);
  const zoneOf = Now.timeZoneId.bind(Now);
  const zoned = (zone = zoneOf()) => instantOf(dateNow()).toZonedDateTimeISO(zone);
  override(Now, {
    instant() {
      return instantOf(dateNow());
    },
    zonedDateTimeISO(zone) {
      return zoned(zone);
    },
    plainDateTimeISO(zone) {
      return zoned(zone).toPlainDateTime();
    },
    plainDateISO(zone) {
      return zoned(zone).toPlainDate();
    },
    plainTimeISO(zone) {
      return zoned(zone).toPlainTime();
    },
  });
}
