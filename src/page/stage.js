// The stage: a document of ours around the composition, for ways of capture that need one.
//
// The composition stands in a frame of exactly its size and is its own top as far as it can see.
// Below the frame, outside of the composition's viewport, lies the mark: a strip whose color is the
// number of the picture. The browser presents picture and mark together, so whoever reads the mark
// knows which picture he sees.
(() => {
  "use strict";
  const nextFrame = requestAnimationFrame.bind(window);
  const now = performance.now.bind(performance);
  let frame = null;
  let mark = null;
  let hasLoaded = false;

  const drawn = () => new Promise((resolve) => nextFrame(() => nextFrame(resolve)));

  // Everything is drawn anew, as if no frame had come before: hidden, the page gives up its layers.
  async function forgetDrawing() {
    frame.style.opacity = "0";
    await drawn();
    frame.style.opacity = "1";
  }

  function setMark(number) {
    mark.style.background = `rgb(${(number >> 16) & 255},${(number >> 8) & 255},${number & 255})`;
  }

  function whenKnown(value, then) {
    return typeof value?.then === "function" ? value.then(then) : then(value);
  }

  const stage = {
    /** The runtime of the composition, once its document is there. */
    get runtime() {
      try {
        return frame.contentWindow.location.href === "about:blank" ? null : frame.contentWindow.__pagereel ?? null;
      } catch {
        return null;
      }
    },

    /** Whether there is no document that could be asked. */
    get isLost() {
      return hasLoaded && stage.runtime === null;
    },

    /** Loads the composition at `url`, `width` by `height` pixels large. */
    open(url, width, height) {
      frame = document.createElement("iframe");
      frame.style.cssText = `position:absolute;left:0;top:0;width:${width}px;height:${height}px;border:0`;
      frame.addEventListener("load", () => (hasLoaded = true));
      frame.src = url;
      mark = document.createElement("div");
      mark.style.cssText = `position:absolute;left:0;top:${height}px;width:16px;height:8px;background:#000`;
      document.body.replaceChildren(frame, mark);
      return [innerWidth, innerHeight];
    },

    /**
     * Shows the composition's frame `index` and marks it with `number`, unless it looks like the
     * one shown before and need not be drawn.
     * @returns what the runtime's `seek` returns, the milliseconds that it took, and whether there
     *   is a new picture under a new mark
     */
    show(index, num, den, number, isFresh) {
      const start = now();
      return whenKnown(stage.runtime.seek(index, num, den), (sought) => {
        const ms = now() - start;
        if (!isFresh && !(sought.changed ?? sought)) return { sought, ms, is_marked: false };
        return forgetDrawing().then(() => {
          setMark(number);
          return { sought, ms, is_marked: true };
        });
      });
    },

    /** Marks the picture as it is. */
    setMark,
  };
  Object.defineProperty(window, "__pagereelStage", { value: Object.freeze(stage) });
})();
