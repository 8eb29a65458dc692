//! Planes of 8 bits to RGB at the same size, rounded once.
//!
//! libswscale's own way for this cuts off each product: what it makes is half a level to one and a
//! half too dark. Each chroma sample goes to the pixels that it was made from, which is sharper than
//! interpolation.
//!
//! With the shares Kr and Kb of red and blue in luma (H.273), `y` from 0 to 255 and the differences
//! `cb` and `cr` from -127.5 to 127.5:
//!
//! | component | is |
//! |---|---|
//! | R | `y + 2 (1 - Kr) cr` |
//! | G | `y - 2 Kr (1 - Kr) / Kg cr - 2 Kb (1 - Kb) / Kg cb` |
//! | B | `y + 2 (1 - Kb) cb` |

use multiversion::multiversion;

/// Bits behind the point.
const BITS: u32 = 16;

/// The rows of one plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane<'a> {
    /// As many rows of `stride` bytes as the plane has; of the last at least the columns.
    pub data: &'a [u8],
    pub stride: usize,
}

impl<'a> Plane<'a> {
    fn row(self, y: usize, columns: usize) -> &'a [u8] {
        &self.data[y * self.stride..][..columns]
    }
}

/// A picture of luma, two color differences and perhaps alpha.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planar<'a> {
    pub luma: Plane<'a>,
    pub cb: Plane<'a>,
    pub cr: Plane<'a>,
    pub alpha: Option<Plane<'a>>,
    pub width: usize,
    pub height: usize,
    /// Chroma has a 2ⁿth of the columns, n at most 1, and of the rows.
    pub chroma_shift: (u32, u32),
    pub matrix: Matrix,
}

/// What codes become, in 65,536ths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    black: i32,
    luma: i32,
    red: i32,
    green: [i32; 2],
    blue: i32,
}

impl Matrix {
    /// The matrix with the shares `[Kr, Kb]`.
    pub(super) fn new([red, blue]: [f64; 2], is_full: bool) -> Self {
        let green = 1.0 - red - blue;
        let (black, luma, chroma) =
            if is_full { (0, 1.0, 1.0) } else { (16, 255.0 / 219.0, 255.0 / 224.0) };
        #[expect(clippy::cast_possible_truncation, reason = "factors are below 3")]
        let fixed = |value: f64| (value * f64::from(1 << BITS)).round() as i32;
        let of_red = 2.0 * (1.0 - red) * chroma;
        let of_blue = 2.0 * (1.0 - blue) * chroma;
        Self {
            black,
            luma: fixed(luma),
            red: fixed(of_red),
            green: [fixed(-of_blue * blue / green), fixed(-of_red * red / green)],
            blue: fixed(of_blue),
        }
    }
}

/// What the chroma of one row adds to red, green and blue, for each pixel.
#[derive(Debug, Default)]
struct Chroma([Vec<i32>; 3]);

/// Writes rows of RGB, or RGBA where the picture has alpha and `has_alpha` says so, `stride` bytes
/// from one to the next, the first `lead` bytes of each untouched.
pub(super) fn write(
    picture: &Planar<'_>,
    has_alpha: bool,
    (lead, stride): (usize, usize),
    rows: &mut [u8],
) {
    let Planar { width, height, chroma_shift: (across, down), matrix, .. } = *picture;
    let columns = width.div_ceil(1 << across);
    let mut chroma = Chroma::default();
    let mut planes = [const { Vec::new() }; 3];
    for plane in &mut planes {
        plane.resize(width, 0);
    }
    for (y, row) in rows.chunks_mut(stride).take(height).enumerate() {
        if y & ((1 << down) - 1) == 0 {
            let [cb, cr] = [picture.cb, picture.cr].map(|plane| plane.row(y >> down, columns));
            chroma.fill(cb, cr, &matrix, across == 1);
        }
        let [r, g, b] = &mut planes;
        let [of_r, of_g, of_b] = &chroma.0;
        let luma = picture.luma.row(y, width);
        component(luma, of_r, &matrix, r);
        component(luma, of_g, &matrix, g);
        component(luma, of_b, &matrix, b);
        let pixels = &mut row[lead..];
        match picture.alpha.filter(|_| has_alpha) {
            Some(alpha) => join_with_alpha(r, g, b, alpha.row(y, width), pixels),
            None if has_alpha => join_with_alpha(r, g, b, &vec![u8::MAX; width], pixels),
            None => join(r, g, b, pixels),
        }
    }
}

impl Chroma {
    fn fill(&mut self, cb: &[u8], cr: &[u8], matrix: &Matrix, is_halved: bool) {
        let repeat = if is_halved { 2 } else { 1 };
        let [r, g, b] = &mut self.0;
        for sums in [&mut *r, &mut *g, &mut *b] {
            sums.resize(cb.len() * repeat, 0);
        }
        if is_halved {
            halved(cb, cr, matrix, [r, g, b]);
        } else {
            whole(cb, cr, matrix, [r, g, b]);
        }
    }
}

/// What one pair of color differences adds to red, green and blue.
#[inline]
fn added(cb: u8, cr: u8, matrix: &Matrix) -> [i32; 3] {
    let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
    [matrix.red * cr, matrix.green[0] * cb + matrix.green[1] * cr, matrix.blue * cb]
}

#[multiversion(targets("x86_64+avx2", "x86_64+sse4.1"))]
fn halved(cb: &[u8], cr: &[u8], matrix: &Matrix, [r, g, b]: [&mut [i32]; 3]) {
    let pairs = |row| <[i32]>::as_chunks_mut::<2>(row).0;
    let (r, g, b) = (pairs(r), pairs(g), pairs(b));
    for ((((&cb, &cr), r), g), b) in cb.iter().zip(cr).zip(r).zip(g).zip(b) {
        let added = added(cb, cr, matrix);
        (*r, *g, *b) = ([added[0]; 2], [added[1]; 2], [added[2]; 2]);
    }
}

#[multiversion(targets("x86_64+avx2", "x86_64+sse4.1"))]
fn whole(cb: &[u8], cr: &[u8], matrix: &Matrix, [r, g, b]: [&mut [i32]; 3]) {
    for ((((&cb, &cr), r), g), b) in cb.iter().zip(cr).zip(r).zip(g).zip(b) {
        [*r, *g, *b] = added(cb, cr, matrix);
    }
}

#[expect(clippy::cast_sign_loss, reason = "a clamped code")]
#[multiversion(targets("x86_64+avx2", "x86_64+sse4.1"))]
fn component(luma: &[u8], chroma: &[i32], matrix: &Matrix, codes: &mut [u8]) {
    let half = 1 << (BITS - 1);
    for ((code, &luma), &chroma) in codes.iter_mut().zip(luma).zip(chroma) {
        let sum = (i32::from(luma) - matrix.black) * matrix.luma + chroma + half;
        *code = (sum >> BITS).clamp(0, 255) as u8;
    }
}

#[multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
fn join(r: &[u8], g: &[u8], b: &[u8], pixels: &mut [u8]) {
    let pixels = pixels.as_chunks_mut::<3>().0;
    for (((pixel, &r), &g), &b) in pixels.iter_mut().zip(r).zip(g).zip(b) {
        *pixel = [r, g, b];
    }
}

#[multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
fn join_with_alpha(r: &[u8], g: &[u8], b: &[u8], a: &[u8], pixels: &mut [u8]) {
    let pixels = pixels.as_chunks_mut::<4>().0;
    for ((((pixel, &r), &g), &b), &a) in pixels.iter_mut().zip(r).zip(g).zip(b).zip(a) {
        *pixel = [r, g, b, a];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of this module's head, in floating point.
    fn formula([red, blue]: [f64; 2], is_full: bool, [y, cb, cr]: [u8; 3]) -> [f64; 3] {
        let green = 1.0 - red - blue;
        let (y, cb, cr) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
        let (y, scale) =
            if is_full { (y, 1.0) } else { ((y - 16.0) / 219.0 * 255.0, 255.0 / 224.0) };
        let (cb, cr) = (cb * scale, cr * scale);
        let (r, b) = (y + 2.0 * (1.0 - red) * cr, y + 2.0 * (1.0 - blue) * cb);
        [r, (y - red * r - blue * b) / green, b].map(|code| code.clamp(0.0, 255.0))
    }

    #[test]
    fn each_code_is_the_nearest_one() {
        for shares in [[0.2126, 0.0722], [0.299, 0.114], [0.2627, 0.0593]] {
            for is_full in [false, true] {
                let luma: Vec<u8> = (0..=255).collect();
                for (cb, cr) in [(128, 128), (0, 255), (255, 0), (90, 160), (128, 77), (201, 128)] {
                    let plane = |data| Plane { data, stride: 256 };
                    let (cb_row, cr_row) = ([cb; 128], [cr; 128]);
                    let picture = Planar {
                        luma: plane(&luma),
                        cb: plane(&cb_row),
                        cr: plane(&cr_row),
                        alpha: None,
                        width: 256,
                        height: 1,
                        chroma_shift: (1, 1),
                        matrix: Matrix::new(shares, is_full),
                    };
                    let mut rows = vec![7; 2 + 3 * 256];
                    write(&picture, false, (2, 2 + 3 * 256), &mut rows);
                    assert_eq!(rows[..2], [7, 7], "the lead is left alone");
                    for (&y, pixel) in luma.iter().zip(rows[2..].as_chunks::<3>().0) {
                        let wanted = formula(shares, is_full, [y, cb, cr]);
                        for (&got, wanted) in pixel.iter().zip(wanted) {
                            let off = f64::from(got) - wanted;
                            assert!(off.abs() < 0.51, "{got} for {wanted}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn odd_sizes_and_alpha_are_kept() {
        let (luma, cb, cr, alpha) = ([235; 9], [128; 4], [128; 4], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let picture = Planar {
            luma: Plane { data: &luma, stride: 3 },
            cb: Plane { data: &cb, stride: 2 },
            cr: Plane { data: &cr, stride: 2 },
            alpha: Some(Plane { data: &alpha, stride: 3 }),
            width: 3,
            height: 3,
            chroma_shift: (1, 1),
            matrix: Matrix::new([0.2126, 0.0722], false),
        };
        let mut rows = vec![0; 36];
        write(&picture, true, (0, 12), &mut rows);
        let wanted: Vec<u8> = alpha.iter().flat_map(|&a| [255, 255, 255, a]).collect();
        assert_eq!(rows, wanted);
    }
}
