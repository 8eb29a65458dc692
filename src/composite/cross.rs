//! Frames in which one scene of the page becomes another.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rayon::prelude::*;

use super::blend::{FrameLight, Layer, light_of_page};
use super::curve::Curve;
use super::{WHITE_NITS, narrowed, times};
use crate::color::codes::LightCodes;
use crate::color::transfer::{BT2020_FROM_BT709, linear_of_srgb, srgb_of_linear};
use crate::frame::{Picture, PixelFormat, Size};
use crate::transition::{
    Accent, Codes, Fields, Light, Scene, Shader, Transition, blend_row, code_of_light,
};

/// From linear components to sRGB codes that count to 255.
static SRGB_CODE: LazyLock<Curve> =
    LazyLock::new(|| Curve::new(|linear| srgb_of_linear(linear.min(1.0)) * 255.0));

/// Linear components of the page's codes, where its white is 1.
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    let mut table = [0.0; 256];
    for (code, linear) in table.iter_mut().enumerate() {
        *linear = narrowed(linear_of_srgb(code as f64 / 255.0));
    }
    table
});

/// The transitions of a render.
#[derive(Debug)]
pub(crate) struct Crossings {
    all: Arc<[Transition]>,
    /// Noise, for the size of the frames.
    fields: Mutex<HashMap<Shader, Arc<Fields>>>,
}

impl Crossings {
    pub(crate) fn new(all: Arc<[Transition]>) -> Self {
        Self { all, fields: Mutex::default() }
    }

    fn fields(&self, shader: Shader, scene: &Scene) -> Arc<Fields> {
        let mut fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(Fields::new(shader, scene.width(), scene.height()));
        Arc::clone(fields.entry(shader).or_insert_with(made))
    }

    /// The frame in which transition `number` has the given `progress`.
    pub(super) fn cross(
        &self,
        number: usize,
        progress: f64,
        scenes: [&Scene; 2],
        target: &Target<'_>,
    ) -> (Picture, FrameLight) {
        let transition = &self.all[number];
        let fields = self.fields(transition.shader, scenes[0]);
        let accent = target.accent(transition.accent);
        let (width, height) = (scenes[0].width(), scenes[0].height());
        let format = target.format();
        let stride = width * format.bytes_per_pixel();
        let mut data = vec![0; stride * height];
        let measured: Vec<(f32, f64)> = data
            .par_chunks_exact_mut(stride)
            .enumerate()
            .map_init(
                || vec![[0.0; 4]; width],
                |light, (y, row)| {
                    let progress = narrowed(progress);
                    blend_row(transition.shader, scenes, progress, &accent, &fields, y, light);
                    target.write(light, row)
                },
            )
            .collect();
        let brightest = measured.iter().map(|&(brightest, _)| brightest).fold(0.0, f32::max);
        let total: f64 = measured.iter().map(|&(_, total)| total).sum();
        let average = narrowed(total / (width * height) as f64);
        let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let size = Size { width: side(width), height: side(height) };
        (Picture { size, format, data }, FrameLight { brightest, average })
    }
}

/// The output of the scenes' light.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// Codes of HDR.
    Hdr(&'a LightCodes),
    /// sRGB, like the page's own pictures.
    Sdr { has_alpha: bool },
}

impl Target<'_> {
    const fn format(&self) -> PixelFormat {
        match self {
            Self::Hdr(_) => PixelFormat::Rgb16,
            Self::Sdr { has_alpha: true } => PixelFormat::Rgba8,
            Self::Sdr { has_alpha: false } => PixelFormat::Rgb8,
        }
    }

    /// The colors of glow, in codes of the light that is mixed.
    fn accent(&self, color: Option<[u8; 3]>) -> Accent {
        let linear = |codes: Codes| codes.map(|c| narrowed(linear_of_srgb(f64::from(c))));
        match self {
            Self::Hdr(_) => Accent::of(color)
                .map(|codes| times(&BT2020_FROM_BT709, linear(codes)).map(code_of_light)),
            Self::Sdr { .. } => Accent::of(color),
        }
    }

    /// Writes a row. Returns its brightest component in nit, and the sum of each pixel's.
    fn write(&self, light: &[Light], row: &mut [u8]) -> (f32, f64) {
        match self {
            Self::Hdr(output) => {
                let (mut brightest, mut total) = (0.0_f32, 0.0_f64);
                for (&[r, g, b, _], to) in light.iter().zip(row.chunks_exact_mut(6)) {
                    let most = narrowed(output.most);
                    let nits = [r, g, b].map(|c| (c * WHITE_NITS).clamp(0.0, most));
                    let pixel = nits.into_iter().fold(0.0, f32::max);
                    brightest = brightest.max(pixel);
                    total += f64::from(pixel);
                    for (to, code) in to.chunks_exact_mut(2).zip(output.codes(nits)) {
                        to.copy_from_slice(&code.to_ne_bytes());
                    }
                }
                (brightest, total)
            }
            Self::Sdr { has_alpha } => {
                let bytes = if *has_alpha { 4 } else { 3 };
                for (&[r, g, b, a], to) in light.iter().zip(row.chunks_exact_mut(bytes)) {
                    let alpha = if *has_alpha { a.clamp(0.0, 1.0) } else { 1.0 };
                    let part = if alpha > 0.0 { 1.0 / alpha } else { 0.0 };
                    for (to, c) in to.iter_mut().zip([r, g, b]) {
                        *to = rounded(SRGB_CODE.at(c * part));
                    }
                    if let Some(to) = to.get_mut(3) {
                        *to = rounded(alpha * 255.0);
                    }
                }
                (0.0, 0.0)
            }
        }
    }

    /// The light of a scene that shows `layers`, whose picture with all of them black is `base`.
    pub(super) fn scene(&self, base: &Picture, layers: &[Layer<'_>]) -> Scene {
        let (width, height) = (base.size.width as usize, base.size.height as usize);
        let mut pixels = vec![[0.0; 4]; width * height];
        match self {
            Self::Hdr(output) => light_of_page(base, layers, output, &mut pixels),
            Self::Sdr { has_alpha } => {
                let format = base.format;
                let rows = pixels.par_chunks_exact_mut(width).enumerate();
                rows.for_each(|(y, row)| {
                    let from = &base.data[y * base.stride()..][..base.stride()];
                    let pixels = from.chunks_exact(format.bytes_per_pixel());
                    for (to, pixel) in row.iter_mut().zip(pixels) {
                        let alpha = match pixel.get(3) {
                            Some(&alpha) if *has_alpha => f32::from(alpha) / 255.0,
                            _ => 1.0,
                        };
                        let [r, g, b] = format.rgb(pixel).map(|c| LINEAR[usize::from(c)] * alpha);
                        *to = [r, g, b, alpha];
                    }
                });
            }
        }
        Scene::new(width, height, pixels)
    }
}

fn rounded(code: f32) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let code = (code + 0.5).clamp(0.0, 255.0) as u8;
    code
}
