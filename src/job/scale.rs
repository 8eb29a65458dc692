//! Device pixels per CSS pixel, and the size of pictures by it.

use super::JobError;
use crate::frame::Size;

/// Largest side of a picture, in pixels.
const MAX_SIDE: u32 = 16_384;

/// The scales that a job may ask for.
pub(super) const RANGE: std::ops::RangeInclusive<f64> = 0.5..=4.0;

/// The tolerance of a side from a whole number: scales such as 4/3 are written with few digits.
const TOLERANCE: f64 = 1e-3;

/// The size of pictures of a page with a layout of `size` CSS pixels.
pub(crate) fn picture_size(size: Size, scale: f64) -> Result<Size, JobError> {
    let refused =
        |expected| JobError::BadValue { path: "scale".into(), found: scale.to_string(), expected };
    let largest = f64::from(MAX_SIDE) / f64::from(size.width.max(size.height));
    if scale > largest {
        let expected = format!("at most {largest} for {size}: {MAX_SIDE} pixels a side");
        return Err(refused(expected));
    }
    let is_whole = |side: u32| {
        let side = f64::from(side) * scale;
        (side - side.round()).abs() < TOLERANCE && side.round() >= 1.0
    };
    if is_whole(size.width) && is_whole(size.height) {
        return Ok(size.scaled(scale));
    }
    // Both sides are whole at as many steps from one whole scale to the next.
    let steps = f64::from(divisor(size.width, size.height));
    let (least, most) = ((RANGE.start() * steps).ceil(), (largest * steps).floor());
    let nearest = (scale * steps).round().min(most).max(least) / steps;
    Err(refused(format!("such that both sides of {size} come out whole, such as {nearest}")))
}

/// The greatest common divisor.
const fn divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(width: u32, height: u32, scale: f64) -> Result<(u32, u32), String> {
        let size = picture_size(Size { width, height }, scale).map_err(|e| e.to_string())?;
        Ok((size.width, size.height))
    }

    #[test]
    fn sizes_come_out_whole_or_are_refused() {
        assert_eq!(of(1920, 1080, 1.0), Ok((1920, 1080)));
        assert_eq!(of(1280, 720, 1.5), Ok((1920, 1080)));
        assert_eq!(of(1920, 1080, 1.333_333_3), Ok((2560, 1440)));
        assert_eq!(of(4096, 4096, 4.0), Ok((16_384, 16_384)));
        for (width, height, scale, told) in [
            (1281, 720, 0.5, "both sides of 1281x720 come out whole, such as 0.6666666666666666"),
            (
                1920,
                1080,
                1.33,
                "both sides of 1920x1080 come out whole, such as 1.3333333333333333",
            ),
            (101, 103, 1.5, "both sides of 101x103 come out whole, such as 2"),
            (1, 1, 0.5, "both sides of 1x1 come out whole, such as 1"),
            (8192, 1000, 2.5, "must be at most 2 for 8192x1000: 16384 pixels a side, found 2.5"),
        ] {
            let message = of(width, height, scale).unwrap_err();
            assert!(message.contains(told), "{message}");
        }
    }

    #[test]
    fn the_scale_that_is_named_does() {
        for (width, height) in [(1281, 721), (1920, 1080), (640, 361), (7, 11), (1080, 1350)] {
            for scale in [0.5, 0.7, 0.999, 1.01, 1.6, 2.2, 3.3] {
                let Err(message) = of(width, height, scale) else { continue };
                let named = message.split("such as ").nth(1).unwrap().split(',').next().unwrap();
                let named: f64 = named.parse().unwrap();
                assert!(RANGE.contains(&named), "{message}");
                assert!(of(width, height, named).is_ok(), "{message}");
            }
        }
    }
}
