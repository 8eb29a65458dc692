//! The display that HDR10 is mastered for.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::JobError;
use crate::color::MasteringDisplay;

/// The display that HDR10 is mastered for (SMPTE ST 2086).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "an object")]
pub struct Display {
    /// Its primaries and its range of light: `bt2020-1000`, `p3-1000` or `p3-4000`. Default:
    /// `bt2020-1000`.
    pub preset: DisplayPreset,
    /// The brightest light it shows, in nit, 50 to 10000. Default: the number in the preset's name.
    #[cfg_attr(feature = "schema", schemars(range(min = 50, max = 10_000)))]
    pub max_luminance: Option<f64>,
    /// The darkest light, in nit, 0.0001 to 5. Default: 0.0001, or 0.005 for `p3-4000`.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0001, max = 5)))]
    pub min_luminance: Option<f64>,
}

/// Displays that masters are made on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[non_exhaustive]
pub enum DisplayPreset {
    /// The primaries of BT.2020, 1000 nit.
    #[default]
    #[serde(rename = "bt2020-1000")]
    Bt2020Nits1000,
    /// The primaries of P3 with the white of D65, 1000 nit.
    #[serde(rename = "p3-1000")]
    P3Nits1000,
    /// The primaries of P3 with the white of D65, 4000 nit.
    #[serde(rename = "p3-4000")]
    P3Nits4000,
}

impl Display {
    /// The display in the units of files.
    pub(crate) fn resolved(self) -> MasteringDisplay {
        let preset = match self.preset {
            DisplayPreset::Bt2020Nits1000 => MasteringDisplay::BT2020_1000,
            DisplayPreset::P3Nits1000 => MasteringDisplay::P3_1000,
            DisplayPreset::P3Nits4000 => MasteringDisplay {
                max_luminance: 40_000_000,
                min_luminance: 50,
                ..MasteringDisplay::P3_1000
            },
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "validated")]
        let steps = |nits: f64| (nits * 10_000.0).round() as u32;
        MasteringDisplay {
            max_luminance: self.max_luminance.map_or(preset.max_luminance, steps),
            min_luminance: self.min_luminance.map_or(preset.min_luminance, steps),
            ..preset
        }
    }

    pub(super) fn validate(self) -> Result<(), JobError> {
        let check = |name: &str, value: Option<f64>, least: f64, most: f64| match value {
            Some(nits) if !(least..=most).contains(&nits) => Err(JobError::BadValue {
                path: format!("color.masteringDisplay.{name}"),
                found: nits.to_string(),
                expected: format!("within {least} to {most}"),
            }),
            _ => Ok(()),
        };
        check("maxLuminance", self.max_luminance, 50.0, 10_000.0)?;
        check("minLuminance", self.min_luminance, 0.0001, 5.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_and_what_is_changed_about_them() {
        let of = |text: &str| serde_json::from_str::<Display>(text).unwrap().resolved();
        assert_eq!(of("{}"), MasteringDisplay::BT2020_1000);
        assert_eq!(of(r#"{ "preset": "p3-1000" }"#), MasteringDisplay::P3_1000);
        let bright = of(r#"{ "preset": "p3-4000" }"#);
        assert_eq!(bright.primaries, MasteringDisplay::P3_1000.primaries);
        assert_eq!((bright.max_luminance, bright.min_luminance), (40_000_000, 50));
        let own = of(r#"{ "preset": "p3-4000", "maxLuminance": 1600.5, "minLuminance": 0.02 }"#);
        assert_eq!((own.max_luminance, own.min_luminance), (16_005_000, 200));
        assert_eq!(own.white, [15_635, 16_450]);
    }
}
