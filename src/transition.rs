//! Transitions between two scenes of a page, made of their pictures.
//!
//! A page declares them (`window.__hf.transitions`, or `HyperShader.init`): from scene `a` to scene
//! `b` within a time. In that time the page is drawn twice, once with each scene alone, and the
//! pictures become one here: in linear light, the same way for SDR and HDR. The progress of a
//! transition follows from time, so it does not matter which session draws a frame.
//!
//! The names and looks are HyperFrames'.

mod effects;
mod noise;
mod scene;

use std::fmt;

use serde::Serialize;

pub(crate) use self::effects::{Accent, Codes, Fields, blend_row};
pub(crate) use self::scene::{Light, Scene, code_of_light};
use crate::time::{FrameIndex, FrameRate};

/// How one scene becomes the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Shader {
    /// One fades into the other.
    Crossfade,
    /// Both flow along noise, and the seam between them glows.
    DomainWarp,
    /// The first burns away along ridges.
    RidgedBurn,
    /// The camera is thrown from one to the other.
    WhipPan,
    /// A circle opens.
    SdfIris,
    /// Waves run out from the middle.
    RippleWaves,
    /// The first is bent around a growing mass.
    GravitationalLens,
    /// A zoom blur with colored edges.
    CinematicZoom,
    /// Red and blue leave each other.
    ChromaticSplit,
    /// Rows and blocks jump.
    Glitch,
    /// Both are wound up.
    SwirlVortex,
    /// The air shimmers from below.
    ThermalDistortion,
    /// White, and back.
    FlashThroughWhite,
    /// Both flow along noise and cross softly.
    CrossWarpMorph,
    /// Light falls in from a corner.
    LightLeak,
}

impl Shader {
    /// All shaders.
    pub const ALL: [Self; 15] = [
        Self::Crossfade,
        Self::DomainWarp,
        Self::RidgedBurn,
        Self::WhipPan,
        Self::SdfIris,
        Self::RippleWaves,
        Self::GravitationalLens,
        Self::CinematicZoom,
        Self::ChromaticSplit,
        Self::Glitch,
        Self::SwirlVortex,
        Self::ThermalDistortion,
        Self::FlashThroughWhite,
        Self::CrossWarpMorph,
        Self::LightLeak,
    ];

    /// The name that pages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crossfade => "crossfade",
            Self::DomainWarp => "domain-warp",
            Self::RidgedBurn => "ridged-burn",
            Self::WhipPan => "whip-pan",
            Self::SdfIris => "sdf-iris",
            Self::RippleWaves => "ripple-waves",
            Self::GravitationalLens => "gravitational-lens",
            Self::CinematicZoom => "cinematic-zoom",
            Self::ChromaticSplit => "chromatic-split",
            Self::Glitch => "glitch",
            Self::SwirlVortex => "swirl-vortex",
            Self::ThermalDistortion => "thermal-distortion",
            Self::FlashThroughWhite => "flash-through-white",
            Self::CrossWarpMorph => "cross-warp-morph",
            Self::LightLeak => "light-leak",
        }
    }

    /// The shader with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shader| shader.name() == name)
    }
}

impl fmt::Display for Shader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How progress follows time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ease {
    /// Evenly.
    Linear,
    /// The power of time that GSAP calls `power1` to `power4` (2 to 5 here), from rest.
    In(u8),
    /// The same, to rest.
    Out(u8),
    /// The same, from rest to rest.
    InOut(u8),
    /// A quarter of a cosine, from rest.
    SineIn,
    /// The same, to rest.
    SineOut,
    /// Half a cosine.
    SineInOut,
}

impl Ease {
    /// GSAP's name for it, such as `power2.inOut`; the part after the first dot defaults to `out`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (family, end) = name.split_once('.').unwrap_or((name, "out"));
        let power = match family {
            "none" | "linear" | "power0" | "Linear" => return Some(Self::Linear),
            "power1" | "quad" | "Power1" | "Quad" => 2,
            "power2" | "cubic" | "Power2" | "Cubic" => 3,
            "power3" | "quart" | "Power3" | "Quart" => 4,
            "power4" | "quint" | "strong" | "Power4" | "Quint" | "Strong" => 5,
            "sine" | "Sine" => 0,
            _ => return None,
        };
        match (power, end) {
            (0, "in" | "easeIn") => Some(Self::SineIn),
            (0, "out" | "easeOut") => Some(Self::SineOut),
            (0, "inOut" | "easeInOut") => Some(Self::SineInOut),
            (power, "in" | "easeIn") => Some(Self::In(power)),
            (power, "out" | "easeOut") => Some(Self::Out(power)),
            (power, "inOut" | "easeInOut") => Some(Self::InOut(power)),
            _ => None,
        }
    }

    /// Progress at a part of the time, both from 0 to 1.
    fn at(self, part: f64) -> f64 {
        use std::f64::consts::{FRAC_PI_2, PI};
        let power = |base: f64, power: u8| base.powi(i32::from(power));
        match self {
            Self::Linear => part,
            Self::In(p) => power(part, p),
            Self::Out(p) => 1.0 - power(1.0 - part, p),
            Self::InOut(p) if part < 0.5 => power(2.0 * part, p) / 2.0,
            Self::InOut(p) => 1.0 - power(2.0 - 2.0 * part, p) / 2.0,
            Self::SineIn => 1.0 - (part * FRAC_PI_2).cos(),
            Self::SineOut => (part * FRAC_PI_2).sin(),
            Self::SineInOut => (1.0 - (part * PI).cos()) / 2.0,
        }
    }
}

/// A transition of a composition.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// How one scene becomes the other.
    pub shader: Shader,
    /// When it begins, in seconds of the composition.
    pub time: f64,
    /// How long it takes, in seconds.
    pub duration: f64,
    /// How its progress follows time.
    pub ease: Ease,
    /// The id of the scene that goes.
    pub from_scene: String,
    /// The id of the scene that comes.
    pub to_scene: String,
    /// The color of glow and fire: red, green and blue of sRGB. Orange where the page says none.
    pub accent: Option<[u8; 3]>,
    /// Whether the page's own library draws it, or shows it by opacity.
    pub by_library: bool,
}

/// Glow where a page names no color: dark, plain and bright, in codes of sRGB. As in HyperFrames.
const FIRE: Accent =
    Accent { dark: [0.4, 0.15, 0.0], plain: [1.0, 0.6, 0.2], bright: [1.0, 0.85, 0.5] };

impl Accent {
    /// The colors of glow that go with a color, in codes of sRGB.
    pub(crate) fn of(color: Option<[u8; 3]>) -> Self {
        let Some(color) = color else { return FIRE };
        let plain = color.map(|code| f32::from(code) / 255.0);
        let [dark, bright] = [plain.map(|c| 0.35 * c), plain.map(|c| (0.2 + 1.5 * c).min(1.0))];
        Self { dark, plain, bright }
    }

    /// The same colors by a change of each.
    pub(crate) fn map(self, change: impl Fn(Codes) -> Codes) -> Self {
        let Self { dark, plain, bright } = self;
        Self { dark: change(dark), plain: change(plain), bright: change(bright) }
    }
}

/// The tolerance between frames and the times that pages write, in seconds: as for clips.
const EDGE_SECS: f64 = 1e-6;

impl Transition {
    /// Its progress in a frame, from 0 to 1; `None` before and after it.
    pub(crate) fn progress(&self, index: FrameIndex, rate: FrameRate) -> Option<f64> {
        let seconds = rate.seconds(index);
        let part = (seconds - self.time) / self.duration;
        let is_under_way =
            seconds > self.time - EDGE_SECS && seconds < self.time + self.duration - EDGE_SECS;
        is_under_way.then(|| self.ease.at(part.clamp(0.0, 1.0)))
    }

    /// The first of several that is under way in a frame: its place, and its progress.
    pub(crate) fn under_way(
        all: &[Self],
        index: FrameIndex,
        rate: FrameRate,
    ) -> Option<(usize, f64)> {
        all.iter().enumerate().find_map(|(i, each)| Some((i, each.progress(index, rate)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for shader in Shader::ALL {
            assert_eq!(Shader::named(shader.name()), Some(shader));
            assert_eq!(serde_json::to_value(shader).unwrap(), shader.name());
        }
        assert_eq!(Shader::named("wipe"), None);
    }

    #[test]
    fn eases_go_from_0_to_1() {
        for (name, middle) in [
            ("none", 0.5),
            ("power2.inOut", 0.5),
            ("power2.in", 0.125),
            ("power2", 0.875),
            ("power1.out", 0.75),
            ("power4.in", 0.03125),
            ("sine.inOut", 0.5),
            ("sine.in", 0.292_893),
            ("Sine.easeOut", std::f64::consts::FRAC_1_SQRT_2),
        ] {
            let ease = Ease::named(name).unwrap();
            let values = [0.0, 0.5, 1.0].map(|part| ease.at(part));
            for (value, expected) in values.into_iter().zip([0.0, middle, 1.0]) {
                assert!((value - expected).abs() < 1e-6, "{name}: {values:?}");
            }
        }
        for unknown in ["elastic.out", "power2.sideways", ""] {
            assert_eq!(Ease::named(unknown), None);
        }
    }

    #[test]
    fn progress_follows_time() {
        let transition = Transition {
            shader: Shader::Glitch,
            time: 0.1,
            duration: 0.2,
            ease: Ease::Linear,
            from_scene: "a".into(),
            to_scene: "b".into(),
            accent: None,
            by_library: false,
        };
        let rate = FrameRate::new(30, 1).unwrap();
        let progress = |index| transition.progress(FrameIndex(index), rate);
        assert_eq!((progress(2), progress(9)), (None, None));
        for (index, expected) in [(3, 0.0), (4, 1.0 / 6.0), (6, 0.5), (8, 5.0 / 6.0)] {
            let progress = progress(index).unwrap();
            assert!((progress - expected).abs() < 1e-9, "{index}: {progress}");
        }
        let all = [transition.clone(), Transition { time: 0.2, ..transition }];
        let under_way = |index| Transition::under_way(&all, FrameIndex(index), rate).map(|u| u.0);
        assert_eq!([2, 3, 8, 9, 12].map(under_way), [None, Some(0), Some(0), Some(1), None]);
    }
}
