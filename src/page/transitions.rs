//! Transitions between scenes, as a page declares them.

use serde::Deserialize;

use super::Number;
use crate::transition::{Ease, Shader, Transition};
use crate::warning::Warning;

/// A transition as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeclaredTransition {
    pub time: Number,
    pub duration: Number,
    /// `None` where the page asks for a plain cross-fade.
    pub shader: Option<String>,
    pub ease: String,
    pub from_scene: String,
    pub to_scene: String,
    /// Scenes of the transition that the page does not have.
    pub missing: Vec<String>,
    /// `#rrggbb`.
    pub accent: Option<String>,
    /// Whether the page's own library can draw it.
    pub by_library: bool,
}

impl DeclaredTransition {
    /// Resolves the declaration; the error's text names its fault.
    pub(crate) fn resolve(
        &self,
        number: usize,
        warnings: &mut Vec<Warning>,
    ) -> Result<Transition, String> {
        let wrong = |text: String| Err(format!("transition {number}: {text}"));
        let Number(time) = self.time;
        if !time.is_finite() {
            return wrong("its time is not a number".into());
        }
        let Number(duration) = self.duration;
        if !(duration.is_finite() && duration > 0.0) {
            return wrong(format!("its duration is {duration} s, expected more than 0"));
        }
        if let Some(id) = self.missing.first() {
            return wrong(format!("there is no scene with the id {id:?}"));
        }
        let (shader, ease) = match self.shader.as_deref() {
            None => (Shader::Crossfade, self.ease(number, warnings)),
            Some(name) => match Shader::named(name) {
                // HyperFrames eases cross-fades only.
                Some(Shader::Crossfade) => (Shader::Crossfade, self.ease(number, warnings)),
                Some(shader) => (shader, Ease::Linear),
                None => {
                    let names = Shader::ALL.map(Shader::name).join(", ");
                    return wrong(format!("its shader is {name:?}, expected one of {names}"));
                }
            },
        };
        Ok(Transition {
            shader,
            time,
            duration,
            ease,
            from_scene: self.from_scene.clone(),
            to_scene: self.to_scene.clone(),
            accent: self.accent.as_deref().and_then(parse_color),
            by_library: self.by_library,
        })
    }

    fn ease(&self, number: usize, warnings: &mut Vec<Warning>) -> Ease {
        Ease::named(&self.ease).unwrap_or_else(|| {
            let text = format!(
                "transition {number}: its ease is {:?}, expected none, sine or power1 to power4 \
                 with .in, .out or .inOut; power2.inOut is used",
                self.ease
            );
            warnings.push(Warning::new("transition_ease", text));
            Ease::InOut(3)
        })
    }
}

fn parse_color(text: &str) -> Option<[u8; 3]> {
    let bits = u32::from_str_radix(text.strip_prefix('#')?, 16).ok()?;
    let [_, r, g, b] = bits.to_be_bytes();
    Some([r, g, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> DeclaredTransition {
        DeclaredTransition {
            time: Number(1.0),
            duration: Number(0.5),
            shader: Some("glitch".into()),
            ease: "power2.inOut".into(),
            from_scene: "a".into(),
            to_scene: "b".into(),
            missing: Vec::new(),
            accent: Some("#102030".into()),
            by_library: false,
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |change: &dyn Fn(&mut DeclaredTransition)| {
            let mut each = declared();
            change(&mut each);
            each.resolve(2, &mut Vec::new()).unwrap_err()
        };
        let text = refused(&|t| t.shader = Some("wipe".into()));
        assert!(
            text.starts_with(
                "transition 2: its shader is \"wipe\", expected one of crossfade, domain-warp"
            ),
            "{text}"
        );
        assert_eq!(
            refused(&|t| t.time = Number(f64::NAN)),
            "transition 2: its time is not a number"
        );
        assert_eq!(
            refused(&|t| t.duration = Number(0.0)),
            "transition 2: its duration is 0 s, expected more than 0"
        );
        assert_eq!(
            refused(&|t| t.missing = vec!["b".into()]),
            "transition 2: there is no scene with the id \"b\""
        );
    }

    #[test]
    fn eases_count_for_fades_alone() {
        let mut warnings = Vec::new();
        let transition = declared().resolve(0, &mut warnings).unwrap();
        assert_eq!((transition.ease, transition.accent), (Ease::Linear, Some([0x10, 0x20, 0x30])));
        let fade = DeclaredTransition { shader: None, accent: None, ..declared() };
        let transition = fade.resolve(0, &mut warnings).unwrap();
        assert_eq!(
            (transition.shader, transition.ease, transition.accent),
            (Shader::Crossfade, Ease::InOut(3), None)
        );
        assert!(warnings.is_empty());
        let odd = DeclaredTransition { ease: "elastic".into(), ..fade };
        assert_eq!(odd.resolve(0, &mut warnings).unwrap().ease, Ease::InOut(3));
        assert_eq!(warnings[0].code, "transition_ease");
    }
}
