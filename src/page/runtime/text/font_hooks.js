// Page code that requests fonts, or draws with them, before the document has been read.

import { config, nativeGetter, nativeMethod, nativeSetter, override } from "../natives.js";
import { adoptFonts, probeContext, provide } from "./fonts.js";
import { hasReadTexts, loadLate, noteDrawnList, readTexts } from "./texts.js";

const drawingPrototype = window.CanvasRenderingContext2D?.prototype;
const getDrawnFont = nativeGetter(drawingPrototype, "font");
const setDrawnFont = nativeSetter(drawingPrototype, "font");
const checkFontsOfPage = nativeMethod(window.FontFaceSet?.prototype, "check");
const fontsReady = nativeGetter(window.FontFaceSet?.prototype, "ready");

const providedFonts = new Set();

/** Loads the families of a canvas's font. Returns their list. */
function provideFor(font) {
  adoptFonts();
  const list = /px\s+(.+)$/.exec(font)?.[1] ?? "";
  provide(list);
  return list;
}

override(drawingPrototype, {
  set font(value) {
    setDrawnFont(this, value);
    if (providedFonts.has(value) || !document.fonts) return;
    providedFonts.add(value);
    const list = provideFor(getDrawnFont(this));
    // The loaded font takes effect from the next assignment on.
    setDrawnFont(this, value);
    noteDrawnList(list, this.canvas);
  },
});

override(window.FontFaceSet?.prototype, {
  check(...given) {
    if (this === document.fonts) provideShorthand(given[0]);
    return checkFontsOfPage(this, ...given);
  },
  get ready() {
    if (this === document.fonts && config.fonts && !hasReadTexts()) {
      readTexts();
      loadLate();
    }
    return fontsReady(this);
  },
});

function provideShorthand(font) {
  const context = probeContext();
  setDrawnFont(context, "1px serif");
  setDrawnFont(context, font);
  provideFor(getDrawnFont(context));
}

const loadFontsOfPage = window.FontFaceSet?.prototype.load;

override(window.FontFaceSet?.prototype, {
  load(...given) {
    if (this === document.fonts) provideShorthand(given[0]);
    return Reflect.apply(loadFontsOfPage, this, given);
  },
});
