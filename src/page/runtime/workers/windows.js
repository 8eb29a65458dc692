// Calls that would open a window, or wait for the user.
//
// A second window would cover the page, and a dialog would stop it until it is answered. So each is
// answered at once, with one warning.

import { override } from "../natives.js";
import { warnOnce } from "../warnings.js";

const without = (name) =>
  warnOnce("window_suppressed", `the page calls ${name}, which a render has no window for`);

function answer(name, text, value) {
  warnOnce("dialog_answered", `${name} was answered at once: ${String(text ?? "").slice(0, 200)}`);
  return value;
}

override(window, {
  open(address) {
    without(`window.open(${address === undefined ? "" : `"${String(address).slice(0, 200)}"`})`);
    return null;
  },
  print() {
    without("window.print()");
  },
  // The page is not a window that a script has opened, so a browser would do nothing, either.
  close() {},
  moveTo() {},
  moveBy() {},
  resizeTo() {},
  resizeBy() {},
  focus() {},
  blur() {},
  alert(text) {
    answer("alert()", text, undefined);
  },
  confirm(text) {
    return answer("confirm()", text, true);
  },
  prompt(text, value) {
    return answer("prompt()", text, value === undefined ? "" : String(value));
  },
});
