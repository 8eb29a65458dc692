// The browser's own functions, taken before any page script can replace them.
//
// Everything the runtime needs later goes through `native`: a page may patch a global for its own
// ends, and the clock must neither use that patch nor be visible to it. The script runs in every
// document, about:blank included, so nothing here may assume a root element or a body.

/** Own property descriptor of `name` on `owner` or on the nearest prototype that has it. */
export function findDescriptor(owner, name) {
  for (let object = owner; object; object = Object.getPrototypeOf(object)) {
    const descriptor = Object.getOwnPropertyDescriptor(object, name);
    if (descriptor) return descriptor;
  }
  return undefined;
}

/** Getter of `name` on `prototype`, callable with the object as its argument. */
export function nativeGetter(prototype, name) {
  const get = prototype && findDescriptor(prototype, name)?.get;
  return get ? (object) => Reflect.apply(get, object, []) : () => undefined;
}

/** Setter of `name` on `prototype`, callable with the object and the value. */
export function nativeSetter(prototype, name) {
  const set = prototype && findDescriptor(prototype, name)?.set;
  return set ? (object, value) => Reflect.apply(set, object, [value]) : () => undefined;
}

/** Method `name` of `prototype`, callable with the object before its arguments. */
export function nativeMethod(prototype, name) {
  const method = prototype?.[name];
  return method ? (object, ...rest) => Reflect.apply(method, object, rest) : () => undefined;
}

const createElementNS = nativeMethod(globalThis.Document?.prototype, "createElementNS");

/**
 * An element of HTML, also in a document of SVG or XML, where `createElement` makes none.
 *
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function createHtml(name) {
  return createElementNS(document, "http://www.w3.org/1999/xhtml", name);
}

/**
 * Replaces existing members of `owner` by those of `members`, a literal of methods and accessors.
 * Descriptors keep their flags and functions their length, so the page sees what it would expect;
 * a member that this browser lacks stays lacking.
 */
export function override(owner, members) {
  if (!owner) return;
  for (const name of Object.getOwnPropertyNames(members)) {
    const old = findDescriptor(owner, name);
    if (!old) continue;
    const fresh = Object.getOwnPropertyDescriptor(members, name);
    const flags = { configurable: true, enumerable: old.enumerable };
    if ("value" in fresh) {
      Object.defineProperty(fresh.value, "length", { value: old.value.length, configurable: true });
      Object.defineProperty(owner, name, { ...flags, writable: true, value: fresh.value });
    } else {
      Object.defineProperty(owner, name, {
        ...flags,
        get: fresh.get ?? old.get,
        set: fresh.set ?? old.set,
      });
    }
  }
}

/** Defines `name` on `owner` so that enumeration does not find it. */
export function defineHidden(owner, name, value) {
  Object.defineProperty(owner, name, {
    value,
    configurable: true,
    writable: true,
    enumerable: false,
  });
}

export const native = {
  Date: window.Date,
  Map: window.Map,
  Image: window.Image,
  MutationObserver: window.MutationObserver,
  XMLHttpRequest: window.XMLHttpRequest,
  CSSStyleSheet: window.CSSStyleSheet,
  DOMParser: window.DOMParser,
  XMLSerializer: window.XMLSerializer,
  Blob: window.Blob,
  ImageDecoder: window.ImageDecoder,
  eval: window.eval,
  now: performance.now.bind(performance),
  setTimeout: window.setTimeout.bind(window),
  requestFrame: window.requestAnimationFrame.bind(window),
  fetch: window.fetch?.bind(window),
  reportError: window.reportError?.bind(window) ?? ((error) => console.error(error)),
  getComputedStyle: window.getComputedStyle?.bind(window),
  listen: nativeMethod(EventTarget.prototype, "addEventListener"),
  unlisten: nativeMethod(EventTarget.prototype, "removeEventListener"),
  dispatch: nativeMethod(EventTarget.prototype, "dispatchEvent"),
  decodeImage: nativeMethod(window.HTMLImageElement?.prototype, "decode"),
  setImageSource: nativeSetter(window.HTMLImageElement?.prototype, "src"),
  decodeFrame: nativeMethod(window.ImageDecoder?.prototype, "decode"),
  attachShadow: nativeMethod(window.Element?.prototype, "attachShadow"),
  objectUrl: URL.createObjectURL.bind(URL),
  revokeUrl: URL.revokeObjectURL.bind(URL),
  loadFonts: nativeMethod(window.FontFaceSet?.prototype, "load"),
  loadFace: nativeMethod(window.FontFace?.prototype, "load"),
};

/** Collects garbage now, if the browser was started with that ability. */
export const collectGarbage =
  typeof window.__pagereelCollect === "function" ? window.__pagereelCollect : () => {};

/** Runs page code; its error is reported like any uncaught one and goes no further. */
export function guarded(call) {
  try {
    return call();
  } catch (error) {
    native.reportError(error);
    return undefined;
  }
}

/** The engine's options for the runtime; the page never sees them. */
export const config = takeConfig();

function takeConfig() {
  const given = window.__pagereelConfig ?? {};
  delete window.__pagereelConfig;
  // A page from another server sends us requests at its own origin. A document that is written into
  // its frame has its parent's, one in a sandbox none.
  const absolute = (address) =>
    address?.startsWith("/")
      ? window.origin === "null"
        ? null
        : window.origin + address
      : (address ?? null);
  const address = absolute(given.fonts?.address);
  const fonts = address ? { ...given.fonts, address } : null;
  return {
    seed: Number(given.seed ?? 0),
    variables: given.variables ?? {},
    sequential: given.sequential === true,
    media: absolute(given.media),
    fonts,
    rehearses: given.rehearses === true,
    governed: given.governed ?? null,
    length: given.length ?? null,
    frameMs: given.frameMs ?? Infinity,
    now: given.now ?? 0,
    stream: given.stream ?? 0,
    worker: given.worker ?? null,
    drives: given.drives === true && isReached(),
  };
}

/** Whether the engine reaches this document: not those of another origin, whose clocks stand still. */
function isReached() {
  try {
    return (
      !window.document ||
      window.parent === window ||
      Boolean(window.parent.__pagereelStage || window.parent.__pagereel)
    );
  } catch {
    return false;
  }
}

/** The engine's stage, if this document stands on it. */
export const stage = (() => {
  try {
    return (window.parent !== window && window.parent.__pagereelStage) || null;
  } catch {
    return null;
  }
})();

// On the stage, the composition is its own top, according to `parent` and `frameElement`.
if (stage) {
  Object.defineProperty(window, "parent", {
    value: window,
    configurable: true,
    writable: true,
    enumerable: true,
  });
  Object.defineProperty(window, "frameElement", {
    value: null,
    configurable: true,
    enumerable: true,
  });
}

/** The runtime of the same-origin window around this one, if there is one. */
export function parentRuntime() {
  try {
    return window.parent === window ? undefined : window.parent.__pagereel;
  } catch {
    return undefined;
  }
}

const wakes = [];
const channel = new MessageChannel();
channel.port1.onmessage = () => wakes.shift()?.();
const postWake = channel.port2.postMessage.bind(channel.port2);

/** Runs `task` as a task of its own: microtasks that are queued now run first. */
export function queueTask(task) {
  wakes.push(task);
  postWake(0);
}

/** Waits for one turn of the real event loop, so that promise continuations catch up. */
export function roundTrip() {
  return new Promise(queueTask);
}
