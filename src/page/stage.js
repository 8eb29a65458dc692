// The stage: our document around the composition, for backends that need one.
//
// The composition is in a frame of exactly its size and appears to itself as the top. So its
// selectors, its layout, the backgrounds of `html` and `body` and elements fixed to its viewport
// are as in a window of their own.
//
// The setting, `stage_window.js` or `stage_canvas.js`, follows in the same scope. It defines with
// `surround` the content around the frame, and adds the capture of pictures to `stage`. Both run
// before the composition exists, and take what they need before a page of the same origin could
// replace it.

const now = performance.now.bind(performance);
let frame = null;
let hasEntered = false;
let hasLoaded = false;

const stage = {
  /**
   * The runtime of the composition, once its document is there. Not accessed before: that would
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
    // The composition has the focus, as in a window of its own.
    frame.focus();
  },

  /** Whether there is no document to ask. */
  get isLost() {
    return hasLoaded && stage.runtime === null;
  },

  /**
   * Loads the composition at `url`, `width` by `height` CSS pixels large, at `scale` device pixels
   * for each. If it `isTransparent`, nothing is behind it.
   */
  open(url, width, height, scale, isTransparent) {
    frame = document.createElement("iframe");
    frame.style.cssText = `position:absolute;left:0;top:0;width:${width}px;height:${height}px;border:0`;
    frame.addEventListener("load", () => (hasLoaded = true));
    frame.src = url;
    // Addresses that the composition's code resolves during the stage's calls are relative to this
    // document.
    const base = document.createElement("base");
    base.href = url;
    document.head.append(base);
    document.body.replaceChildren(...surround(width, height, scale, isTransparent));
    return [innerWidth, innerHeight];
  },
};
Object.defineProperty(window, "__pagereelStage", { value: stage });

/**
 * Moves the composition to its frame `index`, and on through up to `ahead` frames that look like the
 * one before. Returns what `then` makes of what the runtime's `seek`
 * returns, whether the page may look different, the milliseconds that it took, and whether other
 * tasks have run meanwhile.
 */
function seek(index, num, den, ahead, then) {
  const start = now();
  // A page that has left is the browser's concern; the browser reports it to the engine.
  if (!stage.runtime) return then(true, true, 0, true);
  const move = () => {
    const sought = ahead > 0 ? stage.runtime.seekOn(index, num, den, ahead) : stage.runtime.seek(index, num, den);
    const done = (sought, isLate) => then(sought, sought.changed ?? sought, now() - start, isLate);
    return typeof sought?.then === "function" ? sought.then((sought) => done(sought, true)) : done(sought, false);
  };
  const preparing = stage.runtime.prepare(index, num, den);
  return preparing ? preparing.then(move) : move();
}
