// Cues of shown tracks, drawn over their videos.
//
// The browser draws cues into its player, which does not run. Here they stand in an element behind
// the video, of the same place and size and with its transforms, and are laid out by the rules of
// WebVTT: https://www.w3.org/TR/webvtt1/#processing-model

import { native } from "../natives.js";
import { cueRules } from "./cue_styles.js";
import { decodesMedia } from "./media_sources.js";
import { mediaElements } from "./media.js";
import { contentSize, cssPixels, styleOf } from "./picture_sizes.js";
import { dueCues, showingTracks } from "./text_tracks.js";

/** Text is as high as this share of the video's shorter side. */
const TEXT_SHARE = 0.05;
/** The properties that the boxes take over from their video. */
const COPIED = [
  "transform",
  "transform-origin",
  "translate",
  "rotate",
  "scale",
  "opacity",
  "visibility",
  "z-index",
  "clip-path",
];
const BASE_RULES = `
  .area { position: absolute; overflow: hidden; font-family: sans-serif; line-height: normal; color: #fff; text-align: center }
  .box { position: absolute; white-space: pre-line; overflow-wrap: break-word; unicode-bidi: plaintext }
  .cue { background: rgba(0, 0, 0, 0.8) }
`;

/** @typedef {{host: HTMLElement, rules: HTMLStyleElement, area: HTMLElement, shown: string}} CueOverlay */

/** @type {Map<HTMLVideoElement, CueOverlay>} */
const cueOverlays = new native.Map();

function overlayOf(video) {
  let overlay = cueOverlays.get(video);
  if (!overlay) {
    const host = document.createElement("pagereel-cues");
    const root = native.attachShadow(host, { mode: "closed" });
    const [rules, area] = [document.createElement("style"), document.createElement("div")];
    area.className = "area";
    root.append(rules, area);
    overlay = { host, rules, area, shown: "" };
    cueOverlays.set(video, overlay);
  }
  if (overlay.host.previousSibling !== video) video.after(overlay.host);
  return overlay;
}

function hideCues(video) {
  const overlay = cueOverlays.get(video);
  if (!overlay) return;
  overlay.host.remove();
  cueOverlays.delete(video);
}

function putStyle(element, declarations) {
  const text = declarations.map(([name, value]) => `${name}: ${value} !important`).join("; ");
  if (element.getAttribute("style") !== text) element.setAttribute("style", text);
}

/** Lays the overlay over the video's box. Returns the size of the drawing area. */
function placeOverlay(video, { host, area }) {
  const style = styleOf(video);
  const position = style.position === "fixed" ? "fixed" : "absolute";
  const fixed = [
    ["all", "initial"],
    ["display", "block"],
    ["position", position],
    ["pointer-events", "none"],
    ["width", `${video.offsetWidth}px`],
    ["height", `${video.offsetHeight}px`],
  ];
  const copied = COPIED.map((name) => [name, style.getPropertyValue(name)]);
  // Its position with offsets of 0 is the origin of its offsets.
  const known = host.getAttribute("style");
  if (!known) putStyle(host, [...fixed, ["left", "0px"], ["top", "0px"]]);
  const [left, top] = [cssPixels(host.style.left), cssPixels(host.style.top)];
  const place = [
    ["left", `${left + video.offsetLeft - host.offsetLeft}px`],
    ["top", `${top + video.offsetTop - host.offsetTop}px`],
  ];
  putStyle(host, [...fixed, ...place, ...copied]);
  const [width, height] = contentSize(video, style);
  const text = TEXT_SHARE * Math.min(width, height);
  putStyle(area, [
    ["left", `${video.clientLeft + cssPixels(style.paddingLeft)}px`],
    ["top", `${video.clientTop + cssPixels(style.paddingTop)}px`],
    ["width", `${width}px`],
    ["height", `${height}px`],
    ["font-size", `${text}px`],
  ]);
  return { width, height };
}

const SIDES = {
  start: "line-left",
  left: "line-left",
  end: "line-right",
  right: "line-right",
  center: "center",
};
const USUAL_POSITIONS = { start: 0, left: 0, end: 100, right: 100, center: 50 };

/** The share of the line that a cue takes, and its beginning, in percent. */
function extent(cue) {
  const position = cue.position === "auto" ? USUAL_POSITIONS[cue.align] : cue.position;
  // Not every browser supports the meaning of a position or a line.
  const side = (cue.positionAlign ?? "auto") === "auto" ? SIDES[cue.align] : cue.positionAlign;
  const most = {
    "line-left": 100 - position,
    "line-right": position,
    center: 2 * Math.min(position, 100 - position),
  }[side];
  const size = Math.min(cue.size, most);
  const start = {
    "line-left": position,
    "line-right": position - size,
    center: position - size / 2,
  }[side];
  return { start, size };
}

function overlaps(a, b) {
  return (
    a.from < b.from + b.length &&
    b.from < a.from + a.length &&
    a.left < b.left + b.width &&
    b.left < a.left + a.width
  );
}

// By lines: the whole box has to fit, and must not overlap another.
function placeByLine(cue, span, room, step, taken) {
  const line = cue.line === "auto" ? -1 : cue.line;
  const isFromEnd = line < 0;
  span.from = isFromEnd
    ? Math.min(room + line * step, room - span.length)
    : Math.min(line * step, Math.max(0, room - span.length));
  for (let tries = 0; tries < 100 && taken.some((other) => overlaps(span, other)); tries++)
    span.from += isFromEnd ? -step : step;
}

function placeByShare(cue, span, room) {
  const line = cue.line === "auto" ? 100 : cue.line;
  const shift = { start: 0, center: 0.5, end: 1 }[cue.lineAlign] ?? 0;
  span.from = (line / 100) * room - shift * span.length;
  if (cue.line === "auto") span.from = room - span.length;
}

function drawCue(area, cue, { width, height }, taken) {
  const box = document.createElement("div");
  box.className = "box";
  const inner = document.createElement("span");
  inner.className = "cue";
  inner.append(cue.getCueAsHTML());
  box.append(inner);
  area.append(box);
  const isVertical = cue.vertical === "rl" || cue.vertical === "lr";
  const { start, size } = extent(cue);
  const along = isVertical ? ["top", "height"] : ["left", "width"];
  const style = [
    [along[0], `${start}%`],
    [along[1], `${size}%`],
    ["text-align", cue.align],
  ];
  if (isVertical)
    style.push(["writing-mode", cue.vertical === "rl" ? "vertical-rl" : "vertical-lr"]);
  putStyle(box, style);
  const whole = isVertical ? height : width;
  const room = isVertical ? width : height;
  const span = {
    left: (start / 100) * whole,
    width: (size / 100) * whole,
    from: 0,
    length: isVertical ? box.offsetWidth : box.offsetHeight,
  };
  if (cue.snapToLines) placeByLine(cue, span, room, lineStep(box, inner, isVertical), taken);
  else placeByShare(cue, span, room);
  taken.push(span);
  // Lines of text that goes from right to left are counted from the right.
  const from = isVertical && cue.vertical === "rl" ? room - span.from - span.length : span.from;
  putStyle(box, [...style, [isVertical ? "left" : "top", `${from}px`]]);
}

/** The distance from one line to the next. */
function lineStep(box, inner, isVertical) {
  const length = isVertical ? box.offsetWidth : box.offsetHeight;
  const lines = new Set(
    Array.from(inner.getClientRects(), (rect) => Math.round(isVertical ? rect.left : rect.top)),
  );
  return Math.max(1, length / Math.max(1, lines.size));
}

function drawOverlay(video, tracks, cues) {
  const overlay = overlayOf(video);
  const size = placeOverlay(video, overlay);
  const rules = BASE_RULES + cueRules(video, tracks);
  const shown = JSON.stringify([
    rules,
    size,
    cues.map(
      ({
        text,
        line,
        lineAlign,
        position,
        positionAlign,
        size: share,
        align,
        vertical,
        snapToLines,
      }) => [text, line, lineAlign, position, positionAlign, share, align, vertical, snapToLines],
    ),
  ]);
  if (overlay.shown === shown) return;
  overlay.shown = shown;
  overlay.rules.textContent = rules;
  overlay.area.replaceChildren();
  const taken = [];
  cues.forEach((cue) => drawCue(overlay.area, cue, size, taken));
}

/** Draws the cues that are due at `seconds` of the page. */
export function drawCues(seconds) {
  if (!decodesMedia) return;
  for (const video of mediaElements()) {
    if (video.localName !== "video") continue;
    const tracks = showingTracks(video);
    const cues = tracks
      .flatMap((textTrack) => dueCues(video, textTrack, seconds))
      .filter((cue) => cue.getCueAsHTML);
    if (cues.length === 0 || !video.isConnected || video.offsetWidth === 0) hideCues(video);
    else drawOverlay(video, tracks, cues);
  }
}
