// The setting for pictures that leave through a canvas.
//
// The frame is the child of a canvas with `layoutsubtree`: it is laid out, but drawn only when we
// draw it, by `drawElementImage`, from Chrome's paint records and straight into the canvas's
// pixels. No layer of the compositor is involved, so a picture does not depend on those before it,
// as long as it is requested after the page was moved.

// Sends pictures, as a worker: the page can go on meanwhile, and Chrome does not report each message
// to us a second time, as base64, as it would for the page's own sockets.
function sender() {
  let socket;
  /** The picture sent last, as pixels. */
  let last = null;
  /** Messages that wait for the socket to open; `null` once it is. */
  let waiting = [];
  const send = (message) => (waiting ? waiting.push(message) : socket.send(message));

  function connect(address) {
    socket = new WebSocket(address);
    socket.onopen = () => {
      waiting.forEach((message) => socket.send(message));
      waiting = null;
    };
  }

  // The rows that differ from the last picture: all from the first such row to the last.
  function changedRows(pixels, width, height) {
    if (last === null) return [0, height];
    let first = 0;
    while (first < pixels.length && pixels[first] === last[first]) first++;
    if (first === pixels.length) return [0, 0];
    let end = pixels.length;
    while (pixels[end - 1] === last[end - 1]) end--;
    const top = Math.floor(first / width);
    return [top, Math.ceil(end / width) - top];
  }

  function sendPicture(number, { buffer, width, height }) {
    const pixels = new Uint32Array(buffer);
    const [top, rows] = changedRows(pixels, width, height);
    last = pixels;
    const header = new DataView(new ArrayBuffer(20));
    [number, width, height, top, rows].forEach((word, at) => header.setUint32(4 * at, word, true));
    send(header);
    if (rows > 0) send(pixels.subarray(top * width, (top + rows) * width));
  }

  onmessage = ({ data: { address, failure, number, picture } }) => {
    if (address) connect(address);
    else if (failure) send(failure);
    else sendPicture(number, picture);
  };
}

const worker = new Worker(URL.createObjectURL(new Blob([`(${sender})()`])));
const post = worker.postMessage.bind(worker);

/** The number of the picture that the next painting makes. */
let asked = null;
let requestPaint = null;

function surround(cssWidth, cssHeight, scale, isTransparent) {
  const [width, height] = [Math.round(cssWidth * scale), Math.round(cssHeight * scale)];
  const canvas = document.createElement("canvas");
  canvas.setAttribute("layoutsubtree", "");
  Object.assign(canvas, { width, height });
  canvas.style.cssText = `display:block;width:${cssWidth}px;height:${cssHeight}px`;
  canvas.append(frame);
  const context = canvas.getContext("2d", { alpha: isTransparent, willReadFrequently: true });
  const bound = (name, ...rest) => context[name].bind(context, ...rest);
  const [reset, fill, draw] = [bound("reset"), bound("fillRect", 0, 0, width, height), bound("drawElementImage", frame, 0, 0)];
  const read = bound("getImageData", 0, 0, width, height);
  requestPaint = canvas.requestPaint.bind(canvas);

  function takePicture(number) {
    reset();
    if (!isTransparent) {
      context.fillStyle = "#fff";
      fill();
    }
    draw();
    const { buffer } = read().data;
    post({ number, picture: { buffer, width, height } }, [buffer]);
  }

  canvas.addEventListener("paint", () => {
    if (asked === null) return;
    const number = asked;
    asked = null;
    try {
      takePicture(number);
    } catch (error) {
      post({ failure: String(error) });
    }
  });
  return [canvas];
}

/** Requests a picture of the page in its present state. The painting comes after this task. */
function ask(number) {
  asked = number;
  requestPaint();
}

/** Connects to the engine's socket at `address`, and requests the first picture. */
function connect(address, number) {
  post({ address });
  ask(number);
}

/**
 * Moves the composition to its frame `index` and requests its picture, unless it looks like the one
 * before and need not be drawn.
 * @returns what the runtime's `seek` returns, the milliseconds that it took, and whether there will
 *   be a picture
 */
function shoot(index, num, den, ahead, number, mustDraw) {
  return seek(index, num, den, ahead, (sought, hasChanged, ms) => {
    const isAwaited = mustDraw || hasChanged;
    if (isAwaited) ask(number);
    return { sought, ms, isAwaited };
  });
}

Object.assign(stage, { connect, shoot });
