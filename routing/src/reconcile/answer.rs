//! What a lane, or the session as a whole, answers.

use atp_protocol::finding::Finding;
use atp_protocol::ids::LaneId;
use bytes::Bytes;
use serde_json::Value;

use crate::agreement::Tokens;

/// An answer. Empty members are absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Text.
    pub text: String,
    /// Structured result.
    pub data: Option<Value>,
    /// Findings, checked and canonical.
    pub findings: Vec<Finding>,
    /// Tool calls in the OpenAI shape.
    pub tool_calls: Option<Value>,
    /// The model that answered.
    pub model: Option<String>,
    /// Why it ended, in the OpenAI words.
    pub finish_reason: Option<String>,
    /// The provider's own body, where it is forwarded as received.
    pub body: Option<Bytes>,
}

/// A lane's share of a merged text.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Whose it is.
    pub lane: LaneId,
    /// What it weighed.
    pub weight: f64,
    /// What it said.
    pub text: String,
}

impl Answer {
    /// Whether there is nothing in it a client could use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
            && self.data.is_none()
            && self.findings.is_empty()
            && self.tool_calls.is_none()
            && self.body.is_none()
    }

    /// Whether a second agent approves with it: `data` is `{"ack": true, …}` (two_phase).
    #[must_use]
    pub fn is_ack(&self) -> bool {
        self.data
            .as_ref()
            .is_some_and(|data| data.get("ack") == Some(&Value::Bool(true)))
    }

    /// What it is compared by: words of the text, and `path=value` of each leaf of data and tool calls.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        let mut tokens = Tokens::of(&self.text);
        if let Some(data) = &self.data {
            leaves(data, "data", &mut tokens);
        }
        if let Some(calls) = &self.tool_calls {
            leaves(calls, "tool_calls", &mut tokens);
        }
        tokens
    }
}

/// Adds the leaves below `value`. Ids of tool calls are minted anew by each model, so they are left out.
fn leaves(value: &Value, path: &str, into: &mut Tokens) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if !(path.starts_with("tool_calls") && name == "id") {
                    leaves(member, &format!("{path}.{name}"), into);
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                leaves(item, &format!("{path}.{at}"), into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            into.insert(format!("{path}={value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agreement::jaccard;

    #[test]
    fn equal_tool_calls_are_alike_whatever_their_ids() {
        let call = |id: &str, city: &str| Answer {
            tool_calls: Some(json!([{"id": id, "function": {"name": "weather", "arguments": city}}])),
            ..Answer::default()
        };
        let likeness = |a: &Answer, b: &Answer| jaccard(&a.tokens(), &b.tokens());
        assert_eq!(likeness(&call("x1", "Bonn"), &call("y2", "Bonn")), 1.0);
        assert!(likeness(&call("x1", "Bonn"), &call("x1", "Kiel")) < 0.5);
    }
}
