// The abilities of the page's scripts, by the words in them.
//
// Whether page code will play a medium or make sound cannot be known before it does. A script
// without such words will not; if one has them, the engine rehearses the page, which costs time.

import { native } from "../natives.js";
import { beginWork, endWork } from "../readiness/work.js";

/** Page code that may make sound of its own. */
const SOUND =
  /\bAudioContext\b|\bnew\s+(?:window\.|globalThis\.|self\.)?Audio\b|\(\s*["'`](?:audio|video)["'`]\s*[,)]|<(?:audio|video)[\s>]/;
/** Page code that may use a player. */
const PLAYING =
  /\.(?:play|pause|load)\s*\(|\.(?:currentTime|playbackRate|volume|muted|autoplay)\s*=[^=]|\bautoplay\b/;
/** Page code that may start view transitions. */
const VIEW_TRANSITIONS = /\bstartViewTransition\b/;
/**
 * Libraries that contain such words and make sound only on request: the request is searched
 * instead.
 */
const LIBRARIES = /\b__THREE__\b/;
const LIBRARY_SOUND = /\bAudioListener\b/;

/**
 * Files of libraries that make no sound by themselves. Scripts of other hosts cannot be read
 * without another request, so they are identified by their names.
 */
const SILENT_FILES =
  /\/[^/?]*(?:gsap|ScrollTrigger|SplitText|MotionPath|CustomEase|TextPlugin|hyperframes|shader-transitions|three|d3|topojson|lottie|anime|motion|react|vue|svelte|preact|alpine|tailwind|babylon|pixi|p5|konva|fabric|chart|echarts|leaflet|mapbox|maplibre|jquery|lodash|katex|mathjax|highlight|prism|mermaid|rough|index\.global)[^/?]*\.m?js(?:[?#]|$)|\/(?:gsap|three|d3|react|vue|lottie-web|animejs|tailwindcss|browser)(?:@[^/]*)?(?:[?#]|$)/i;

/** Most scripts that are read. */
const MAX_SCRIPTS = 200;

/** @type {Set<string>} addresses that are read, or have been */
const readAddresses = new Set();
/** @type {Set<string>} addresses of scripts that did not load */
const failedScripts = new Set();
let [saysSound, saysPlaying, saysTransitions] = [false, false, false];

/** Modules that are imported when page code runs, by a literal name in its text. */
const IMPORTS = /\bimport\(\s*(["'`])([^"'`$]+)\1\s*\)/g;
/** @type {Set<string>} addresses of such modules that are fetched, or have been */
const preloaded = new Set();

// A module that page code imports in a frame must be there in that frame, and no event reports its
// arrival. So it is fetched before, and runs when it is imported.
function preloadImports(text, base) {
  for (const [, , name] of text.matchAll(IMPORTS)) {
    if (!/^(?:\.{0,2}\/|https?:)/.test(name)) continue;
    const { href } = new URL(name, base);
    if (preloaded.has(href) || preloaded.size >= MAX_SCRIPTS || !document.documentElement) continue;
    preloaded.add(href);
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = href;
    beginWork(link, `module ${href.slice(0, 200)}`);
    const done = () => {
      link.remove();
      endWork(link);
    };
    native.listen(link, "load", done, { once: true });
    native.listen(link, "error", done, { once: true });
    document.documentElement.append(link);
  }
}

function readScriptText(text, base) {
  preloadImports(text, base);
  const isLibrary = LIBRARIES.test(text);
  saysSound ||= isLibrary ? false : SOUND.test(text) || LIBRARY_SOUND.test(text);
  saysPlaying ||= PLAYING.test(text);
  saysTransitions ||= VIEW_TRANSITIONS.test(text);
}

/** Records that page code has made sound. */
export function noteSound() {
  saysSound = true;
}

native.listen(
  window,
  "error",
  ({ target }) => {
    if (target instanceof HTMLScriptElement) failedScripts.add(target.src);
  },
  true,
);

async function readScript(address) {
  if (new URL(address).origin !== location.origin) {
    // A script that cannot be read may do anything.
    if (!SILENT_FILES.test(address)) [saysSound, saysPlaying] = [true, true];
    return;
  }
  const key = {};
  beginWork(key, `script ${address.slice(0, 200)}`);
  try {
    readScriptText(await (await native.fetch(address, { cache: "force-cache" })).text(), address);
  } catch {
    [saysSound, saysPlaying] = [true, true];
  }
  endWork(key);
}

function isScript({ name, initiatorType, responseStatus }) {
  if (failedScripts.has(name) || responseStatus >= 400) return false;
  return /^https?:/.test(name) && (initiatorType === "script" || /\.m?js(?:[?#]|$)/.test(name));
}

/** @type {WeakSet<HTMLScriptElement>} */
const readInlines = new WeakSet();

function readInline() {
  for (const script of document.scripts) {
    if (script.src || readInlines.has(script)) continue;
    readInlines.add(script);
    readScriptText(script.textContent, document.baseURI);
  }
}

/** Reads the scripts that have been loaded so far, each once. */
export function readScripts() {
  readInline();
  const loaded = /** @type {PerformanceResourceTiming[]} */ (
    performance.getEntriesByType("resource")
  );
  const addresses = new Set(loaded.filter(isScript).map(({ name }) => name));
  for (const address of addresses) {
    if (readAddresses.has(address) || readAddresses.size >= MAX_SCRIPTS) continue;
    readAddresses.add(address);
    readScript(address);
  }
}

/** Whether page code may make sound. */
export function mentionsSound() {
  readInline();
  return saysSound;
}

/** Whether page code may use a player. */
export function mentionsPlaying() {
  readInline();
  return saysPlaying;
}

/** Whether page code may start view transitions. */
export function mentionsViewTransitions() {
  readInline();
  return saysTransitions;
}
