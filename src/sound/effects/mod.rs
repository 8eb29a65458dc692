//! The effects of `data-fx-chain`: filters, dynamics, distortion and space.
//!
//! Names, units, ranges and defaults of the parameters are HyperFrames'. The processors are our
//! own, so a chain sounds alike in both, though not identical to the bit.

mod chain;
mod dynamics;
mod filters;
mod read;
mod shapes;
mod space;

use std::collections::BTreeMap;

use serde::Serialize;

pub(super) use self::chain::Chain;
pub(crate) use self::read::read_chain;

/// One effect, with all of its parameters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Effect {
    /// Its name, such as `lowpass`.
    #[serde(rename = "type")]
    pub name: &'static str,
    /// Its parameters that are numbers, by name.
    pub params: BTreeMap<&'static str, f64>,
    /// Which shape a `saturate` has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<&'static str>,
}

impl Effect {
    /// The value of a parameter; every effect that was read has all of its own.
    fn get(&self, name: &str) -> f64 {
        self.params.get(name).copied().unwrap_or_default()
    }

    /// The length of its tail once the input has ended, in seconds.
    pub(super) fn tail_secs(&self) -> f64 {
        match self.name {
            // Down to a thousandth of the level.
            "delay" => {
                let rounds = (0.001_f64.ln() / self.get("feedback").ln()).clamp(1.0, 40.0);
                (self.get("time") / 1e3 * (rounds + 1.0)).min(10.0)
            }
            "reverb" => 0.5 + 5.0 * self.get("size"),
            "chorus" | "phaser" | "pitchshift" => 0.2,
            _ => 0.0,
        }
    }
}

/// A kind of effect: its name, and each parameter with least, greatest and default value.
struct Kind {
    name: &'static str,
    params: &'static [(&'static str, f64, f64, f64)],
}

/// The shapes of a `saturate`; the first is the default.
const SHAPES: [&str; 9] = ["tanh", "atan", "cubic", "exp", "alg", "quintic", "sin", "erf", "hard"];

const FREQUENCY: &str = "frequency";

const KINDS: [Kind; 17] = [
    Kind { name: "gain", params: &[("gain", -60.0, 12.0, 0.0)] },
    Kind {
        name: "peaking",
        params: &[
            (FREQUENCY, 20.0, 20_000.0, 1000.0),
            ("gain", -40.0, 40.0, 0.0),
            ("q", 0.1, 20.0, 1.0),
        ],
    },
    Kind {
        name: "lowshelf",
        params: &[(FREQUENCY, 20.0, 2000.0, 200.0), ("gain", -40.0, 40.0, 0.0)],
    },
    Kind {
        name: "highshelf",
        params: &[(FREQUENCY, 500.0, 20_000.0, 4000.0), ("gain", -40.0, 40.0, 0.0)],
    },
    Kind {
        name: "highpass",
        params: &[
            (FREQUENCY, 20.0, 20_000.0, 300.0),
            ("q", 0.1, 20.0, 0.707),
            ("poles", 1.0, 2.0, 2.0),
        ],
    },
    Kind {
        name: "lowpass",
        params: &[
            (FREQUENCY, 100.0, 20_000.0, 8000.0),
            ("q", 0.1, 20.0, 0.707),
            ("poles", 1.0, 2.0, 2.0),
        ],
    },
    Kind {
        name: "compressor",
        params: &[
            ("threshold", -60.0, 0.0, -24.0),
            ("ratio", 1.0, 20.0, 4.0),
            ("attack", 0.01, 2000.0, 20.0),
            ("release", 0.01, 9000.0, 250.0),
            ("knee", 1.0, 8.0, 2.83),
            ("makeup", 0.0, 36.0, 0.0),
            ("mix", 0.0, 1.0, 1.0),
        ],
    },
    Kind {
        name: "limiter",
        params: &[
            ("limit", -24.0, 0.0, -1.0),
            ("attack", 0.1, 80.0, 5.0),
            ("release", 1.0, 8000.0, 50.0),
            ("level_out", -24.0, 24.0, 0.0),
        ],
    },
    Kind {
        name: "gate",
        params: &[
            ("threshold", -80.0, 0.0, -35.0),
            ("range", -80.0, 0.0, -24.0),
            ("ratio", 1.0, 20.0, 10.0),
            ("attack", 0.01, 9000.0, 1.0),
            ("release", 0.01, 9000.0, 100.0),
            ("knee", 1.0, 8.0, 2.83),
        ],
    },
    Kind {
        name: "saturate",
        params: &[
            ("threshold", -40.0, 0.0, -6.0),
            ("output", -24.0, 24.0, 0.0),
            ("oversample", 1.0, 8.0, 4.0),
        ],
    },
    Kind {
        name: "bitcrush",
        params: &[("bits", 1.0, 32.0, 8.0), ("samples", 1.0, 250.0, 1.0), ("mix", 0.0, 1.0, 1.0)],
    },
    Kind { name: "pitchshift", params: &[("semitones", -12.0, 12.0, 0.0), ("mix", 0.0, 1.0, 1.0)] },
    Kind {
        name: "delay",
        params: &[
            ("time", 1.0, 5000.0, 250.0),
            ("feedback", 0.01, 0.95, 0.35),
            ("mix", 0.0, 1.0, 0.4),
        ],
    },
    Kind {
        name: "chorus",
        params: &[
            ("delay", 1.0, 100.0, 7.0),
            ("depth", 0.0, 10.0, 2.0),
            ("speed", 0.01, 10.0, 1.0),
            ("mix", 0.0, 1.0, 0.5),
        ],
    },
    Kind {
        name: "phaser",
        params: &[
            ("in_gain", 0.0, 1.0, 0.4),
            ("out_gain", 0.0, 2.0, 0.74),
            ("delay", 0.1, 5.0, 3.0),
            ("decay", 0.0, 0.99, 0.4),
            ("speed", 0.1, 2.0, 0.5),
        ],
    },
    Kind {
        name: "reverb",
        params: &[
            ("size", 0.05, 1.0, 0.7),
            ("damping", 0.0, 1.0, 0.5),
            ("wet", 0.0, 1.0, 0.35),
            ("dry", 0.0, 1.0, 0.7),
        ],
    },
    Kind { name: "truepeak", params: &[("ceiling", -24.0, 0.0, -1.0)] },
];
