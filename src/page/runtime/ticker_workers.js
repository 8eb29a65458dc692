// Workers that only tick.
//
// Music libraries keep time by a small worker whose timers go on where a page's would be slowed down.
// Workers have the real clock; such a one is run here instead, by the page's own. It is known by its
// text: it posts messages from timers and uses nothing else that a worker has.

import { guarded, native, override } from "./natives.js";

/** Longer texts do more than tick. */
const MAX_TICKER_LENGTH = 2000;
const TICKS = /\bset(?:Timeout|Interval)\b/;
const POSTS = /\bpostMessage\b/;
/** What cannot be given to it here, or would tell of the real clock. */
const MORE = /\b(?:importScripts|import|fetch|XMLHttpRequest|WebSocket|Offscreen\w*|WebAssembly|indexedDB|caches|navigator|location|performance|Date|Worker|ports|BroadcastChannel)\b/;

function workerText(address) {
  try {
    const request = new native.XMLHttpRequest();
    request.open("GET", address, false);
    request.send();
    return request.responseText;
  } catch {
    return "";
  }
}

function isTicker(text) {
  return text.length <= MAX_TICKER_LENGTH && TICKS.test(text) && POSTS.test(text) && !MORE.test(text);
}

function deliver(target, handler, data) {
  queueMicrotask(() => {
    const event = new MessageEvent("message", { data });
    native.dispatch(target, event);
    if (typeof handler() === "function") guarded(() => Reflect.apply(handler(), target, [event]));
  });
}

class TickerWorker extends EventTarget {
  #inner = new EventTarget();
  #timers = new Set();
  #hasEnded = false;
  #scope;

  onmessage = null;
  onmessageerror = null;
  onerror = null;

  constructor(text) {
    super();
    const timer = (start) => (call, ...rest) => {
      const id = start(call, ...rest);
      this.#timers.add(id);
      return id;
    };
    const inner = this.#inner;
    const scope = {
      onmessage: null,
      postMessage: (data) => {
        const copy = structuredClone(data);
        if (!this.#hasEnded) deliver(this, () => (this.#hasEnded ? null : this.onmessage), copy);
      },
      addEventListener: (...given) => native.listen(inner, ...given),
      removeEventListener: (...given) => native.unlisten(inner, ...given),
      setTimeout: timer((...given) => window.setTimeout(...given)),
      setInterval: timer((...given) => window.setInterval(...given)),
      clearTimeout: (id) => window.clearTimeout(id),
      clearInterval: (id) => window.clearInterval(id),
      close: () => this.terminate(),
    };
    Object.assign(scope, { self: scope, globalThis: scope });
    this.#scope = scope;
    // Names that the text does not declare are the worker's.
    const run = native.eval(`(function (scope) { with (scope) { ${text}\n} })`);
    guarded(() => Reflect.apply(run, scope, [scope]));
  }

  postMessage(data) {
    const copy = structuredClone(data);
    if (!this.#hasEnded) deliver(this.#inner, () => this.#scope.onmessage, copy);
  }

  terminate() {
    this.#hasEnded = true;
    for (const id of this.#timers) window.clearTimeout(id);
  }
}

if (typeof window.Worker === "function") {
  const NativeWorker = window.Worker;
  const VirtualWorker = function Worker(address, options) {
    if (!new.target) throw new TypeError("Failed to construct 'Worker': Please use the 'new' operator, this DOM object constructor cannot be called as a function.");
    if (/^(?:blob|data):/i.test(String(address)) && options?.type !== "module") {
      const text = workerText(String(address));
      if (isTicker(text)) return new TickerWorker(text);
    }
    return Reflect.construct(NativeWorker, options === undefined ? [address] : [address, options], new.target);
  };
  VirtualWorker.prototype = NativeWorker.prototype;
  override(window, { Worker: VirtualWorker });
  Object.defineProperty(NativeWorker.prototype, "constructor", { value: VirtualWorker, writable: true, configurable: true, enumerable: false });
}
