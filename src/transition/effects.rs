//! The shaders of transitions, which mix two scenes row by row.
//!
//! The looks are those of HyperFrames' shaders: the same displacements, fronts and shapes, by the
//! same noise. Scenes are mixed in light; glow, scan lines and the like are added to codes of sRGB,
//! extended a little beyond white, because that determines how far they shine.
//!
//! Every one shows the first scene alone at progress 0 and the second alone at progress 1, to the
//! bit: the neighboring frames show them alone.

use super::Shader;
use super::noise::{Field, cloud, noise, random, ridges};
use super::scene::{Light, Scene, code_of_light, light_of_code, mix};

/// Noise that a transition needs in all of its frames, for one size.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    still: Option<Field>,
    /// Noise of moving effects: wider and higher than the frame.
    moving: Option<Field>,
}

/// The range of moving noise: in widths and in heights.
const MOVING_SPAN: [usize; 2] = [2, 2];

impl Fields {
    /// Creates the noise of `shader` for frames of a size in pixels.
    pub(crate) fn new(shader: Shader, width: usize, height: usize) -> Self {
        let still = |function: &(dyn Fn(f32, f32) -> [f32; 3] + Sync)| Self {
            still: Some(Field::new(width, height, [1, 1], function)),
            moving: None,
        };
        match shader {
            Shader::DomainWarp => still(&|u, v| {
                let (x, y) = (3.0 * u, 3.0 * v);
                let [p, q] = [cloud(x, y), cloud(x + 5.2, y + 1.3)];
                let near = |dx: f32, dy: f32| cloud(x + (4.0 * p + dx), y + (4.0 * q + dy));
                let [r, s] = [near(1.7, 9.2), near(8.3, 2.8)];
                [p - 0.5, q - 0.5, cloud(x + 2.0 * r, y + 2.0 * s)]
            }),
            Shader::RidgedBurn => still(&|u, v| [ridges(4.0 * u, 4.0 * v), 0.0, 0.0]),
            Shader::SwirlVortex => still(&|u, v| [cloud(4.0 * u, 4.0 * v), 0.0, 0.0]),
            Shader::ThermalDistortion => {
                let two = |u: f32, v: f32| {
                    [cloud(6.0 * u, 6.0 * v), cloud(6.0 * u + 3.0, 6.0 * v + 3.0), 0.0]
                };
                let one = |u: f32, v: f32| [cloud(3.0 * u, 3.0 * v), 0.0, 0.0];
                Self { moving: Some(Field::new(width, height, MOVING_SPAN, one)), ..still(&two) }
            }
            Shader::CrossWarpMorph => still(&|u, v| {
                let [p, q] = [cloud(3.0 * u, 3.0 * v), cloud(3.0 * u + 7.3, 3.0 * v + 3.7)];
                [p - 0.5, q - 0.5, cloud(4.0 * u + 3.1, 4.0 * v + 1.7)]
            }),
            _ => Self::default(),
        }
    }

    fn at(&self, x: usize, y: usize) -> [f32; 3] {
        self.still.as_ref().map_or([0.0; 3], |field| field.at(x as f32, y as f32))
    }

    fn moving_at(&self, x: f32, y: f32) -> f32 {
        self.moving.as_ref().map_or(0.0, |field| field.at(x, y)[0])
    }
}

/// From 0 to 1 while `x` goes from one edge to the other, without corners.
fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 + 2.0_f32 * -t)
}

/// Codes of red, green and blue, where white is 1.
pub(crate) type Codes = [f32; 3];

/// The colors of glow, in codes of the light that is mixed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accent {
    pub dark: Codes,
    pub plain: Codes,
    pub bright: Codes,
}

fn blend(a: Codes, b: Codes, part: f32) -> Codes {
    [0, 1, 2].map(|c| a[c] + part * (b[c] - a[c]))
}

/// The code up to which glow shines: twice the light of white.
const HOTTEST: f32 = 1.353;

/// Adds codes to a light. Added light has no alpha: it covers nothing.
fn shine(light: Light, codes: Codes, part: f32) -> Light {
    if part == 0.0 {
        return light;
    }
    let [r, g, b] = [0, 1, 2].map(|c| {
        let code = code_of_light(light[c]);
        light_of_code((code + codes[c] * part).min(HOTTEST.max(code)))
    });
    [r, g, b, light[3]]
}

/// The light whose codes are a part of those of `light`.
fn dim(light: Light, part: f32) -> Light {
    if part >= 1.0 {
        return light;
    }
    let [r, g, b] = [0, 1, 2].map(|c| light_of_code(code_of_light(light[c]) * part));
    [r, g, b, light[3]]
}

/// White, opaque.
const WHITE: Light = [1.0; 4];

/// Blends one row of a transition at `progress`, from 0 to 1.
///
/// Both scenes have one size. Light that is added may go over 1.
pub(crate) fn blend_row(
    shader: Shader,
    [from, to]: [&Scene; 2],
    progress: f32,
    accent: &Accent,
    fields: &Fields,
    y: usize,
    row: &mut [Light],
) {
    if progress <= 0.0 || progress >= 1.0 {
        row.copy_from_slice(if progress <= 0.0 { from.row(y) } else { to.row(y) });
        return;
    }
    let place = Place {
        width: from.width() as f32,
        height: from.height() as f32,
        v: (y as f32 + 0.5) / from.height() as f32,
        y,
        p: progress,
        rest: 1.0 - progress,
        window: 4.0 * progress * (1.0 - progress),
    };
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
        Shader::WhipPan => each(&|u, _| whip_pan(a, b, &place, u)),
        Shader::DomainWarp => each(&|u, x| domain_warp(a, b, &place, u, fields.at(x, y), accent)),
        Shader::RidgedBurn => each(&|u, x| {
            let ridge = fields.at(x, y)[0];
            ridged_burn(a.row(y)[x], b.row(y)[x], &place, u, ridge, accent)
        }),
        Shader::SdfIris => {
            each(&|u, x| sdf_iris(a.row(y)[x], b.row(y)[x], &place, u, accent));
        }
        Shader::RippleWaves => each(&|u, _| ripple_waves(a, b, &place, u, accent)),
        Shader::GravitationalLens => each(&|u, x| gravitational_lens(a, b.row(y)[x], &place, u)),
        Shader::CinematicZoom => {
            let taps = ZoomTaps::new();
            each(&|u, _| taps.zoomed(a, b, &place, u));
        }
        Shader::ChromaticSplit => each(&|u, x| {
            let greens = [a.row(y)[x], b.row(y)[x]];
            chromatic_split([a, b], greens, &place, u)
        }),
        Shader::Glitch => {
            let glitch = GlitchRow::new(&place);
            each(&|u, x| mix(glitch.pixel(a, &place, u), b.row(y)[x], progress));
        }
        Shader::SwirlVortex => each(&|u, x| swirl_vortex(a, b, &place, u, fields.at(x, y)[0])),
        Shader::ThermalDistortion => {
            each(&|u, x| thermal_distortion(a, b, &place, u, x, fields, accent));
        }
        Shader::FlashThroughWhite => {
            let [to_white, from_white] = [smooth(0.0, 0.45, progress), smooth(1.0, 0.5, progress)];
            let turn = smooth(0.35, 0.65, progress);
            for (to, (&a, &b)) in row.iter_mut().zip(a.row(y).iter().zip(b.row(y))) {
                *to = mix(mix(a, WHITE, to_white), mix(b, WHITE, from_white), turn);
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

/// Values shared by the pixels of a row.
struct Place {
    /// The frame's width in pixels.
    width: f32,
    /// The frame's height in pixels.
    height: f32,
    /// The row's middle, from 0 to 1.
    v: f32,
    y: usize,
    /// Progress.
    p: f32,
    /// 1 minus the progress.
    rest: f32,
    /// 0 at both ends of the transition, 1 in its middle.
    window: f32,
}

impl Place {
    /// The vector from the middle of the frame, in its sides; and its length.
    fn to_middle(&self, u: f32) -> (f32, f32, f32) {
        let (x, y) = (u - 0.5, self.v - 0.5);
        (x, y, x.hypot(y))
    }

    /// A factor of 0 at both ends of the transition, and 1 except close to them: for effects that
    /// would begin or end with a jump.
    fn gate(&self) -> f32 {
        smooth(0.0, 0.1, self.p) * smooth(1.0, 0.9, self.p)
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
    const EDGE: f32 = 0.08;
    let leaving = a.at(u + 0.4 * du * at.p, at.v + 0.4 * dv * at.p);
    let coming = b.at(u + -0.4 * du * at.rest, at.v + -0.4 * dv * at.rest);
    let light = mix(coming, leaving, staying(front, at.p, EDGE));
    let away = (front - at.p).abs();
    let color = blend(accent.dark, accent.bright, smooth(0.0, 0.1, away));
    shine(light, color, 2.0 * smooth(0.1, 0.0, away) * at.gate())
}

/// The share of the first scene that a front has left where noise is `n`. Noise ends before 0 and
/// 1, but by less than the softness of a front.
fn staying(n: f32, progress: f32, edge: f32) -> f32 {
    let soft = smooth(progress - edge, progress + edge, n);
    let [begin, end] = [smooth(0.1, 0.0, progress), smooth(0.9, 1.0, progress)];
    (soft + begin * (1.0 - soft)) * (1.0 - end)
}

fn ridged_burn(a: Light, b: Light, at: &Place, u: f32, ridge: f32, accent: &Accent) -> Light {
    const EDGE: f32 = 0.04;
    let light = mix(b, a, staying(ridge, at.p, EDGE));
    let heat = smooth(0.12, 0.0, (ridge - at.p).abs()) * at.gate();
    if heat == 0.0 {
        return light;
    }
    let color = blend(accent.dark, accent.plain, smooth(0.0, 0.25, heat));
    let color = blend(color, accent.bright, smooth(0.25, 0.5, heat));
    let color = blend(color, [1.0; 3], smooth(0.5, 1.0, heat));
    let is_spark = noise(80.0 * u, 80.0 * at.v) >= 0.92;
    let spark = if is_spark { 3.0 * heat } else { 0.0 };
    let codes = [0, 1, 2].map(|c| 3.5 * heat * color[c] + spark * accent.bright[c]);
    shine(light, codes, 1.0)
}

/// Both scenes move to the left by one and a half widths, and blur as they do; beyond their edges
/// the edge pixels continue.
fn whip_pan(a: &Scene, b: &Scene, at: &Place, u: f32) -> Light {
    const TAPS: u8 = 10;
    let panned = |scene: &Scene, by: f32, step: f32| {
        let mut sum = [0.0; 4];
        for tap in 0..TAPS {
            let light = scene.in_row(at.y, u + (by + step * f32::from(tap)));
            sum = [0, 1, 2, 3].map(|c| sum[c] + light[c]);
        }
        sum.map(|c| c / f32::from(TAPS))
    };
    let from = panned(a, 1.5 * at.p, 0.008 * at.p);
    let to = panned(b, -1.5 * at.rest, -0.008 * at.rest);
    mix(from, to, at.p)
}

fn sdf_iris(a: Light, b: Light, at: &Place, u: f32, accent: &Accent) -> Light {
    const EDGE: f32 = 0.003;
    let aspect = at.width / at.height;
    let distance = ((u - 0.5) * aspect).hypot(at.v - 0.5);
    // Wider frames than usual have corners farther away.
    let reach = (aspect / 2.0).hypot(0.5) + 2.0 * EDGE;
    let radius = reach.max(1.2) * at.p;
    let light = mix(a, b, smooth(radius + EDGE, radius - EDGE, distance));
    let ring = |behind: f32, narrow: f32| (-narrow * (distance - radius + behind).abs()).exp();
    let glow = (ring(0.0, 25.0) + 0.5 * ring(0.04, 20.0)) + 0.25 * ring(0.08, 15.0);
    shine(light, accent.bright, glow * at.window * 0.6)
}

fn ripple_waves(a: &Scene, b: &Scene, at: &Place, u: f32, accent: &Accent) -> Light {
    let (x, y, distance) = at.to_middle(u);
    // Crests are sharp, and the shorter waves half as high.
    let crest = |phase: f32| (-1.0 + phase.sin()).exp();
    let waves = |way: f32| {
        let long = crest(25.0 * distance + 12.0 * way);
        (long, long + 0.5 * crest(50.0 * distance + 18.0 * way))
    };
    let [(long, out), (_, back)] = [waves(-at.p), waves(at.p)];
    let length = distance.max(1e-3);
    let (x, y) = (x / length, y / length);
    let shifted = |scene: &Scene, by: f32| scene.at(u + x * by, at.v + y * by);
    let from = shifted(a, out * 0.04 * at.p);
    let to = shifted(b, back * -0.04 * at.rest);
    mix(shine(from, accent.bright, 0.1 * at.p * long), to, at.p)
}

/// The first scene is bent around a dark middle that shrinks; blue is bent less than red.
fn gravitational_lens(a: &Scene, b: Light, at: &Place, u: f32) -> Light {
    let (x, y, distance) = at.to_middle(u);
    let pull = 2.0 * at.p;
    let bend = 0.3 * pull / (distance + 0.1);
    let apart = 0.02 * pull / (distance + 0.2);
    let bent = |by: f32| a.at(u + -x * by, at.v + -y * by);
    let green = bent(bend);
    let light = [bent(bend + apart)[0], green[1], bent(bend - apart)[2], green[3]];
    let horizon = smooth(0.0, 0.3, distance / (1.001 - 0.85 * at.p));
    let dark = smooth(0.0, 0.3, at.p) * (1.0 - horizon);
    mix(dim(light, 1.0 - dark), b, smooth(0.3, 0.9, at.p))
}

/// The places that a zoom samples, and each channel's share of each sample.
///
/// Red goes a little farther than green, and blue less far: all three are read off the same places,
/// by straight lines between them.
struct ZoomTaps([[f32; 3]; Self::COUNT]);

impl ZoomTaps {
    const COUNT: usize = 12;
    /// The distances of the channels, relative to green.
    const REACH: [f32; 3] = [1.06, 1.0, 0.94];

    fn new() -> Self {
        let mut taps = [[0.0; 3]; Self::COUNT];
        for (channel, reach) in Self::REACH.into_iter().enumerate() {
            for tap in 0..Self::COUNT {
                let place = tap as f32 * (reach / Self::REACH[0]);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "< 12")]
                let first = place as usize;
                let part = place - first as f32;
                taps[first][channel] += (1.0 - part) / Self::COUNT as f32;
                if part > 0.0 {
                    taps[first + 1][channel] += part / Self::COUNT as f32;
                }
            }
        }
        Self(taps)
    }

    fn zoomed(&self, a: &Scene, b: &Scene, at: &Place, u: f32) -> Light {
        let (x, y, _) = at.to_middle(u);
        let blurred = |scene: &Scene, reach: f32| {
            let mut sum = [0.0; 4];
            for (tap, [red, green, blue]) in self.0.iter().enumerate() {
                let by = reach * Self::REACH[0] * tap as f32 / Self::COUNT as f32;
                let light = scene.at(u + x * by, at.v + y * by);
                let shares = [red, green, blue, green];
                sum = [0, 1, 2, 3].map(|c| sum[c] + shares[c] * light[c]);
            }
            sum
        };
        mix(blurred(a, -0.08 * at.p), blurred(b, 0.06 * at.rest), at.p)
    }
}

fn chromatic_split(scenes: [&Scene; 2], greens: [Light; 2], at: &Place, u: f32) -> Light {
    let (x, y, _) = at.to_middle(u);
    let split = |scene: &Scene, green: Light, shift: f32| {
        let moved = |by: f32| scene.at(u + x * by, at.v + y * by);
        [moved(shift)[0], green[1], moved(-shift)[2], green[3]]
    };
    let from = split(scenes[0], greens[0], 0.06 * at.p);
    let to = split(scenes[1], greens[1], -0.06 * at.rest);
    mix(from, to, at.p)
}

/// Values shared by one row of the glitch.
struct GlitchRow {
    shift: f32,
    block: f32,
    moment: f32,
    /// The amount that scan lines subtract from codes.
    darker: f32,
    brightness: f32,
    /// The number of steps to which codes are reduced.
    levels: f32,
}

impl GlitchRow {
    fn new(at: &Place) -> Self {
        let line = (at.v * 60.0).floor() / 60.0;
        let flicker = (at.p * 23.0).floor();
        Self {
            shift: (-0.5 + random(line, (at.p * 17.0).floor())) * 0.18 * at.window,
            block: (at.v * 8.0).floor(),
            moment: (at.p * 11.0).floor(),
            darker: if at.y % 2 == 1 { 0.05 * at.window } else { 0.0 },
            brightness: 1.0 + (-0.5 + random(flicker, flicker)) * 0.3 * at.window,
            levels: 256.0 + -124.0 * at.window,
        }
    }

    fn pixel(&self, a: &Scene, at: &Place, u: f32) -> Light {
        let (column, block) = ((u * 12.0).floor(), self.block);
        let jumps = random(column + self.moment, block + self.moment) >= 0.83;
        let (mut u, mut v) = (u + self.shift, at.v);
        if jumps {
            let by = 0.35 * at.window;
            u += (-0.5 + random(column * 2.1, block * 2.1)) * by;
            v += (-0.5 + random(column * 3.7, block * 3.7)) * by;
        }
        // Channels part within the picture.
        let (u, v) = (u.clamp(0.0, 1.0), v.clamp(0.0, 1.0));
        let apart = 0.035 * at.window;
        let green = a.at(u, v);
        let light = [a.at(u + apart, v)[0], green[1], a.at(u - apart, v)[2]];
        let [r, g, b] = light.map(|c| {
            let code = (code_of_light(c) - self.darker).max(0.0) * self.brightness;
            // Shortly after the beginning there are as many steps as in the page itself.
            let stepped = (code * self.levels).floor() / self.levels;
            light_of_code(code + (stepped - code) * at.window)
        });
        [r, g, b, green[3]]
    }
}

fn swirl_vortex(a: &Scene, b: &Scene, at: &Place, u: f32, noise: f32) -> Light {
    let (x, y, distance) = at.to_middle(u);
    let angle = 10.0 * (1.0 - distance) + 1.5 * noise;
    let turned = |scene: &Scene, part: f32| {
        let (sin, cos) = (angle * part).sin_cos();
        scene.at(0.5 + (x * cos - y * sin), 0.5 + (x * sin + y * cos))
    };
    mix(turned(a, at.p), turned(b, -at.rest), at.p)
}

fn thermal_distortion(
    a: &Scene,
    b: &Scene,
    at: &Place,
    u: f32,
    x: usize,
    fields: &Fields,
    accent: &Accent,
) -> Light {
    // Hottest at the upper edge.
    let near = smooth(1.0, 0.0, at.v);
    let heat = 1.5 * at.p;
    let [fine, other, _] = fields.at(x, at.y);
    // The noise rises by two of its three cells.
    let y = at.y as f32 + 2.0 / 3.0 * at.p * at.height;
    let wave = |fine: f32, x: f32| (40.0 * at.v + 8.0 * fine).sin() * fields.moving_at(x, y);
    let (from, to) = (wave(fine, x as f32), wave(other, x as f32 + at.width));
    let leaving = a.at(u + from * heat * 0.03 * near, at.v);
    let coming = b.at(u + to * at.rest * 0.03 * near, at.v);
    shine(mix(leaving, coming, at.p), accent.bright, 0.15 * heat * at.rest * near)
}

fn cross_warp_morph(a: &Scene, b: &Scene, at: &Place, u: f32, [du, dv, n]: [f32; 3]) -> Light {
    let leaving = a.at(u + 0.5 * du * at.p, at.v + 0.5 * dv * at.p);
    let coming = b.at(u + -0.5 * du * at.rest, at.v + -0.5 * dv * at.rest);
    let turn = smooth(0.4, 0.6, n + 1.2 * at.p - 0.6);
    let [begin, end] = [smooth(0.0, 0.1, at.p), smooth(0.9, 1.0, at.p)];
    mix(leaving, coming, (turn * begin).max(end))
}

/// Light from beyond the upper right corner, with a streak across, and film that is overexposed.
fn light_leak(a: Light, b: Light, at: &Place, u: f32, accent: &Accent) -> Light {
    let distance = (u - 1.3).hypot(at.v + 0.2);
    let leak = (4.0 * at.p * (-1.8 * distance).exp()).clamp(0.0, 1.0);
    let warm = blend(accent.plain, accent.bright, 0.7 * distance);
    let streak = 0.3 * leak * (-15.0 * (at.v + 0.2 + -0.3 * u).abs()).exp();
    // The film's curve fades in, so that it does not appear from one frame to the next.
    let exposed = smooth(0.0, 0.1, at.p);
    let [red, green, blue] = [0, 1, 2].map(|c| {
        let code = code_of_light(a[c]);
        let more = code + 3.0 * leak * warm[c] + streak * accent.bright[c];
        light_of_code(code + (film(more) - code) * exposed)
    });
    mix([red, green, blue, a[3]], b, smooth(0.15, 0.85, at.p))
}

/// Krzysztof Narkowicz' fit of the ACES film curve.
fn film(x: f32) -> f32 {
    ((x * (0.03 + 2.51 * x)) / (0.14 + x * (0.59 + 2.43 * x))).clamp(0.0, 1.0)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "scenes alone are taken over as they are")]
mod tests {
    use super::*;

    const WIDTH: usize = 64;
    const HEIGHT: usize = 36;
    const ACCENT: Accent =
        Accent { dark: [0.35, 0.2, 0.05], plain: [1.0, 0.55, 0.2], bright: [1.0; 3] };

    fn scene(color: impl Fn(f32, f32) -> Light) -> Scene {
        let pixel =
            |i: usize| color((i % WIDTH) as f32 / WIDTH as f32, (i / WIDTH) as f32 / HEIGHT as f32);
        Scene::new(WIDTH, HEIGHT, (0..WIDTH * HEIGHT).map(pixel).collect())
    }

    fn frame(shader: Shader, a: &Scene, b: &Scene, progress: f32) -> Vec<Light> {
        let fields = Fields::new(shader, WIDTH, HEIGHT);
        let mut all = vec![[0.0; 4]; WIDTH * HEIGHT];
        for (y, row) in all.chunks_exact_mut(WIDTH).enumerate() {
            blend_row(shader, [a, b], progress, &ACCENT, &fields, y, row);
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
        let b = scene(|u, v| [1.0 - v, 0.1, u * v, 1.0]);
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
        // White and fire are neither of the two.
        let others = [Shader::FlashThroughWhite, Shader::RidgedBurn];
        for shader in Shader::ALL.into_iter().filter(|s| !others.contains(s)) {
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
    fn fire_is_at_most_twice_as_bright_as_white_and_takes_nothing_from_what_is_brighter() {
        let dark = scene(|_, _| [0.0, 0.0, 0.0, 1.0]);
        let bright = scene(|_, _| [5.0, 5.0, 5.0, 1.0]);
        let most = |scene: &Scene| {
            let all = frame(Shader::RidgedBurn, scene, scene, 0.4);
            all.iter().map(|light| light[1]).fold(0.0, f32::max)
        };
        assert!((most(&dark) - 2.0).abs() < 0.02, "{}", most(&dark));
        assert!((most(&bright) - 5.0).abs() < 1e-3, "{}", most(&bright));
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
