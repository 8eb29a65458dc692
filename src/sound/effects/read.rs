//! Chains as they are written in the page.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Effect, KINDS, Kind, SHAPES};

/// Keys beside the parameters that do not affect the sound.
const LABELS: [&str; 4] = ["type", "id", "label", "fromPreset"];

/// HyperFrames' knobs that our processors do not have.
const IGNORED: [&str; 2] = ["lookahead", "release"];

/// Reads a chain: `[{type, ...params}]`, or HyperFrames' `{nodes: [{type, params}]}`.
///
/// Returns the effects that can be applied, and the faults of the others, in words.
pub(crate) fn read_chain(text: &str) -> (Vec<Effect>, Vec<String>) {
    let mut troubles = Vec::new();
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let list = value.as_array().or_else(|| value["nodes"].as_array());
    let Some(list) = list else {
        let text = "expected a JSON list of effects such as {\"type\": \"lowpass\"}";
        return (Vec::new(), vec![text.to_owned()]);
    };
    let effects = list.iter().enumerate();
    let effects = effects.filter_map(|(n, node)| read_effect(n, node, &mut troubles)).collect();
    (effects, troubles)
}

fn read_effect(number: usize, node: &Value, troubles: &mut Vec<String>) -> Option<Effect> {
    let name = node["type"].as_str().unwrap_or_default();
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        let found = &node["type"];
        troubles.push(format!("[{number}].type is {found}, expected one of {}", known.join(", ")));
        return None;
    };
    let empty = Map::new();
    let written = node["params"].as_object().or_else(|| node.as_object()).unwrap_or(&empty);
    let mut params: BTreeMap<_, _> =
        kind.params.iter().map(|&(key, _, _, usual)| (key, usual)).collect();
    let mut shape = (name == "saturate").then_some(SHAPES[0]);
    let is_flat = !node["params"].is_object();
    for (key, value) in written {
        let place = format!("[{number}].{key} of {name}");
        if is_flat && LABELS.contains(&key.as_str()) {
            continue;
        }
        // Where the parameters are in an object of their own, one of them is a `type`, too.
        if name == "saturate" && matches!(key.as_str(), "type" | "shape") {
            let known = SHAPES.iter().find(|known| value.as_str() == Some(known));
            if known.is_none() {
                let all = SHAPES.join(", ");
                troubles.push(format!("{place} is {value}, expected one of {all}"));
            }
            shape = known.copied().or(shape);
            continue;
        }
        match read_param(kind, key, value) {
            Ok((key, value)) => drop(params.insert(key, value)),
            Err(None) if name == "truepeak" && IGNORED.contains(&key.as_str()) => {}
            Err(None) => {
                let known: Vec<_> = kind.params.iter().map(|param| param.0).collect();
                troubles.push(format!("{place} is unknown, expected {}", known.join(", ")));
            }
            Err(Some((least, most))) => {
                let text = format!("{place} is {value}, expected a number from {least} to {most}");
                troubles.push(text);
            }
        }
    }
    Some(Effect { name: kind.name, params, shape })
}

/// A parameter and its value; otherwise nothing if there is none of that name, or its range.
fn read_param(
    kind: &Kind,
    key: &str,
    value: &Value,
) -> Result<(&'static str, f64), Option<(f64, f64)>> {
    let &(key, least, most, _) = kind.params.iter().find(|param| param.0 == key).ok_or(None)?;
    // HyperFrames writes choices such as `poles` as text.
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|n| (least..=most).contains(n)).map(|n| (key, n)).ok_or(Some((least, most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_read_in_both_forms() {
        let flat = r#"[{"type":"lowpass","frequency":500},{"type":"saturate","shape":"sin"}]"#;
        let nested = r#"{"version":1,"nodes":[
            {"type":"lowpass","id":"n1","label":"Dull","params":{"frequency":500,"poles":"2"}},
            {"type":"saturate","params":{"type":"sin"}}]}"#;
        let (effects, troubles) = read_chain(flat);
        assert_eq!(troubles, [""; 0]);
        assert_eq!((&effects, troubles), (&read_chain(nested).0, read_chain(nested).1));
        assert_eq!(effects[0].params[FREQUENCY].to_bits(), 500.0_f64.to_bits());
        assert_eq!(effects[1].shape, Some("sin"));
    }

    const FREQUENCY: &str = super::super::FREQUENCY;

    #[test]
    fn what_is_wrong_is_named() {
        let text = r#"[{"type":"echo"},{"type":"gain","gain":99},{"type":"gate","knob":1}]"#;
        let (effects, troubles) = read_chain(text);
        assert_eq!(effects.len(), 2);
        assert!(troubles[0].starts_with("[0].type is \"echo\", expected one of gain,"));
        assert_eq!(troubles[1], "[1].gain of gain is 99, expected a number from -60 to 12");
        assert!(troubles[2].starts_with("[2].knob of gate is unknown, expected threshold,"));
        assert!(read_chain("x").1[0].starts_with("expected a JSON list"));
    }
}
