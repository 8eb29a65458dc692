//! A picture of one scene, in linear light.

/// Red, green, blue and alpha of a pixel: linear, premultiplied, 1 for the page's white.
pub(crate) type Light = [f32; 4];

/// The light of a scene.
#[derive(Debug)]
pub(crate) struct Scene {
    width: usize,
    height: usize,
    pixels: Vec<Light>,
}

impl Scene {
    /// Creates a scene of pixels in rows from the top; `width * height` of them.
    pub(crate) fn new(width: usize, height: usize, pixels: Vec<Light>) -> Self {
        assert_eq!(pixels.len(), width * height);
        assert!(!pixels.is_empty(), "a scene has an area");
        Self { width, height, pixels }
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    pub(crate) const fn height(&self) -> usize {
        self.height
    }

    /// One row, from the left.
    pub(crate) fn row(&self, y: usize) -> &[Light] {
        &self.pixels[y * self.width..][..self.width]
    }

    /// The light in a row at a place from 0 to 1; beyond the edges, that of the edge.
    pub(super) fn in_row(&self, y: usize, u: f32) -> Light {
        let row = self.row(y);
        let (x0, x1, part) = neighbors(u, self.width);
        mix(row[x0], row[x1], part)
    }

    /// The light at a place, where (0, 0) and (1, 1) are corners; beyond the edges, that of the
    /// edge.
    pub(super) fn at(&self, u: f32, v: f32) -> Light {
        let (x0, x1, part_x) = neighbors(u, self.width);
        let (y0, y1, part_y) = neighbors(v, self.height);
        let (above, below) = (y0 * self.width, y1 * self.width);
        let upper = mix(self.pixels[above + x0], self.pixels[above + x1], part_x);
        let lower = mix(self.pixels[below + x0], self.pixels[below + x1], part_x);
        mix(upper, lower, part_y)
    }
}

/// The pixels on both sides of a place along one axis, and the share of the second.
fn neighbors(place: f32, length: usize) -> (usize, usize, f32) {
    let last = (length - 1) as f32;
    // A value that is not a number counts as 0.
    let at = (-0.5 + place * length as f32).max(0.0).min(last);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let first = at as usize;
    (first, (first + 1).min(length - 1), at - first as f32)
}

/// `a` at part 0, `b` at part 1.
pub(super) fn mix(a: Light, b: Light, part: f32) -> Light {
    [0, 1, 2, 3].map(|c| a[c] + part * (b[c] - a[c]))
}

/// The code of sRGB for a linear component, where white is 1; the curve continues beyond it.
pub(crate) fn code_of_light(light: f32) -> f32 {
    let light = light.max(0.0);
    if light <= 0.003_130_8 { 12.92 * light } else { -0.055 + 1.055 * light.powf(1.0 / 2.4) }
}

/// The linear component for a code of sRGB, likewise.
pub(super) fn light_of_code(code: f32) -> f32 {
    let code = code.max(0.0);
    if code <= 0.040_45 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "pixels are taken over as they are")]
mod tests {
    use super::*;

    #[test]
    fn places_are_middles_of_pixels() {
        let pixel = |i: usize| [i as f32, 0.0, 1.0, 1.0];
        let scene = Scene::new(4, 2, (0..8).map(pixel).collect());
        let red = |u, v| scene.at(u, v)[0];
        assert_eq!([red(0.125, 0.25), red(0.375, 0.25), red(0.875, 0.75)], [0.0, 1.0, 7.0]);
        assert_eq!([red(0.25, 0.25), red(0.125, 0.5)], [0.5, 2.0]);
        assert_eq!([red(-3.0, -1.0), red(9.0, 9.0), red(f32::NAN, 0.0)], [0.0, 7.0, 0.0]);
        assert_eq!(scene.row(1)[2], pixel(6));
    }
}
