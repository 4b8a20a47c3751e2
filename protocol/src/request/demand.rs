//! What a request demands of its answer beyond words.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::AgentRequest;

/// Something without which an answer is none for whoever asked, and which not everybody can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Several answers to one question (`n`).
    Choices,
    /// The call of a tool (`tool_choice`): an answer in words will not do.
    ToolCall,
    /// A form other than text (`response_format`).
    ResponseFormat,
}

impl Demand {
    /// Every demand.
    pub const ALL: &'static [Self] = &[Self::Choices, Self::ToolCall, Self::ResponseFormat];
}

impl AgentRequest {
    /// What it demands. Tools that may be called or not are no demand.
    pub fn demands(&self) -> impl Iterator<Item = Demand> {
        let content = &self.content;
        let is_demanded = |demand: &Demand| match demand {
            Demand::Choices => self.choices > 1,
            Demand::ToolCall => content.tool_choice.as_deref().is_some_and(forces_a_call),
            Demand::ResponseFormat => content.response_format.as_deref().is_some_and(is_no_text),
        };
        Demand::ALL.iter().copied().filter(is_demanded)
    }
}

/// `required`, one function, or a list of functions of which one is required.
fn forces_a_call(choice: &RawValue) -> bool {
    match parsed(choice) {
        Value::String(word) => word == "required",
        Value::Object(choice) => choice
            .get("allowed_tools")
            .is_none_or(|allowed| allowed["mode"] == "required"),
        _ => false,
    }
}

fn is_no_text(format: &RawValue) -> bool {
    parsed(format)["type"] != "text"
}

fn parsed(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_a_choice_is_no_demand() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        for (choice, forces) in [
            (r#""auto""#, false),
            (r#""none""#, false),
            (r#""required""#, true),
            (r#"{"type":"function","function":{"name":"f"}}"#, true),
            (
                r#"{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}"#,
                false,
            ),
            (
                r#"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}}"#,
                true,
            ),
        ] {
            assert_eq!(forces_a_call(&raw(choice)), forces, "{choice}");
        }
        for (format, is_demand) in [
            (r#"{"type":"text"}"#, false),
            (r#"{"type":"json_object"}"#, true),
            (r#"{"type":"json_schema","json_schema":{"name":"s"}}"#, true),
        ] {
            assert_eq!(is_no_text(&raw(format)), is_demand, "{format}");
        }
    }
}
