// Whether the document may look different from when the engine last asked.
//
// A frame is called unchanged only if nothing happened in it that could change a pixel. Whatever is
// not known to be harmless counts as a change: then the way of capture finds out by drawing. So this
// is a list of proofs, not of suspicions, and every door by which page code can be entered is watched
// (entries.js). ARCHITECTURE.md has the whole list.

let mayDiffer = true;

/** Tells that page code ran, or that something was drawn in a way that cannot be compared. */
export function markChanged() {
  mayDiffer = true;
}

/** Whether anything was marked since the last call of `forgetChange`. */
export function isMarkedChanged() {
  return mayDiffer;
}

/** The engine has been told. */
export function forgetChange() {
  mayDiffer = false;
}
