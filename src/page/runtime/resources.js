// What the document still has to fetch: stylesheets, scripts, fonts, images, requests.
//
// One observer watches the tree for everything the runtime keeps lists of (clips, images, media,
// scripts), so that no frame has to search the document. `document` is looked up at each use: a
// window can outlive its first, empty document.

import { native, nativeMethod, override, queueTask } from "./natives.js";
import { markClipsDirty } from "./timing.js";
import { meetHost, mountPending } from "./mount.js";
import { bindPending, meetBinding } from "./variables.js";
import { meetShadow } from "./shadow_roots.js";
import { warnOnce } from "./warnings.js";
import { markSmilDirty } from "./adapters.js";
import { silence } from "./media.js";

const ATTRIBUTES = ["data-start", "data-duration", "data-end", "data-composition-id", "data-track-index", "data-playback-start", "data-playback-rate", "data-width", "data-height", "id", "src", "srcset", "autoplay"];
const SCRIPT_TYPES = /^(|module|(text|application)\/(java|ecma)script)$/i;

/** @type {Map<object, string>} what is under way, by an opaque key */
const outstanding = new native.Map();
const failed = new Set();
/** Images that were added or changed and are not complete yet. */
const loadingImages = new Set();

/** Texts of the requests and scripts under way. */
export function outstandingTexts() {
  return [...outstanding.values()];
}

// Removed a task later, so that what the result starts is counted before the result stops counting.
function settleLater(key) {
  queueTask(() => outstanding.delete(key));
}

function track(text, promise) {
  const key = {};
  outstanding.set(key, text);
  return promise.then(
    (value) => (settleLater(key), value),
    (error) => {
      settleLater(key);
      throw error;
    },
  );
}

if (typeof window.fetch === "function") {
  const nativeFetch = window.fetch;
  override(window, {
    fetch(...request) {
      const name = typeof request[0]?.url === "string" ? request[0].url : String(request[0]);
      return track(`request ${name}`, Reflect.apply(nativeFetch, window, request));
    },
  });
  for (const method of ["arrayBuffer", "blob", "formData", "json", "text"]) {
    const read = Response.prototype[method];
    override(Response.prototype, {
      [method]() {
        return track(`body of ${this.url}`, Reflect.apply(read, this, []));
      },
    });
  }
}

if (typeof window.XMLHttpRequest === "function") {
  const send = nativeMethod(XMLHttpRequest.prototype, "send");
  override(XMLHttpRequest.prototype, {
    send(body) {
      const key = {};
      native.listen(this, "loadend", () => settleLater(key), { once: true });
      send(this, body);
      if (this.readyState < 4) outstanding.set(key, "XMLHttpRequest");
    },
  });
}

function followScript(script) {
  if (!script.src || script.noModule || !SCRIPT_TYPES.test(script.type) || outstanding.has(script)) return;
  outstanding.set(script, `script ${script.src}`);
  const done = () => settleLater(script);
  native.listen(script, "load", done, { once: true });
  native.listen(script, "error", done, { once: true });
}

function followImage(image) {
  if (image.loading === "lazy") image.loading = "eager";
  if (image.complete || loadingImages.has(image)) return;
  loadingImages.add(image);
  const done = () => loadingImages.delete(image);
  native.listen(image, "load", done, { once: true });
  native.listen(image, "error", done, { once: true });
}

function meet(element) {
  const name = element.localName;
  if (name === "img") followImage(element);
  else if (name === "script") followScript(element);
  else if (name === "audio" || name === "video") silence(element);
  meetHost(element);
  meetShadow(element);
  meetBinding(element);
}

const MET = "img, script, audio, video, [data-composition-src], [data-var-text], [data-var-src]";

function takeRecords(mutations) {
  for (const { type, target, attributeName, addedNodes, removedNodes } of mutations) {
    if (type === "attributes") {
      if (attributeName === "src" || attributeName === "srcset" || attributeName === "autoplay") meet(target);
      else markClipsDirty();
      continue;
    }
    for (const node of addedNodes) {
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      markClipsDirty();
      markSmilDirty();
      meet(node);
      if (node.firstElementChild) node.querySelectorAll(MET).forEach(meet);
    }
    for (const node of removedNodes) {
      if (node.nodeType === Node.ELEMENT_NODE) markClipsDirty();
    }
  }
  bindPending();
  mountPending();
}

const observer = new native.MutationObserver(takeRecords);
let observed = null;

/** Brings all lists up to date with the document. */
export function noticeMutations() {
  if (observed !== document) {
    observed = document;
    native.listen(document, "readystatechange", () => takeRecords(observer.takeRecords()));
    observer.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ATTRIBUTES });
    markClipsDirty();
  }
  takeRecords(observer.takeRecords());
}
noticeMutations();

native.listen(window, "error", (event) => {
  const element = event.target;
  if (!(element instanceof Element)) return;
  failed.add(element);
  outstanding.delete(element);
  const address = element.currentSrc || element.src || element.href?.baseVal || element.href || "";
  if (element.localName === "script") warnOnce("script_failed", `script failed to load: ${address}`);
  else if (element.localName === "link") warnOnce("stylesheet_failed", `stylesheet failed to load: ${address}`);
  else if (element.localName === "img" || element.localName === "image") warnOnce("image_failed", `image failed to load: ${address}`);
}, true);

/** Stylesheets that have not arrived. */
export function pendingStylesheets() {
  const pending = [];
  for (const link of document.querySelectorAll('link[rel~="stylesheet"][href]')) {
    if (link.sheet || link.disabled || failed.has(link) || link.relList.contains("alternate")) continue;
    if (link.media && !matchMedia(link.media).matches) continue;
    pending.push(link.href);
  }
  return pending;
}

/** Images of the document that have not arrived; failed ones become warnings. */
export function pendingImages() {
  const pending = [];
  for (const image of document.images) {
    followImage(image);
    if (!image.complete) pending.push(image.currentSrc || image.src);
    else if (image.naturalWidth === 0 && (image.currentSrc || image.src) && failed.has(image)) {
      warnOnce("image_failed", `image failed to load: ${image.currentSrc || image.src}`);
    }
  }
  return pending;
}

/** Waits for images that page code has added or changed; undefined when there are none. */
export function settleImages() {
  for (const image of loadingImages) {
    if (image.complete || !image.isConnected) loadingImages.delete(image);
  }
  if (loadingImages.size === 0) return undefined;
  return new Promise((resolve) => {
    const check = () => {
      for (const image of loadingImages) {
        if (image.complete || !image.isConnected) loadingImages.delete(image);
      }
      if (loadingImages.size === 0) queueTask(resolve);
    };
    for (const image of loadingImages) {
      native.listen(image, "load", check, { once: true });
      native.listen(image, "error", check, { once: true });
    }
  });
}
