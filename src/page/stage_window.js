// The setting for a window whose pixels are read.
//
// Below the frame, outside of the composition's viewport, lies the mark: a strip whose color is the
// number of the picture. The browser presents picture and mark together, so the mark identifies the
// picture on screen.

const nextFrame = requestAnimationFrame.bind(window);
const strip = document.createElement("div");

function surround(_width, height, scale) {
  const [width, depth] = [16 / scale, 8 / scale];
  strip.style.cssText = `position:absolute;left:0;top:${height}px;width:${width}px;height:${depth}px;background:#000`;
  return [frame, strip];
}

const drawn = () => new Promise((resolve) => nextFrame(() => nextFrame(resolve)));

// Everything is drawn anew, as if no frame had come before: a hidden page gives up its layers.
async function forgetDrawing() {
  frame.style.opacity = "0";
  await drawn();
  frame.style.opacity = "1";
}

function setMark(number) {
  strip.style.background = `rgb(${(number >> 16) & 255},${(number >> 8) & 255},${number & 255})`;
}

/**
 * Shows the composition's frame `index` and marks it with `number`, unless it looks like the one
 * shown before and need not be drawn.
 *
 * A page that needs time to show a frame may have been drawn meanwhile, or not: such a frame is
 * always drawn anew.
 * @returns what the runtime's `seek` returns, the milliseconds that it took, and whether it was
 *   drawn anew, if there is a new picture under a new mark
 */
function show(index, num, den, ahead, number, mustDraw, anew) {
  return seek(index, num, den, ahead, (sought, hasChanged, ms, isLate) => {
    if (!mustDraw && !hasChanged) return { sought, ms, anew: null };
    const mark = (anew) => {
      setMark(number);
      return { sought, ms, anew };
    };
    const draw = () => (anew || isLate ? forgetDrawing().then(() => mark(true)) : mark(false));
    return draw();
  });
}

/** `setMark` marks the present picture. */
Object.assign(stage, { show, setMark });
