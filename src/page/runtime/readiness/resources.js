// The files that the document still has to load: stylesheets, scripts, fonts, images, requests.
//
// One observer watches the tree for everything the runtime keeps lists of (clips, images, media,
// scripts), so that no frame has to search the document. `document` is looked up at each use: a
// window can outlive its first, empty document.

import { native } from "../natives.js";
import { markClipsDirty } from "../time/timing.js";
import { meetHost, mountPending } from "../compositions/mount.js";
import { bindPending, meetBinding } from "../compositions/variables.js";
import { meetShadow, watchShadows } from "../shadow_roots.js";
import { warnOnce } from "../warnings.js";
import { beginWork, endWork, followImage, isUnderWay, withoutEvent } from "./work.js";
import { markPlayersDirty } from "../players/players.js";
import { markSmilDirty } from "../players/smil.js";
import { markImagesDirty } from "../images/animated_images.js";
import { markStylesDirty } from "../images/animated_styles.js";
import { watchInlineHandlers } from "../rendering/entries.js";
import { markControls, meetMarquee } from "../rendering/live_controls.js";
import { leaveMedia, meetMedia } from "../media/media.js";
import { forgetCandidates } from "../media/media_candidates.js";
import { notePlayerAttributes } from "../rendering/listeners.js";
import { meetTrack } from "../media/text_tracks.js";
import { followLoader } from "./map_readiness.js";
import { noticeText } from "../text/texts.js";

const ATTRIBUTES = [
  "data-start",
  "data-duration",
  "data-end",
  "data-composition-id",
  "data-track-index",
  "data-playback-start",
  "data-playback-rate",
  "data-width",
  "data-height",
  "id",
  "src",
  "srcset",
  "autoplay",
];
const SCRIPT_TYPES = /^(|module|(text|application)\/(java|ecma)script)$/i;

const failed = new Set();

function followScript(script) {
  if (!script.src || script.noModule || !SCRIPT_TYPES.test(script.type) || isUnderWay(script))
    return;
  // A script that came with the document may have run before.
  const isOver =
    document.readyState === "complete" ? null : () => document.readyState === "complete";
  beginWork(script, `script ${script.src}`, { isOver });
  const done = () => endWork(script);
  native.listen(script, "load", done, { once: true });
  native.listen(script, "error", done, { once: true });
}

// Readiness looks for style sheets itself.
function followLink(link) {
  native.listen(link, "load", markStylesDirty, { once: true });
  if (
    document.readyState !== "complete" ||
    link.sheet ||
    !link.relList.contains("stylesheet") ||
    isUnderWay(link)
  )
    return;
  beginWork(link, `stylesheet ${link.href}`, {
    code: "stylesheet_pending",
    isOver: withoutEvent(() => link.sheet !== null),
  });
  const done = () => endWork(link);
  native.listen(link, "load", done, { once: true });
  native.listen(link, "error", done, { once: true });
}

/** The lists to update when an element of this name came or changed. */
const MARKS = {
  img: markImagesDirty,
  image: markImagesDirty,
  source: markImagesDirty,
  style: markStylesDirty,
  link: markStylesDirty,
  animate: markSmilDirty,
  animateTransform: markSmilDirty,
  animateMotion: markSmilDirty,
  set: markSmilDirty,
  marquee: markControls,
  progress: markControls,
  "lottie-player": markPlayersDirty,
  "dotlottie-player": markPlayersDirty,
  "dotlottie-wc": markPlayersDirty,
};

function meetPlayer(element) {
  notePlayerAttributes(element);
  meetMedia(element);
}

function meetSource(source) {
  forgetCandidates();
  if (source.parentElement instanceof HTMLMediaElement) meetMedia(source.parentElement);
}

function leave(element) {
  markClipsDirty();
  const name = element.localName;
  if (name === "source") forgetCandidates();
  else if (name === "audio" || name === "video") leaveMedia(element);
  else if (element.firstElementChild) element.querySelectorAll("audio, video").forEach(leaveMedia);
}

function meet(element) {
  const name = element.localName;
  MARKS[name]?.();
  if (name === "img") followImage(element);
  else if (name === "script") followScript(element);
  else if (name === "audio" || name === "video") meetPlayer(element);
  else if (name === "source") meetSource(element);
  else if (name === "track") meetTrack(element);
  else if (name === "link") followLink(element);
  else if (name === "marquee") meetMarquee(element);
  if (element.style?.cssText.includes("url(")) markStylesDirty();
  meetHost(element);
  meetShadow(element);
  meetBinding(element);
}

const MET = `script, audio, video, track, ${Object.keys(MARKS)}, [style*="url("], [data-composition-src], [data-var-text], [data-var-src]`;

function takeRecords(mutations) {
  for (const { type, target, attributeName, addedNodes, removedNodes } of mutations) {
    if (type === "attributes") {
      if (attributeName === "src" || attributeName === "srcset" || attributeName === "autoplay")
        meet(target);
      else markClipsDirty();
      continue;
    }
    for (const node of addedNodes) {
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      markClipsDirty();
      meet(node);
      if (node.firstElementChild) node.querySelectorAll(MET).forEach(meet);
      watchInlineHandlers(node);
    }
    for (const node of removedNodes) {
      if (node.nodeType === Node.ELEMENT_NODE) leave(node);
    }
  }
  bindPending();
  mountPending();
  followLoader();
}

const observer = new native.MutationObserver(takeRecords);
let observed = null;

/** Brings all lists up to date with the document. */
export function noticeMutations() {
  if (observed !== document) {
    observed = document;
    native.listen(document, "readystatechange", () => takeRecords(observer.takeRecords()));
    observer.observe(document, {
      subtree: true,
      childList: true,
      attributes: true,
      attributeFilter: ATTRIBUTES,
    });
    markClipsDirty();
    Object.values(MARKS).forEach((mark) => mark());
    document.querySelectorAll(MET).forEach(meet);
  }
  takeRecords(observer.takeRecords());
  noticeText();
}
noticeMutations();

watchShadows((root) => {
  root.querySelectorAll(MET).forEach(meet);
  observer.observe(root, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ATTRIBUTES,
  });
});

native.listen(
  window,
  "error",
  (event) => {
    if (!(event.target instanceof Element)) return;
    /** @type {any} */
    const element = event.target;
    failed.add(element);
    const address =
      element.currentSrc || element.src || element.href?.baseVal || element.href || "";
    if (element.localName === "script")
      warnOnce("script_failed", `script failed to load: ${address}`);
    else if (element.localName === "link")
      warnOnce("stylesheet_failed", `stylesheet failed to load: ${address}`);
    else if (element.localName === "img" || element.localName === "image")
      warnOnce("image_failed", `image failed to load: ${address}`);
  },
  true,
);

/** Stylesheets that have not arrived. */
export function pendingStylesheets() {
  const pending = [];
  for (const link of /** @type {NodeListOf<HTMLLinkElement>} */ (
    document.querySelectorAll('link[rel~="stylesheet"][href]')
  )) {
    if (link.sheet || link.disabled || failed.has(link) || link.relList.contains("alternate"))
      continue;
    if (link.media && !matchMedia(link.media).matches) continue;
    pending.push(link.href);
  }
  return pending;
}

/** Follows the images of the document; failed ones become warnings. */
export function followImages() {
  for (const image of document.images) {
    followImage(image);
    if (
      image.complete &&
      image.naturalWidth === 0 &&
      (image.currentSrc || image.src) &&
      failed.has(image)
    ) {
      warnOnce("image_failed", `image failed to load: ${image.currentSrc || image.src}`);
    }
  }
}
