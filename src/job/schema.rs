//! The JSON Schema of a job file.

use schemars::schema_for;
use serde_json::{Value, json};

use super::Job;

/// The schema of `job.json`, as the text of `job.schema.json`.
///
/// It knows our names only: HyperFrames' names are read, too, but an editor should offer one name
/// for each field.
pub fn schema() -> String {
    let mut schema = schema_for!(Job).to_value();
    if let Some(properties) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
        let own =
            json!({ "description": "The schema of this file, for editors.", "type": "string" });
        properties.insert("$schema".into(), own);
    }
    format!("{schema:#}\n")
}
