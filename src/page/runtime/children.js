// The documents below this one that have a runtime.

/** Their runtimes' faces. */
export function children() {
  const found = [];
  for (let at = 0; at < window.length; at++) {
    try {
      if (window[at].__pagereel) found.push(window[at].__pagereel);
    } catch {
      // A frame of another origin is the browser's own business.
    }
  }
  return found;
}
