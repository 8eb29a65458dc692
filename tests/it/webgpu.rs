//! Canvases that WebGPU draws, on the software adapter.

use pagereel::job::CaptureMode;

use crate::pages::pixel;
use crate::workers::{expected, page, reach};

/// `gpu(canvas, options)` gives what draws a number of pixels, in blue, from the left.
const GPU: &str = r#"
const GPU = `async function gpu(canvas, { format = "bgra8unorm", alphaMode = "opaque", background = [1, 1, 1, 1] } = {}) {
  const device = await (await navigator.gpu.requestAdapter()).requestDevice();
  const context = canvas.getContext("webgpu");
  context.configure({ device, format, alphaMode });
  const code = "@group(0) @binding(0) var<uniform> share: vec4f; @vertex fn v(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { let x = f32(i & 1u); let y = f32(i >> 1u); return vec4f(2.0 * x * share.x - 1.0, 2.0 * y - 1.0, 0.0, 1.0); } @fragment fn f() -> @location(0) vec4f { return vec4f(0.0, 0.0, 0.8, 1.0); }";
  const module = device.createShaderModule({ code });
  const pipeline = device.createRenderPipeline({ layout: "auto", vertex: { module }, fragment: { module, targets: [{ format }] }, primitive: { topology: "triangle-strip" } });
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
  return (pixels) => {
    device.queue.writeBuffer(buffer, 0, new Float32Array([pixels / canvas.width, 0, 0, 0]));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass({ colorAttachments: [{ view: context.getCurrentTexture().createView(), loadOp: "clear", clearValue: background, storeOp: "store" }] });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.draw(4);
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
}`;
eval(GPU);
const rounded = (t) => Math.round(t / 10);
"#;

#[test]
fn webgpu_draws_in_every_way_of_capture() {
    let script = r"
        const plain = place(0), deep = place(1), clear = place(2), given = place(3);
        gpu(plain).then((draw) => {
          frame((t) => draw(rounded(t)));
          const is = [plain.getContext('2d'), plain.getContext('webgpu').canvas === plain].join();
          if (is !== ',true') bar(5, 100);
        });
        gpu(deep, { format: 'rgba16float' }).then((draw) => frame((t) => draw(rounded(t))));
        // Half of a red that is there by half.
        gpu(clear, { format: 'rgba8unorm', alphaMode: 'premultiplied', background: [.25, 0, 0, .5] }).then((draw) => frame((t) => draw(rounded(t))));
        const w = worker(GPU + '; let draw; onmessage = async ({ data }) => { if (data.canvas) draw = await gpu(data.canvas); else draw(data.x) }');
        hand(given, w);
        frame((t) => w.postMessage({ x: rounded(t) }));
        // Copied: one that is waited for is of its frame.
        const source = document.createElement('canvas'), copied = place(4).getContext('bitmaprenderer');
        [source.width, source.height] = [300, 10];
        gpu(source).then((draw) => frame(async (t) => {
          draw(rounded(t));
          copied.transferFromImageBitmap(await createImageBitmap(source));
        }));";
    let frames = page(0.5, &format!("{GPU}{script}")).same_frames();
    for (n, picture) in (0..).zip(&frames) {
        for row in [0, 1, 3, 4] {
            assert_eq!(reach(picture, row), expected(n), "row {row} of frame {n}");
            assert_eq!(pixel(picture, 250, 10 * row + 5), [255; 3], "row {row} of frame {n}");
        }
        // Half white shows through: 0.25 + 0.5 and 0.5.
        for (got, right) in pixel(picture, 250, 25).into_iter().zip([191_u8, 128, 128]) {
            assert!(got.abs_diff(right) <= 2, "{got} for {right}");
        }
        assert_eq!(reach(picture, 5), None);
    }
    assert_eq!(pixel(&frames[14], 20, 25), [0, 0, 204]);
}

#[test]
fn what_webgpu_cannot_give_is_told() {
    let script = "navigator.gpu.requestAdapter({ featureLevel: 'none' }).catch(() => {}); \
                  gpu(place(0)).then(() => place(1).getContext('2d').drawImage(document.querySelector('canvas'), 0, 0))";
    let page = page(0.1, &format!("{GPU}{script}"));
    let (report, _) = page.render(CaptureMode::BeginFrame, 1);
    let codes: Vec<_> = report.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["webgpu_unavailable", "webgpu_copied"]);
}
