//! The place of a picture in the frame, and its light at each pixel.

use std::borrow::Cow;

use rayon::prelude::*;

use super::Rgb;
use super::light::LightPicture;
use crate::av::Orientation;
use crate::page::NativeLayer;

/// The tolerance for a side to count as on whole pixels, or as of its own length.
const EXACT: f64 = 1e-3;

/// The place of a picture, as a map from places in the frame to places in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placement {
    /// (x, y, 1) of the frame to (u·w, v·w, w), where (0, 0) and (1, 1) are corners of the picture.
    inverse: [[f64; 3]; 3],
}

impl Placement {
    /// The place of a layer's picture on the page; `None` if it has none: it is seen from its edge,
    /// or extends behind the viewer.
    pub(super) fn of(layer: &NativeLayer, way: Orientation) -> Option<Self> {
        let snapped = snapped(layer);
        let (quad, [left, top, width, height]) = match snapped {
            Some([x, y, width, height]) => {
                let (right, bottom) = (x + width, y + height);
                ([[x, y], [right, y], [right, bottom], [x, bottom]], [0.0, 0.0, 1.0, 1.0])
            }
            None => (layer.quad, layer.picture),
        };
        let turns = quad_turns(&quad)?;
        let unit = inverted(&square_to_quad(&quad))?;
        // From the box to the picture in it.
        let fit = [
            [1.0 / width, 0.0, -left / width],
            [0.0, 1.0 / height, -top / height],
            [0.0, 0.0, 1.0],
        ];
        // Sideways pictures are turned upright by the player; this turns places back.
        let turn = match way.quarter_turns % 4 {
            0 => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            1 => [[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
            2 => [[-1.0, 0.0, 1.0], [0.0, -1.0, 1.0], [0.0, 0.0, 1.0]],
            _ => [[0.0, -1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        };
        let mut inverse = product(&turn, &product(&fit, &unit));
        if way.is_mirrored {
            let mirror = [[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
            inverse = product(&mirror, &inverse);
        }
        let all = inverse.iter().flatten().all(|n| n.is_finite());
        (all && turns != 0).then_some(Self { inverse })
    }

    /// The place in the picture that is shown at a place in the frame.
    fn at(&self, x: f64, y: f64) -> [f64; 2] {
        let [u, v, w] = self.inverse.map(|row| row[0].mul_add(x, row[1].mul_add(y, row[2])));
        [u / w, v / w]
    }

    /// The widths and heights of the picture that one pixel spans at a place, along its steepest
    /// direction.
    fn steepness(&self, x: f64, y: f64) -> [f64; 2] {
        const STEP: f64 = 0.5;
        let across = [self.at(x - STEP, y), self.at(x + STEP, y)];
        let down = [self.at(x, y - STEP), self.at(x, y + STEP)];
        [0, 1].map(|i| (across[1][i] - across[0][i]).hypot(down[1][i] - down[0][i]))
    }
}

/// The rectangle of a picture in whole pixels, if the page shows it without scale or turn: Chrome
/// draws it there.
fn snapped(layer: &NativeLayer) -> Option<[f64; 4]> {
    let [a, b, c, d] = layer.quad;
    let [width, height] = layer.content;
    let is_near = |one: f64, other: f64| (one - other).abs() < EXACT;
    let is_plain = is_near(a[1], b[1])
        && is_near(b[0], c[0])
        && is_near(c[1], d[1])
        && is_near(d[0], a[0])
        && is_near(b[0] - a[0], width)
        && is_near(d[1] - a[1], height);
    let [left, top, part_x, part_y] = layer.picture;
    let (x, y) = (a[0] + left * width, a[1] + top * height);
    let (right, bottom) = ((x + part_x * width).round(), (y + part_y * height).round());
    let (x, y) = (x.round(), y.round());
    (is_plain && right > x && bottom > y).then_some([x, y, right - x, bottom - y])
}

/// 1 or -1 for a convex quadrilateral, by its sense of rotation. `None` for others.
fn quad_turns(quad: &[[f64; 2]; 4]) -> Option<i32> {
    let corner = |i: usize| quad[i % 4];
    let mut signs = (0..4).map(|i| {
        let ([ax, ay], [bx, by], [cx, cy]) = (corner(i), corner(i + 1), corner(i + 2));
        let cross = (bx - ax) * (cy - by) - (by - ay) * (cx - bx);
        if cross.abs() < 1e-6 {
            0
        } else if cross > 0.0 {
            1
        } else {
            -1
        }
    });
    let first = signs.next()?;
    (first != 0 && signs.all(|sign| sign == first)).then_some(first)
}

/// The map from the unit square to a quadrilateral, from its upper left corner clockwise.
fn square_to_quad(&[[x0, y0], [x1, y1], [x2, y2], [x3, y3]]: &[[f64; 2]; 4]) -> [[f64; 3]; 3] {
    // Heckbert, Fundamentals of Texture Mapping and Image Warping, section 2.2.3.
    let (dx1, dx2, sx) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
    let (dy1, dy2, sy) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
    let area = dx1 * dy2 - dx2 * dy1;
    let g = (sx * dy2 - dx2 * sy) / area;
    let h = (dx1 * sy - sx * dy1) / area;
    [
        [x1 - x0 + g * x1, x3 - x0 + h * x3, x0],
        [y1 - y0 + g * y1, y3 - y0 + h * y3, y0],
        [g, h, 1.0],
    ]
}

fn product(a: &[[f64; 3]; 3], b: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    a.map(|row| [0, 1, 2].map(|j| (0..3).map(|k| row[k] * b[k][j]).sum()))
}

fn inverted(m: &[[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let minor = |r: usize, c: usize| {
        let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    let is_flat = !determinant.is_normal();
    (!is_flat).then(|| [0, 1, 2].map(|c| [0, 1, 2].map(|r| minor(r, c) / determinant)))
}

/// A picture at its place, ready to be sampled.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    picture: Cow<'a, LightPicture>,
    /// From the frame to pixels of the picture, whose centers are at halves.
    inverse: [[f64; 3]; 3],
    /// The shift in columns and rows from the frame to the picture; `None` for other maps.
    shift: Option<(isize, isize)>,
}

impl<'a> Placed<'a> {
    /// The shift in columns and rows from the frame to a picture of a size; `None` for other maps.
    pub(super) fn shift(
        (width, height): (usize, usize),
        placement: &Placement,
    ) -> Option<(isize, isize)> {
        let scale = [[width as f64, 0.0, 0.0], [0.0, height as f64, 0.0], [0.0, 0.0, 1.0]];
        whole_shift(&product(&scale, &placement.inverse))
    }

    /// Places a picture. Where many of its pixels share one of the frame, they are averaged first.
    pub(super) fn new(picture: &'a LightPicture, placement: &Placement, middle: [f64; 2]) -> Self {
        let steep = placement.steepness(middle[0], middle[1]);
        let side = |pixels: usize, steep: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            if steep.is_finite() && steep * pixels as f64 > 1.0 + EXACT {
                ((1.0 / steep).ceil() as usize).clamp(1, pixels)
            } else {
                pixels
            }
        };
        let (width, height) = (side(picture.width, steep[0]), side(picture.height, steep[1]));
        let picture = if (width, height) == (picture.width, picture.height) {
            Cow::Borrowed(picture)
        } else {
            Cow::Owned(shrunk(picture, width, height))
        };
        let scale = [[width as f64, 0.0, 0.0], [0.0, height as f64, 0.0], [0.0, 0.0, 1.0]];
        let inverse = product(&scale, &placement.inverse);
        Self { shift: whole_shift(&inverse), picture, inverse }
    }

    /// Samples a row of the frame from column `from` on. Beyond its edges the picture continues
    /// with its edge pixels.
    pub(super) fn sample(&self, y: usize, from: usize, out: &mut [Rgb]) {
        if let Some((across, down)) = self.shift {
            let inside = |at: usize, shift: isize, count: usize| {
                at.saturating_add_signed(shift).min(count - 1)
            };
            let row = self.picture.row(inside(y, down, self.picture.height));
            for (x, pixel) in (from..).zip(out) {
                *pixel = row[inside(x, across, self.picture.width)];
            }
            return;
        }
        let start = [from as f64 + 0.5, y as f64 + 0.5];
        let at = self.inverse.map(|row| row[0] * start[0] + row[1] * start[1] + row[2]);
        let step = self.inverse.map(|row| row[0]);
        for (n, pixel) in out.iter_mut().enumerate() {
            let [u, v, w] = [0, 1, 2].map(|i| at[i] + step[i] * n as f64);
            *pixel = self.between(u / w, v / w);
        }
    }

    /// The light at a place of the picture, between the centers of the four pixels around it.
    fn between(&self, u: f64, v: f64) -> Rgb {
        let (width, height) = (self.picture.width, self.picture.height);
        let (left, right, across) = neighbors(u, width);
        let (upper, lower, down) = neighbors(v, height);
        let mix = |a: f32, b: f32, part: f32| a + part * (b - a);
        let (above, below) = (self.picture.row(upper), self.picture.row(lower));
        [0, 1, 2].map(|c| {
            let top = mix(above[left][c], above[right][c], across);
            mix(top, mix(below[left][c], below[right][c], across), down)
        })
    }
}

/// The pixels around a place, and the share of the second.
fn neighbors(place: f64, count: usize) -> (usize, usize, f32) {
    let place = (place - 0.5).clamp(0.0, (count - 1) as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let first = place as usize;
    (first, (first + 1).min(count - 1), super::narrowed(place - first as f64))
}

/// The shift by whole pixels that a map is, if it is no more.
fn whole_shift(map: &[[f64; 3]; 3]) -> Option<(isize, isize)> {
    let [[xx, xy, x], [yx, yy, y], [wx, wy, w]] = *map;
    // Over the width of a frame, this is less than a tenth of a pixel.
    let is_near = |a: f64, b: f64| (a - b).abs() < 1e-5;
    let is_plain = is_near(xx / w, 1.0)
        && is_near(yy / w, 1.0)
        && [xy, yx].iter().all(|n| is_near(n / w, 0.0))
        && [wx, wy].iter().all(|n| (n / w).abs() < 1e-9);
    let whole = |n: f64| (n - n.round()).abs() < EXACT && n.abs() < 1e6;
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    let shift = |n: f64| n.round() as isize;
    (is_plain && whole(x / w) && whole(y / w)).then(|| (shift(x / w), shift(y / w)))
}

/// A picture of fewer pixels, each the average of the light that falls on it.
fn shrunk(picture: &LightPicture, width: usize, height: usize) -> LightPicture {
    let columns = shares(picture.width, width);
    let rows = shares(picture.height, height);
    let mut pixels = vec![[0.0; 3]; width * height];
    pixels.par_chunks_exact_mut(width).zip(&rows).for_each_init(
        || vec![[0.0_f32; 3]; picture.width],
        |sum, (out, (first, weights))| {
            sum.fill([0.0; 3]);
            for (y, &weight) in (*first..).zip(weights) {
                for (sum, pixel) in sum.iter_mut().zip(picture.row(y)) {
                    *sum = [0, 1, 2].map(|c| sum[c] + weight * pixel[c]);
                }
            }
            for (pixel, (first, weights)) in out.iter_mut().zip(&columns) {
                let part = sum[*first..].iter().zip(weights);
                *pixel = part.fold([0.0; 3], |total, (light, &weight)| {
                    [0, 1, 2].map(|c| total[c] + weight * light[c])
                });
            }
        },
    );
    LightPicture { width, height, pixels }
}

/// For each of `to` pixels, the first of the `from` pixels under it, and its share of each.
fn shares(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let ratio = from as f64 / to as f64;
    let share = |pixel: usize| {
        let (start, end) = (pixel as f64 * ratio, (pixel + 1) as f64 * ratio);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
        let (first, last) = (start as usize, ((end - 1e-9).ceil() as usize).min(from));
        let overlap = |n: usize| end.min((n + 1) as f64) - start.max(n as f64);
        let weights = (first..last).map(|n| super::narrowed(overlap(n) / ratio));
        (first, weights.collect())
    };
    (0..to).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layer(quad: [[f64; 2]; 4], content: [f64; 2], picture: [f64; 4]) -> NativeLayer {
        NativeLayer { content, picture, quad, ..NativeLayer::default() }
    }

    fn rectangle(x: f64, y: f64, width: f64, height: f64) -> [[f64; 2]; 4] {
        [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    }

    /// Each pixel has its column, its row, and one.
    fn ramp(width: usize, height: usize) -> LightPicture {
        let pixel = |i| [(i % width) as f32, (i / width) as f32, 1.0];
        LightPicture { width, height, pixels: (0..width * height).map(pixel).collect() }
    }

    #[test]
    fn a_picture_in_its_own_size_is_not_touched() {
        let picture = ramp(8, 4);
        let layer = layer(rectangle(3.0, 2.0, 8.0, 4.0), [8.0, 4.0], [0.0, 0.0, 1.0, 1.0]);
        let placement = Placement::of(&layer, Orientation::default()).unwrap();
        let placed = Placed::new(&picture, &placement, [7.0, 4.0]);
        assert_eq!(placed.shift, Some((-3, -2)));
        let mut row = [[0.0; 3]; 12];
        placed.sample(3, 1, &mut row);
        let columns: Vec<f32> = row.iter().map(|pixel| pixel[0]).collect();
        assert_eq!(columns, [0., 0., 0., 1., 2., 3., 4., 5., 6., 7., 7., 7.]);
        assert!(row.iter().all(|pixel| (pixel[1] - 1.0).abs() < 1e-9));
    }

    #[test]
    fn fit_place_and_turns() {
        // A picture in the right half of its box.
        let right = layer(rectangle(0.0, 0.0, 20.0, 10.0), [20.0, 10.0], [0.5, 0.0, 0.5, 1.0]);
        let shows = |is_mirrored, quarter_turns, x, y, [u, v]: [f64; 2]| {
            let way = Orientation { is_mirrored, quarter_turns };
            let [to_u, to_v] = Placement::of(&right, way).unwrap().at(x, y);
            assert!((to_u - u).hypot(to_v - v) < 1e-12, "{way:?}: {to_u} {to_v}");
        };
        let is_at = |turns, x, y, place| shows(false, turns, x, y, place);
        is_at(0, 10.0, 0.0, [0.0, 0.0]);
        is_at(0, 20.0, 10.0, [1.0, 1.0]);
        // Turned clockwise, its lower left corner comes to the upper left.
        is_at(1, 10.0, 0.0, [0.0, 1.0]);
        is_at(1, 20.0, 0.0, [0.0, 0.0]);
        is_at(2, 10.0, 0.0, [1.0, 1.0]);
        is_at(3, 10.0, 0.0, [1.0, 0.0]);
        // Mirrored before it is turned.
        shows(true, 0, 10.0, 0.0, [1.0, 0.0]);
        shows(true, 2, 10.0, 0.0, [0.0, 1.0]);
        shows(true, 3, 10.0, 0.0, [0.0, 0.0]);
        shows(true, 3, 20.0, 0.0, [0.0, 1.0]);
        shows(true, 1, 10.0, 0.0, [1.0, 1.0]);
    }

    #[test]
    fn what_cannot_be_placed() {
        let edge_on = [[0.0, 0.0], [9.0, 0.0], [9.0, 0.0], [0.0, 0.0]];
        let crossed = [[0.0, 0.0], [9.0, 9.0], [9.0, 0.0], [0.0, 9.0]];
        for quad in [edge_on, crossed] {
            let layer = layer(quad, [9.0, 9.0], [0.0, 0.0, 1.0, 1.0]);
            assert_eq!(Placement::of(&layer, Orientation::default()), None);
        }
    }

    #[test]
    fn shrinking_averages() {
        let picture = ramp(9, 6);
        let small = shrunk(&picture, 3, 2);
        assert!((small.row(0)[0][0] - 1.0).abs() < 1e-5 && (small.row(1)[2][1] - 4.0).abs() < 1e-5);
        let odd = shrunk(&picture, 4, 5);
        let mean = |p: &LightPicture, c: usize| {
            p.pixels.iter().map(|pixel| pixel[c]).sum::<f32>() / p.pixels.len() as f32
        };
        for c in 0..3 {
            assert!((mean(&odd, c) - mean(&picture, c)).abs() < 1e-4);
        }
    }

    proptest! {
        /// Checks that corners go to corners, and that the picture between them follows the plain
        /// formula.
        #[test]
        fn corners_meet(
            jitter in prop::array::uniform8(-20.0_f64..20.0),
            turns in 0_u8..4,
        ) {
            let mut quad = rectangle(30.0, 40.0, 120.0, 90.0);
            for (i, corner) in quad.iter_mut().flatten().enumerate() {
                *corner += jitter[i];
            }
            let layer = layer(quad, [60.0, 50.0], [0.0, 0.0, 1.0, 1.0]);
            let way = Orientation { is_mirrored: false, quarter_turns: turns };
            let placement = Placement::of(&layer, way).unwrap();
            let corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
            for (i, [x, y]) in quad.into_iter().enumerate() {
                let [u, v] = placement.at(x, y);
                let [to_u, to_v] = corners[(i + 4 - usize::from(turns)) % 4];
                prop_assert!((u - to_u).abs() < 1e-9 && (v - to_v).abs() < 1e-9);
            }
            // The plain twin: each pixel by itself, from a ramp that bilinear weights reproduce.
            let picture = ramp(24, 18);
            let placed = Placed::new(&picture, &placement, [90.0, 85.0]);
            let mut row = [[0.0; 3]; 40];
            placed.sample(80, 70, &mut row);
            for (n, pixel) in row.iter().enumerate() {
                let [u, v] = placement.at(70.5 + n as f64, 80.5);
                let x = (u * 24.0 - 0.5).clamp(0.0, 23.0);
                let y = (v * 18.0 - 0.5).clamp(0.0, 17.0);
                prop_assert!((f64::from(pixel[0]) - x).abs() < 1e-3, "{pixel:?} {x}");
                prop_assert!((f64::from(pixel[1]) - y).abs() < 1e-3, "{pixel:?} {y}");
            }
        }
    }
}
