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
  let strip = null;
  let hasEntered = false;
  let hasLoaded = false;

  const drawn = () => new Promise((resolve) => nextFrame(() => nextFrame(resolve)));

  // Everything is drawn anew, as if no frame had come before: hidden, the page gives up its layers.
  async function forgetDrawing() {
    frame.style.opacity = "0";
    await drawn();
    frame.style.opacity = "1";
  }

  function setMark(number) {
    strip.style.background = `rgb(${(number >> 16) & 255},${(number >> 8) & 255},${number & 255})`;
  }

  const stage = {
    /**
     * The runtime of the composition, once its document is there. Not looked for before: that would
     * make the frame's blank document run scripts, and Chrome would keep its window for the page.
     */
    get runtime() {
      try {
        return hasEntered || hasLoaded ? (frame.contentWindow.__pagereel ?? null) : null;
      } catch {
        return null;
      }
    },

    /** Called by the composition's runtime when its document is there. */
    enter() {
      hasEntered = true;
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
      strip = document.createElement("div");
      strip.style.cssText = `position:absolute;left:0;top:${height}px;width:16px;height:8px;background:#000`;
      document.body.replaceChildren(frame, strip);
      return [innerWidth, innerHeight];
    },

    /**
     * Shows the composition's frame `index` and marks it with `number`, unless it looks like the
     * one shown before and need not be drawn.
     *
     * A page that needs time to show a frame may have been drawn meanwhile, or not: such a frame is
     * always drawn anew.
     * @returns what the runtime's `seek` returns, the milliseconds that it took, and whether it was
     *   drawn anew, if there is a new picture under a new mark
     */
    show(index, num, den, number, mustDraw, anew) {
      const start = now();
      const sought = stage.runtime.seek(index, num, den);
      const draw = (sought, anew) => {
        const ms = now() - start;
        if (!mustDraw && !(sought.changed ?? sought)) return { sought, ms, anew: null };
        if (anew) return forgetDrawing().then(() => mark(sought, ms, true));
        return mark(sought, ms, false);
      };
      const mark = (sought, ms, anew) => {
        setMark(number);
        return { sought, ms, anew };
      };
      return typeof sought?.then === "function" ? sought.then((sought) => draw(sought, true)) : draw(sought, anew);
    },

    /** Marks the picture as it is. */
    setMark,
  };
  Object.defineProperty(window, "__pagereelStage", { value: Object.freeze(stage) });
})();
