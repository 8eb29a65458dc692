// Chooses the `<source>` that an element plays.
//
// As in the browser: the first whose `media` matches, whose `type` can be played and whose file is
// there. Files that this browser cannot play come after all that it can, because the engine reads
// more.

import { native, nativeMethod } from "../natives.js";
import { mediaSourceAt } from "./media_sources.js";

const canPlayType = nativeMethod(window.HTMLMediaElement?.prototype, "canPlayType");

/** @type {Map<HTMLMediaElement, HTMLSourceElement[]>} in the order in which they are tried */
const candidateLists = new native.Map();

/** Notes that `<source>` elements came, went or changed. */
export function forgetCandidates() {
  candidateLists.clear();
}

function readCandidates(element) {
  const sources = Array.from(element.children).filter((child) => {
    if (child.localName !== "source" || !child.getAttribute("src")) return false;
    const media = child.getAttribute("media");
    return !media || matchMedia(media).matches;
  });
  const isPlayable = (source) =>
    !source.getAttribute("type") || canPlayType(element, source.getAttribute("type")) !== "";
  return [...sources.filter(isPlayable), ...sources.filter((source) => !isPlayable(source))];
}

function candidatesOf(element) {
  let list = candidateLists.get(element);
  if (!list) candidateLists.set(element, (list = readCandidates(element)));
  return list;
}

/** The address of the first that is not known to fail; of the very first if all fail. */
export function candidateAddress(element) {
  const list = candidatesOf(element);
  const good = list.find((source) => mediaSourceAt(source.src)?.failure == null);
  return (good ?? list[0])?.src ?? null;
}

/** The `<source>` with an address, if it is one of the element's. */
export function candidateWith(element, address) {
  return candidatesOf(element).find((source) => source.src === address) ?? null;
}
