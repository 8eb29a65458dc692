// Canvases that WebGPU draws.
//
// Chrome's compositor, which draws without a graphics card, does not show them, nor can they be copied.
// So page code draws into textures of ours, which are read at the end of each step.

import { nativeMethod, override } from "../natives.js";
import { warnOnce } from "../warnings.js";

const COPY_SRC = 1; // GPUTextureUsage
const RENDER_ATTACHMENT = 16;
const MAP_READ = 1; // GPUBufferUsage, GPUMapMode
const COPY_DST = 8;
/** Rows of a copy begin at multiples of this. */
const ROW_BYTES = 256;

const createTexture = nativeMethod(window.GPUDevice?.prototype, "createTexture");
const createBuffer = nativeMethod(window.GPUDevice?.prototype, "createBuffer");
const createEncoder = nativeMethod(window.GPUDevice?.prototype, "createCommandEncoder");
const copyToBuffer = nativeMethod(window.GPUCommandEncoder?.prototype, "copyTextureToBuffer");
const finishEncoder = nativeMethod(window.GPUCommandEncoder?.prototype, "finish");
const submit = nativeMethod(window.GPUQueue?.prototype, "submit");
const mapBuffer = nativeMethod(window.GPUBuffer?.prototype, "mapAsync");
const mappedRange = nativeMethod(window.GPUBuffer?.prototype, "getMappedRange");
const destroyBuffer = nativeMethod(window.GPUBuffer?.prototype, "destroy");
const destroyTexture = nativeMethod(window.GPUTexture?.prototype, "destroy");

const requestAdapter = nativeMethod(window.GPU?.prototype, "requestAdapter");
override(window.GPU?.prototype, {
  async requestAdapter(options) {
    const adapter = await requestAdapter(this, options);
    if (!adapter)
      warnOnce(
        "webgpu_unavailable",
        "the page asks for WebGPU, and gets no adapter from this browser: what it draws without one is in the frames",
      );
    return adapter;
  },
});

/** @typedef {{device: GPUDevice, format: string, usage: number, viewFormats: string[], alphaMode: string, colorSpace: string, toneMapping: {mode: string}}} Configuration */

const brokenState = (text) =>
  new DOMException(
    `Failed to execute '${text}' on 'GPUCanvasContext': the context is not configured.`,
    "InvalidStateError",
  );

/**
 * A context for `canvas`, whose size `sizeOf` returns.
 * @returns {{context: GPUCanvasContext, takeImage: () => Promise<ImageData|null>}} `takeImage` takes what
 *   has been drawn since it was called last; null if nothing
 */
export function gpuContext(canvas, sizeOf) {
  /** @type {Configuration|null} */
  let configuration = null;
  /** @type {GPUTexture|null} */
  let texture = null;

  function drop() {
    if (texture) destroyTexture(texture);
    texture = null;
  }

  const members = {
    configure(given) {
      if (!(given?.device instanceof GPUDevice) || typeof given.format !== "string")
        throw new TypeError(
          "Failed to execute 'configure' on 'GPUCanvasContext': a device and a format are needed.",
        );
      drop();
      const {
        device,
        format,
        usage = RENDER_ATTACHMENT,
        viewFormats = [],
        alphaMode = "opaque",
        colorSpace = "srgb",
        toneMapping = { mode: "standard" },
      } = given;
      configuration = {
        device,
        format,
        usage,
        viewFormats: [...viewFormats],
        alphaMode,
        colorSpace,
        toneMapping,
      };
    },
    unconfigure() {
      drop();
      configuration = null;
    },
    getConfiguration() {
      return configuration && { ...configuration };
    },
    getCurrentTexture() {
      if (!configuration) throw brokenState("getCurrentTexture");
      const [width, height] = sizeOf();
      if (texture && (texture.width !== width || texture.height !== height)) drop();
      const { device, format, usage, viewFormats } = configuration;
      texture ??= createTexture(device, {
        size: [width, height],
        format,
        usage: usage | COPY_SRC | RENDER_ATTACHMENT,
        viewFormats,
      });
      return texture;
    },
  };
  const context = Object.create(GPUCanvasContext.prototype);
  for (const name of Object.keys(members))
    Object.defineProperty(context, name, {
      value: members[name],
      configurable: true,
      writable: true,
    });
  Object.defineProperty(context, "canvas", { value: canvas, configurable: true });

  async function takeImage() {
    if (!texture) return null;
    const [taken, { device, format, alphaMode, colorSpace }] = [texture, configuration];
    texture = null;
    const image = await readTexture(device, taken, format, alphaMode === "opaque", colorSpace);
    destroyTexture(taken);
    return image;
  }
  return { context, takeImage };
}

async function readTexture(device, texture, format, isOpaque, colorSpace) {
  const { width, height } = texture;
  const pixelBytes = format === "rgba16float" ? 8 : 4;
  const rowBytes = Math.ceil((width * pixelBytes) / ROW_BYTES) * ROW_BYTES;
  const buffer = createBuffer(device, { size: rowBytes * height, usage: MAP_READ | COPY_DST });
  const encoder = createEncoder(device);
  copyToBuffer(encoder, { texture }, { buffer, bytesPerRow: rowBytes }, [width, height]);
  submit(device.queue, [finishEncoder(encoder)]);
  try {
    await mapBuffer(buffer, MAP_READ);
  } catch (error) {
    throw new Error(`what WebGPU drew on a canvas cannot be read: ${error?.message ?? error}`);
  }
  const image = new ImageData(width, height, { colorSpace });
  const bytes = mappedRange(buffer);
  for (let y = 0; y < height; y++) {
    const row = image.data.subarray(4 * width * y, 4 * width * (y + 1));
    if (pixelBytes === 8) readHalves(row, new Uint16Array(bytes, rowBytes * y, 4 * width));
    else readBytes(row, new Uint8Array(bytes, rowBytes * y, 4 * width), format.startsWith("bgra"));
    finishRow(row, isOpaque);
  }
  destroyBuffer(buffer);
  return image;
}

function readBytes(row, bytes, isSwapped) {
  row.set(bytes);
  if (!isSwapped) return;
  for (let at = 0; at < row.length; at += 4) {
    row[at] = bytes[at + 2];
    row[at + 2] = bytes[at];
  }
}

/** IEEE 754 binary16. */
function halfValue(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

function readHalves(row, halves) {
  for (let at = 0; at < row.length; at++)
    row[at] = Math.round(255 * Math.min(1, Math.max(0, halfValue(halves[at]))));
}

// Pixels of images are not multiplied with their alpha; those of canvases are.
function finishRow(row, isOpaque) {
  for (let at = 0; at < row.length; at += 4) {
    const alpha = row[at + 3];
    if (isOpaque) row[at + 3] = 255;
    else if (alpha > 0 && alpha < 255)
      for (let i = at; i < at + 3; i++) row[i] = Math.round((255 * row[i]) / alpha);
  }
}
