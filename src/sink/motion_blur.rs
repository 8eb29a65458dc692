//! Motion blur: several moments of a frame, averaged in light as a shutter does it.
//!
//! The shutter is open for the whole frame. Code values are sRGB (IEC 61966-2-1); transparent
//! pixels have no color to give.

use std::sync::Arc;

use rayon::prelude::*;

use crate::error::Result;
use crate::frame::{Frame, Picture, PixelFormat};
use crate::pipeline::{Artifact, FrameSink};
use crate::time::FrameIndex;

/// Steps from black to white in the table from light to code values.
const STEPS: usize = 1 << 14;

/// Pixels that one task averages.
const PIXELS_PER_TASK: usize = 1 << 14;

/// Averages a number of frames into one for another sink.
pub(crate) struct MotionBlur<'s> {
    sink: &'s mut dyn FrameSink,
    samples: usize,
    taken: Vec<Arc<Picture>>,
    written: u64,
    curve: Curve,
}

/// Tables from code values to light, and back.
struct Curve {
    light: Vec<f32>,
    codes: Vec<u8>,
}

impl<'s> MotionBlur<'s> {
    /// Creates a sink for `samples` pictures per frame, at least 1.
    pub(crate) fn new(sink: &'s mut dyn FrameSink, samples: u32) -> Self {
        let light = (0..=255_u8).map(|code| linear_of_srgb(f32::from(code) / 255.0)).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let code = |step: usize| (srgb_of_linear(step as f32 / STEPS as f32) * 255.0).round() as u8;
        let codes = (0..=STEPS).map(code).collect();
        let samples = samples.max(1) as usize;
        let curve = Curve { light, codes };
        Self { sink, samples, taken: Vec::with_capacity(samples), written: 0, curve }
    }
}

impl Curve {
    /// The average light of these pictures, of which there is at least one.
    fn average(&self, taken: &[Arc<Picture>]) -> Arc<Picture> {
        let first = &taken[0];
        if taken.iter().all(|picture| Arc::ptr_eq(picture, first)) {
            return Arc::clone(first);
        }
        let bytes = first.format.bytes_per_pixel();
        let mut data = vec![0; first.data.len()];
        let tasks = data.par_chunks_mut(PIXELS_PER_TASK * bytes).enumerate();
        tasks.for_each(|(task, target)| {
            let start = task * PIXELS_PER_TASK * bytes;
            let mut sums = vec![[0.0_f32; 4]; target.len() / bytes];
            for picture in taken {
                let pixels = picture.data[start..start + target.len()].chunks_exact(bytes);
                for (sum, pixel) in sums.iter_mut().zip(pixels) {
                    let alpha = if first.format == PixelFormat::Rgba8 {
                        f32::from(pixel[3])
                    } else {
                        255.0
                    };
                    for (sum, &code) in sum.iter_mut().zip(&pixel[..3]) {
                        *sum += alpha * self.light[usize::from(code)];
                    }
                    sum[3] += alpha;
                }
            }
            for (pixel, sum) in target.chunks_exact_mut(bytes).zip(&sums) {
                let shown = sum[3].max(1.0);
                for (code, sum) in pixel.iter_mut().zip(&sum[..3]) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "light of 0 to 1"
                    )]
                    let step = (sum / shown * STEPS as f32).round() as usize;
                    *code = self.codes[step.min(STEPS)];
                }
                if bytes == 4 {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "a mean of bytes"
                    )]
                    let alpha = (sum[3] / taken.len() as f32).round() as u8;
                    pixel[3] = alpha;
                }
            }
        });
        Arc::new(Picture { size: first.size, format: first.format, data })
    }
}

impl FrameSink for MotionBlur<'_> {
    fn write(&mut self, frame: Frame) -> Result<()> {
        if self.samples == 1 {
            return self.sink.write(frame);
        }
        self.taken.push(frame.picture);
        if self.taken.len() < self.samples {
            return Ok(());
        }
        let picture = self.curve.average(&self.taken);
        self.taken.clear();
        let index = FrameIndex(self.written);
        self.written += 1;
        self.sink.write(Frame { index, picture })
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        unreachable!("the engine finishes the sink that this one borrows")
    }
}

/// Light from 0 to 1 of a code of sRGB from 0 to 1.
pub(super) fn linear_of_srgb(code: f32) -> f32 {
    if code <= 0.040_45 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) }
}

fn srgb_of_linear(light: f32) -> f32 {
    if light <= 0.003_130_8 {
        12.92 * light
    } else {
        1.055f32.mul_add(light.powf(1.0 / 2.4), -0.055)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    struct Keep(Vec<Arc<Picture>>);

    impl FrameSink for Keep {
        fn write(&mut self, frame: Frame) -> Result<()> {
            assert_eq!(frame.index.0, self.0.len() as u64);
            self.0.push(frame.picture);
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<Artifact> {
            Ok(Artifact::default())
        }
    }

    fn pixel(format: PixelFormat, data: &[u8]) -> Arc<Picture> {
        Arc::new(Picture { size: Size { width: 1, height: 1 }, format, data: data.to_vec() })
    }

    fn average(pictures: &[Arc<Picture>]) -> Vec<Arc<Picture>> {
        let mut keep = Keep(Vec::new());
        let mut shutter = MotionBlur::new(&mut keep, 2);
        for (index, picture) in (0..).map(FrameIndex).zip(pictures) {
            shutter.write(Frame { index, picture: Arc::clone(picture) }).unwrap();
        }
        keep.0
    }

    #[test]
    fn light_is_averaged_and_not_code_values() {
        let (black, white) =
            (pixel(PixelFormat::Rgb8, &[0; 3]), pixel(PixelFormat::Rgb8, &[255; 3]));
        let out = average(&[
            Arc::clone(&black),
            Arc::clone(&white),
            Arc::clone(&white),
            Arc::clone(&white),
        ]);
        // Half of the light is code 188, not 128.
        assert_eq!(out[0].data, [188; 3]);
        assert!(Arc::ptr_eq(&out[1], &white), "what stands still stays the same picture");
    }

    #[test]
    fn every_code_value_survives() {
        for code in 0..=255 {
            let (a, b) =
                (pixel(PixelFormat::Rgb8, &[code; 3]), pixel(PixelFormat::Rgb8, &[code; 3]));
            assert_eq!(average(&[a, b])[0].data, [code; 3]);
        }
    }

    #[test]
    fn what_is_transparent_gives_no_color() {
        let (red, nothing) = (
            pixel(PixelFormat::Rgba8, &[255, 0, 0, 255]),
            pixel(PixelFormat::Rgba8, &[0, 0, 0, 0]),
        );
        assert_eq!(average(&[red, nothing])[0].data, [255, 0, 0, 128]);
    }
}
