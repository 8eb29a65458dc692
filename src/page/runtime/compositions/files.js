// Files of nested compositions, read at once: the page's next script must see them mounted.

import { native, nativeMethod } from "../natives.js";

const openRequest = nativeMethod(window.XMLHttpRequest?.prototype, "open");
const sendRequest = nativeMethod(window.XMLHttpRequest?.prototype, "send");

/** @type {Map<string, string|null>} */
const texts = new native.Map();
/** @type {Map<string, boolean>} */
const existing = new native.Map();

function request(method, address) {
  const request = new native.XMLHttpRequest();
  try {
    openRequest(request, method, address, false);
    sendRequest(request);
  } catch {
    return null;
  }
  return request.status >= 200 && request.status < 300 ? request : null;
}

/** The text at `address`; null where it cannot be had. */
export function fetchText(address) {
  if (!texts.has(address)) texts.set(address, request("GET", address)?.responseText ?? null);
  return texts.get(address);
}

// The mark tells the engine that a failure is a valid answer.
function exists(address) {
  if (!existing.has(address))
    existing.set(
      address,
      texts.get(address)
        ? true
        : request("HEAD", `${address}${address.includes("?") ? "&" : "?"}pagereel-probe`) !== null,
    );
  return existing.get(address);
}

/**
 * The absolute form of an address in a file at `base`. HyperFrames reads plain relative ones from
 * the outer document, `../` ones from the file: so the file's own neighbors are tried first.
 */
export function resolveAsset(address, base) {
  const text = address.trim();
  if (
    text === "" ||
    text.startsWith("#") ||
    /^[a-z][a-z0-9+.-]*:/i.test(text) ||
    text.startsWith("//")
  )
    return text;
  const beside = new URL(text, base).href;
  if (base === document.baseURI || text.startsWith("/") || text.startsWith("../")) return beside;
  const fromRoot = new URL(text, document.baseURI).href;
  if (beside === fromRoot || exists(stripFragment(beside))) return beside;
  return exists(stripFragment(fromRoot)) ? fromRoot : beside;
}

function stripFragment(address) {
  const at = address.indexOf("#");
  return at < 0 ? address : address.slice(0, at);
}
