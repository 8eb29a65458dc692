// Whether the document may look different from the engine's last question.
//
// A frame is called unchanged only if nothing happened in it that could change a pixel. Everything
// that is not known to be harmless counts as a change: then the backend finds out by drawing. So
// this is a list of proofs, not of suspicions, and every entry to page code is watched
// (entries.js). ARCHITECTURE.md has the whole list.

let mayDiffer = true;

/** Notes that page code ran, or that something was drawn that cannot be compared. */
export function markChanged() {
  mayDiffer = true;
}

/** Whether anything was marked since the last call of `forgetChange`. */
export function isMarkedChanged() {
  return mayDiffer;
}

/** Notes that the engine has the answer. */
export function forgetChange() {
  mayDiffer = false;
}
