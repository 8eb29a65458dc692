//! What each transition makes of its two scenes, row by row.
//!
//! Every one shows the first scene alone at progress 0 and the second alone at progress 1, to the
//! bit: beside it stand frames that show them alone.

use std::f32::consts::{PI, TAU};

use super::Shader;
use super::noise::{Field, cloud, hash, ridges};
use super::scene::{Light, Scene, mix, plus};

/// Noise that a transition needs in all of its frames, for one size.
#[derive(Debug)]
pub(crate) struct Fields(Option<Field>);

impl Fields {
    /// What `shader` needs for frames of a size in pixels.
    pub(crate) fn new(shader: Shader, width: usize, height: usize) -> Self {
        // Cells are as wide as high.
        let aspect = width as f32 / height as f32;
        let field = |function: &(dyn Fn(f32, f32) -> [f32; 3] + Sync)| {
            Some(Field::new(width, height, |u, v| function(u * aspect, v)))
        };
        Self(match shader {
            Shader::DomainWarp => field(&|x, y| {
                let (p, q) = (cloud(x * 2.5, y * 2.5, 11), cloud(x * 2.5, y * 2.5, 23));
                let front = cloud(x * 2.0 + p * 3.0, y * 2.0 + q * 3.0, 37);
                [p - 0.5, q - 0.5, spread(front)]
            }),
            Shader::RidgedBurn => field(&|x, y| {
                // Ridges are mostly low: this gives each part of the time its share.
                [spread(0.22 + ridges(x * 2.2, y * 2.2, 41) * 0.9), 0.0, 0.0]
            }),
            Shader::SwirlVortex => field(&|x, y| [cloud(x * 3.0, y * 3.0, 53) - 0.5, 0.0, 0.0]),
            Shader::ThermalDistortion => {
                field(&|x, y| [cloud(x * 5.0, y * 5.0, 61), cloud(x * 2.5, y * 2.5, 67), 0.0])
            }
            Shader::CrossWarpMorph => field(&|x, y| {
                let (p, q) = (cloud(x * 2.0, y * 2.0, 71), cloud(x * 2.0, y * 2.0, 79));
                [p - 0.5, q - 0.5, spread(cloud(x * 3.0, y * 3.0, 83))]
            }),
            _ => None,
        })
    }

    fn at(&self, x: usize, y: usize) -> [f32; 3] {
        self.0.as_ref().map_or([0.0; 3], |field| field.at(x, y))
    }
}

/// Noise gathers about one half; a front that crosses it should take all of the time.
fn spread(noise: f32) -> f32 {
    (0.5 + (noise - 0.5) * 2.0).clamp(0.0, 1.0)
}

/// From 0 to 1 while `x` goes from one edge to the other, without corners.
fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 + 2.0_f32 * -t)
}

/// 1 at 0, falling to 0 at 1 and beyond.
fn bump(x: f32) -> f32 {
    let rest = (1.0 + x * -x).max(0.0);
    rest * rest
}

/// Progress of a front that has a soft edge on both sides, so that it begins and ends outside.
const fn beyond(progress: f32, edge: f32) -> f32 {
    (1.0 + 2.0 * edge) * progress - edge
}

/// The colors of glow: dark, plain and bright.
struct Accent {
    dark: Light,
    plain: Light,
    bright: Light,
}

impl Accent {
    fn new(plain: [f32; 3]) -> Self {
        // Light that is added takes nothing away: its alpha is 0.
        let of = |part: f32, white: f32| {
            let [r, g, b] = plain.map(|c| white + c * part);
            [r, g, b, 0.0]
        };
        Self { dark: of(0.25, 0.0), plain: of(1.0, 0.0), bright: of(1.1, 0.15) }
    }

    /// Dark at 0, plain at one half, bright at 1.
    fn at(&self, heat: f32) -> Light {
        let cool = mix(self.dark, self.plain, (heat * 2.0).min(1.0));
        mix(cool, self.bright, (-1.0 + heat * 2.0).max(0.0))
    }
}

/// White, opaque.
const WHITE: Light = [1.0; 4];

/// One row of a transition that has gone as far as `progress`, from 0 to 1.
///
/// Both scenes have one size. `accent` is linear. Light that is added may go over 1.
pub(crate) fn blend_row(
    shader: Shader,
    [from, to]: [&Scene; 2],
    progress: f32,
    accent: [f32; 3],
    fields: &Fields,
    y: usize,
    row: &mut [Light],
) {
    if progress <= 0.0 || progress >= 1.0 {
        row.copy_from_slice(if progress <= 0.0 { from.row(y) } else { to.row(y) });
        return;
    }
    let v = (y as f32 + 0.5) / from.height() as f32;
    let place = Place {
        width: from.width() as f32,
        aspect: from.width() as f32 / from.height() as f32,
        v,
        y,
        p: progress,
        window: 4.0 * progress * (1.0 - progress),
    };
    let accent = &Accent::new(accent);
    let (a, b) = (from, to);
    let mut each = |pixel: &dyn Fn(f32, usize) -> Light| {
        for (x, to) in row.iter_mut().enumerate() {
            *to = pixel((x as f32 + 0.5) / place.width, x);
        }
    };
    match shader {
        Shader::Crossfade => {
            for (to, (&a, &b)) in row.iter_mut().zip(a.row(y).iter().zip(b.row(y))) {
                *to = mix(a, b, progress);
            }
        }
        Shader::WhipPan => whip_pan(a.row(y), b.row(y), &place, row),
        Shader::DomainWarp => each(&|u, x| domain_warp(a, b, &place, u, fields.at(x, y), accent)),
        Shader::RidgedBurn => each(&|_, x| {
            let ridge = fields.at(x, y)[0];
            ridged_burn(a.row(y)[x], b.row(y)[x], &place, x, ridge, accent)
        }),
        Shader::SdfIris => {
            each(&|u, x| sdf_iris(a.row(y)[x], b.row(y)[x], &place, u, accent));
        }
        Shader::RippleWaves => each(&|u, _| ripple_waves(a, b, &place, u, accent)),
        Shader::GravitationalLens => each(&|u, x| gravitational_lens(a, b.row(y)[x], &place, u)),
        Shader::CinematicZoom => each(&|u, _| cinematic_zoom(a, b, &place, u)),
        Shader::ChromaticSplit => each(&|u, x| {
            let greens = [a.row(y)[x], b.row(y)[x]];
            chromatic_split([a, b], greens, &place, u)
        }),
        Shader::Glitch => {
            let row = GlitchRow::new(&place);
            each(&|u, _| row.pixel(a, b, &place, u));
        }
        Shader::SwirlVortex => each(&|u, x| swirl_vortex(a, b, &place, u, fields.at(x, y)[0])),
        Shader::ThermalDistortion => {
            each(&|u, x| thermal_distortion(a, b, &place, u, fields.at(x, y), accent));
        }
        Shader::FlashThroughWhite => {
            let white = smooth(0.0, 0.5, progress).min(smooth(1.0, 0.5, progress));
            let scene = if progress < 0.5 { a } else { b };
            for (to, &light) in row.iter_mut().zip(scene.row(y)) {
                *to = mix(light, WHITE, white);
            }
        }
        Shader::CrossWarpMorph => {
            each(&|u, x| cross_warp_morph(a, b, &place, u, fields.at(x, y)));
        }
        Shader::LightLeak => {
            each(&|u, x| light_leak(a.row(y)[x], b.row(y)[x], &place, u, accent));
        }
    }
}

/// What the pixels of a row have in common.
struct Place {
    /// In pixels.
    width: f32,
    /// Width in heights.
    aspect: f32,
    /// The row's middle, from 0 to 1.
    v: f32,
    y: usize,
    /// Progress.
    p: f32,
    /// 0 at both ends of the transition, 1 in its middle.
    window: f32,
}

impl Place {
    /// From the middle of the frame, in heights; and how far that is.
    fn to_middle(&self, u: f32) -> (f32, f32, f32) {
        let (x, y) = ((u - 0.5) * self.aspect, self.v - 0.5);
        (x, y, x.hypot(y))
    }

    /// The place in a scene that lies so far from the middle, in heights.
    fn scene_place(&self, x: f32, y: f32) -> (f32, f32) {
        (x / self.aspect + 0.5, y + 0.5)
    }

    /// How far corners are from the middle, in heights.
    fn reach(&self) -> f32 {
        (self.aspect / 2.0).hypot(0.5)
    }
}

fn domain_warp(
    a: &Scene,
    b: &Scene,
    at: &Place,
    u: f32,
    [du, dv, front]: [f32; 3],
    accent: &Accent,
) -> Light {
    const EDGE: f32 = 0.07;
    let gone = beyond(at.p, EDGE);
    let leaving = a.at(u + (du * at.p) * 0.5, at.v + (dv * at.p) * 0.5);
    let rest = at.p - 1.0;
    let coming = b.at(u + (du * rest) * 0.5, at.v + (dv * rest) * 0.5);
    let light = mix(leaving, coming, smooth(front - EDGE, front + EDGE, gone));
    let glow = bump((front - gone) / (2.0 * EDGE)) * at.window;
    plus(light, accent.at(glow), glow)
}

fn ridged_burn(a: Light, b: Light, at: &Place, x: usize, ridge: f32, accent: &Accent) -> Light {
    const EDGE: f32 = 0.025;
    /// How far before the front paper glows.
    const HEAT: f32 = 0.14;
    /// Pixels of a spark.
    const SPARK: f32 = 1.0 / 480.0;
    let gone = beyond(at.p, EDGE);
    let light = mix(a, b, smooth(ridge - EDGE, ridge + EDGE, gone));
    let heat = bump((ridge - gone) / HEAT) * (at.window * 2.0).min(1.0);
    let light = plus(light, accent.at(heat), heat * 1.6);
    let cell = (at.width * SPARK).max(1.0);
    #[expect(clippy::cast_possible_truncation, reason = "pixels of a frame")]
    let [cell_x, cell_y] = [x, at.y].map(|n| (n as f32 / cell) as i32);
    let spark = if heat > 0.0 && hash(cell_x, cell_y, 97) > 0.985 { heat * 3.0 } else { 0.0 };
    plus(light, accent.bright, spark)
}

/// Both scenes lie side by side, and the camera moves from one to the other; the faster, the more it
/// blurs.
fn whip_pan(a: &[Light], b: &[Light], at: &Place, row: &mut [Light]) {
    /// The longest blur, in widths.
    const BLUR: f32 = 0.18;
    let width = row.len();
    let offset = smooth(0.0, 1.0, at.p) * at.width;
    let blur = (BLUR * at.window * at.width).max(1.0);
    // Sums up to each pixel make any blur cost the same.
    let mut sums = Vec::with_capacity(2 * width + 1);
    let mut sum = [0.0_f64; 4];
    sums.push(sum);
    for light in a.iter().chain(b) {
        sum = [0, 1, 2, 3].map(|c| sum[c] + f64::from(light[c]));
        sums.push(sum);
    }
    let up_to = |place: f32| {
        let place = place.clamp(0.0, (2 * width) as f32);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let first = (place as usize).min(2 * width - 1);
        let part = f64::from(place - first as f32);
        [0, 1, 2, 3].map(|c| sums[first][c] + (sums[first + 1][c] - sums[first][c]) * part)
    };
    for (x, to) in row.iter_mut().enumerate() {
        let middle = x as f32 + 0.5 + offset;
        let start = (middle - blur / 2.0).max(0.0);
        let end = (middle + blur / 2.0).min((2 * width) as f32);
        let (low, high) = (up_to(start), up_to(end));
        let length = f64::from(end - start);
        #[expect(clippy::cast_possible_truncation, reason = "light needs no more digits")]
        let mean = [0, 1, 2, 3].map(|c| ((high[c] - low[c]) / length) as f32);
        *to = mean;
    }
}

fn sdf_iris(a: Light, b: Light, at: &Place, u: f32, accent: &Accent) -> Light {
    const EDGE: f32 = 0.003;
    const RING: f32 = 0.05;
    let (_, _, distance) = at.to_middle(u);
    let radius = (at.reach() + 2.0 * EDGE) * at.p - EDGE;
    let light = mix(a, b, smooth(radius + EDGE, radius - EDGE, distance));
    let ring = |behind: f32| bump((distance - radius + behind) / RING);
    let glow = (ring(0.0) + 0.5_f32 * ring(1.1 * RING)) + 0.25_f32 * ring(2.2 * RING);
    plus(light, accent.bright, glow * at.window * 0.8)
}

fn ripple_waves(a: &Scene, b: &Scene, at: &Place, u: f32, accent: &Accent) -> Light {
    const HEIGHT: f32 = 0.03;
    let (x, y, distance) = at.to_middle(u);
    // Two waves, the second shorter.
    let wave = |phase: f32| {
        let long = (-phase + distance * 34.0).sin();
        long + 0.4_f32 * (-1.6 * phase + distance * 71.0).sin()
    };
    let (leaving, coming) = (wave(at.p * 12.0), wave((at.p - 1.0) * 12.0));
    let shifted = |scene: &Scene, by: f32| {
        let part = 1.0 + by / distance.max(1e-3);
        let (u, v) = at.scene_place(x * part, y * part);
        scene.at(u, v)
    };
    let from = shifted(a, leaving * at.p * HEIGHT);
    let to = shifted(b, coming * (1.0 - at.p) * -HEIGHT);
    let light = mix(from, to, smooth(0.1, 0.9, at.p));
    plus(light, accent.bright, leaving.max(0.0) * at.window * 0.1)
}

/// Light passes a mass at the middle: what is seen at a distance comes from nearer, inside of the
/// ring from beyond the middle. Blue is bent more than red.
fn gravitational_lens(a: &Scene, b: Light, at: &Place, u: f32) -> Light {
    let (x, y, distance) = at.to_middle(u);
    let pull = smooth(0.0, 1.0, at.p);
    let ring = 0.2 * pull;
    let bent = |more: f32| {
        let part = 1.0 - more * ring / (0.02 + distance * distance);
        let (u, v) = at.scene_place(x * part, y * part);
        a.at(u, v)
    };
    let green = bent(1.0);
    let light = [bent(0.94)[0], green[1], bent(1.06)[2], green[3]];
    let hole = bump(distance / (0.3 * pull).max(1e-3)) * smooth(0.0, 0.25, at.p);
    let dark = mix(light, [0.0, 0.0, 0.0, light[3]], hole);
    mix(dark, b, smooth(0.35, 1.0, at.p))
}

fn cinematic_zoom(a: &Scene, b: &Scene, at: &Place, u: f32) -> Light {
    const TAPS: u8 = 12;
    let blurred = |scene: &Scene, reach: f32| {
        let (mut sum, mut shares) = ([0.0; 4], [0.0; 4]);
        for tap in 0..TAPS {
            let part = f32::from(tap) / f32::from(TAPS - 1);
            let scale = 1.0 - reach * part;
            let light = scene.at(0.5 + (u - 0.5) * scale, 0.5 + (at.v - 0.5) * scale);
            // Red comes from the near end of the way, blue from the far one.
            let share = [1.4 - 0.8 * part, 1.0, 0.6 + 0.8 * part, 1.0];
            for c in 0..4 {
                sum[c] += share[c] * light[c];
                shares[c] += share[c];
            }
        }
        [0, 1, 2, 3].map(|c| sum[c] / shares[c])
    };
    let from = blurred(a, 0.5 * at.p * at.p);
    let rest = 1.0 - at.p;
    let to = blurred(b, -0.5 * rest * rest);
    mix(from, to, smooth(0.15, 0.85, at.p))
}

fn chromatic_split(scenes: [&Scene; 2], greens: [Light; 2], at: &Place, u: f32) -> Light {
    const MOST: f32 = 0.14;
    let split = |scene: &Scene, green: Light, shift: f32| {
        let scaled = |scale: f32| scene.at(0.5 + (u - 0.5) * scale, 0.5 + (at.v - 0.5) * scale);
        [scaled(1.0 + shift)[0], green[1], scaled(1.0 - shift)[2], green[3]]
    };
    let from = split(scenes[0], greens[0], MOST * at.p);
    let to = split(scenes[1], greens[1], -MOST * (1.0 - at.p));
    mix(from, to, smooth(0.1, 0.9, at.p))
}

/// Where one row of the glitch has jumped to.
struct GlitchRow {
    shift: f32,
    /// Which of the moments between which everything jumps.
    moment: i32,
    block: i32,
    is_dark: bool,
    /// From which progress on it shows the second scene.
    turn: f32,
}

impl GlitchRow {
    fn new(at: &Place) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a few dozen")]
        let [moment, line, block] = [at.p * 20.0, at.v * 54.0, at.v * 9.0].map(|n| n as i32);
        let jump = hash(line, moment, 101) - 0.5;
        Self {
            shift: jump * 0.22 * at.window * at.window,
            moment,
            block,
            is_dark: at.y % 4 >= 2,
            turn: (0.25 + hash(line, 0, 103) * 0.5),
        }
    }

    fn pixel(&self, a: &Scene, b: &Scene, at: &Place, u: f32) -> Light {
        #[expect(clippy::cast_possible_truncation, reason = "a few dozen")]
        let column = (u * 14.0) as i32;
        let jumps = hash(column, self.block.wrapping_mul(31) + self.moment, 107) > 0.84;
        let (mut u, mut v) = (u + self.shift, at.v);
        if jumps {
            u += (hash(column, self.block, 109) - 0.5) * 0.4 * at.window;
            v += (hash(column, self.block, 113) - 0.5) * 0.4 * at.window;
        }
        let scene = if at.p > self.turn { b } else { a };
        let apart = 0.03 * at.window;
        let green = scene.at(u, v);
        let light = [scene.at(u + apart, v)[0], green[1], scene.at(u - apart, v)[2], green[3]];
        let dark = if self.is_dark { 0.25 * at.window } else { 0.0 };
        mix(light, [0.0, 0.0, 0.0, light[3]], dark)
    }
}

fn swirl_vortex(a: &Scene, b: &Scene, at: &Place, u: f32, noise: f32) -> Light {
    let (x, y, distance) = at.to_middle(u);
    let nearness = smooth(at.reach(), 0.0, distance);
    let turned = |scene: &Scene, turns: f32| {
        let angle = TAU * turns * (nearness + noise * 0.5);
        let (sin, cos) = angle.sin_cos();
        let (u, v) = at.scene_place(-y * sin + x * cos, y * cos + x * sin);
        scene.at(u, v)
    };
    let rest = 1.0 - at.p;
    let (from, to) = (turned(a, 1.5 * at.p * at.p), turned(b, -1.5 * rest * rest));
    mix(from, to, smooth(0.2, 0.8, at.p))
}

fn thermal_distortion(
    a: &Scene,
    b: &Scene,
    at: &Place,
    u: f32,
    [fine, coarse, _]: [f32; 3],
    accent: &Accent,
) -> Light {
    // Heat rises from the lower edge.
    let near = smooth(0.0, 1.0, at.v);
    let wave = ((at.v * 42.0 + fine * 9.0) + at.p * 5.0 * PI).sin() * coarse;
    let shifted =
        |scene: &Scene, by: f32| scene.at(u + (wave * near) * by, at.v + (fine - 0.5) * by * near);
    let (from, to) = (shifted(a, 0.06 * at.p), shifted(b, 0.06 * (1.0 - at.p)));
    let light = mix(from, to, smooth(0.1, 0.9, at.p));
    plus(light, accent.plain, 0.35 * at.window * near * coarse)
}

fn cross_warp_morph(a: &Scene, b: &Scene, at: &Place, u: f32, [du, dv, n]: [f32; 3]) -> Light {
    const EDGE: f32 = 0.2;
    let leaving = a.at(u + (du * at.p) * 0.6, at.v + (dv * at.p) * 0.6);
    let rest = at.p - 1.0;
    let coming = b.at(u + (du * rest) * 0.6, at.v + (dv * rest) * 0.6);
    mix(leaving, coming, smooth(n - EDGE, n + EDGE, beyond(at.p, EDGE)))
}

/// Light from beyond the upper right corner, with a streak across.
fn light_leak(a: Light, b: Light, at: &Place, u: f32, accent: &Accent) -> Light {
    let (x, y) = ((u - 1.1) * at.aspect, at.v + 0.15);
    let distance = x.hypot(y);
    let leak = bump(distance / (0.4 + 2.2 * at.p)) * at.window;
    let streak = bump((at.v - 0.35 * (1.0 - u)) / 0.07) * leak;
    let light = mix(a, b, smooth(0.2, 0.9, at.p));
    let light = plus(light, accent.at(leak), 2.2 * leak);
    plus(light, accent.bright, 0.5 * streak)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "scenes alone are taken over as they are")]
mod tests {
    use super::*;

    const WIDTH: usize = 64;
    const HEIGHT: usize = 36;

    fn scene(color: impl Fn(f32, f32) -> Light) -> Scene {
        let pixel =
            |i: usize| color((i % WIDTH) as f32 / WIDTH as f32, (i / WIDTH) as f32 / HEIGHT as f32);
        Scene::new(WIDTH, HEIGHT, (0..WIDTH * HEIGHT).map(pixel).collect())
    }

    fn frame(shader: Shader, a: &Scene, b: &Scene, progress: f32) -> Vec<Light> {
        let fields = Fields::new(shader, WIDTH, HEIGHT);
        let mut all = vec![[0.0; 4]; WIDTH * HEIGHT];
        for (y, row) in all.chunks_exact_mut(WIDTH).enumerate() {
            blend_row(shader, [a, b], progress, [1.0, 0.3, 0.05], &fields, y, row);
        }
        all
    }

    fn furthest(frame: &[Light], scene: &Scene) -> f32 {
        let pixels = (0..HEIGHT).flat_map(|y| scene.row(y));
        let channels = frame.iter().flatten().zip(pixels.flatten());
        channels.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn they_begin_and_end_with_a_scene_alone() {
        let a = scene(|u, v| [u, v, 0.2, 1.0]);
        let b = scene(|u, v| [0.9 - v, 0.1, u * v, 1.0]);
        for shader in Shader::ALL {
            assert_eq!(furthest(&frame(shader, &a, &b, 0.0), &a), 0.0, "{shader}");
            assert_eq!(furthest(&frame(shader, &a, &b, 1.0), &b), 0.0, "{shader}");
            // And without a jump.
            let near = [(1e-4, &a), (1.0 - 1e-4, &b)];
            for (progress, scene) in near {
                let far = furthest(&frame(shader, &a, &b, progress), scene);
                assert!(far < 0.03, "{shader} at {progress}: {far}");
            }
        }
    }

    #[test]
    fn they_show_both_scenes_on_the_way() {
        let a = scene(|_, _| [0.5, 0.0, 0.0, 1.0]);
        let b = scene(|_, _| [0.0, 0.0, 0.5, 1.0]);
        for shader in Shader::ALL.into_iter().filter(|&s| s != Shader::FlashThroughWhite) {
            let mut seen = Vec::new();
            for step in 1..10 {
                let all = frame(shader, &a, &b, step as f32 / 10.0);
                assert!(all.iter().flatten().all(|c| c.is_finite() && *c >= 0.0), "{shader}");
                assert!(all.iter().all(|light| (light[3] - 1.0).abs() < 1e-5), "{shader}");
                let mean = all.iter().map(|l| l[2]).sum::<f32>() / all.len() as f32;
                seen.push(mean);
            }
            assert!(seen[0] < 0.25 && seen[8] > 0.3, "{shader}: {seen:?}");
        }
    }

    #[test]
    fn a_flash_is_white_in_its_middle_and_nothing_more() {
        let bright = scene(|_, _| [20.0, 5.0, 0.0, 1.0]);
        let dark = scene(|_, _| [0.0, 0.0, 0.0, 1.0]);
        let middle = frame(Shader::FlashThroughWhite, &bright, &dark, 0.5);
        assert!(middle.iter().all(|light| *light == WHITE), "{:?}", middle[0]);
    }

    #[test]
    fn transparent_scenes_stay_so() {
        let clear = scene(|_, _| [0.0; 4]);
        for shader in [Shader::Crossfade, Shader::WhipPan, Shader::SwirlVortex, Shader::Glitch] {
            let all = frame(shader, &clear, &clear, 0.4);
            assert!(all.iter().all(|light| light[3] == 0.0), "{shader}");
        }
    }
}
