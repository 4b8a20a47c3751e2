//! Tools and the choice among them, in both shapes. Tools that are not functions stay as they are.

use atp_protocol::error::Fault;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::wire::field::{parse, wrong};

/// Anthropic's tools in the OpenAI shape.
pub(super) fn to_functions(tools: &RawValue) -> Result<Box<RawValue>, Fault> {
    let tools: Vec<Map<String, Value>> = parse(tools.get().as_bytes(), "tools")?;
    let tools: Vec<_> = tools.into_iter().map(to_function).collect();
    Ok(raw(&tools))
}

fn to_function(mut tool: Map<String, Value>) -> Value {
    // Tools that run at the provider have a type of their own and no schema.
    let Some(schema) = tool.remove("input_schema") else {
        return Value::Object(tool);
    };
    let mut function = Map::new();
    for key in ["name", "description"] {
        if let Some(value) = tool.remove(key) {
            function.insert(key.to_owned(), value);
        }
    }
    function.insert("parameters".to_owned(), schema);
    json!({ "type": "function", "function": function })
}

/// OpenAI's tools in Anthropic's shape.
pub(super) fn from_functions(tools: &RawValue) -> Result<Value, Fault> {
    let tools: Vec<Map<String, Value>> = parse(tools.get().as_bytes(), "tools")?;
    Ok(tools.into_iter().map(from_function).collect())
}

fn from_function(mut tool: Map<String, Value>) -> Value {
    let Some(Value::Object(mut function)) = tool.remove("function") else {
        return Value::Object(tool);
    };
    let schema = function
        .remove("parameters")
        .unwrap_or_else(|| json!({ "type": "object" }));
    let mut out = Map::new();
    for key in ["name", "description"] {
        if let Some(value) = function.remove(key) {
            out.insert(key.to_owned(), value);
        }
    }
    out.insert("input_schema".to_owned(), schema);
    Value::Object(out)
}

/// Anthropic's choice in the OpenAI shape.
pub(super) fn to_choice(choice: &RawValue) -> Result<Box<RawValue>, Fault> {
    let choice: Map<String, Value> = parse(choice.get().as_bytes(), "tool_choice")?;
    let name = choice.get("name");
    Ok(match (choice.get("type").and_then(Value::as_str), name) {
        (Some("auto"), _) => raw(&"auto"),
        (Some("any"), _) => raw(&"required"),
        (Some("none"), _) => raw(&"none"),
        (Some("tool"), Some(name)) => raw(&json!({ "type": "function", "function": { "name": name } })),
        _ => {
            return Err(wrong(
                "tool_choice",
                "expected type auto, any, none, or tool with a name",
            ));
        }
    })
}

/// OpenAI's choice in Anthropic's shape.
pub(super) fn from_choice(choice: &RawValue) -> Result<Value, Fault> {
    let choice: Value = parse(choice.get().as_bytes(), "tool_choice")?;
    Ok(match choice.as_str() {
        Some("auto") => json!({ "type": "auto" }),
        Some("required") => json!({ "type": "any" }),
        Some("none") => json!({ "type": "none" }),
        Some(_) => {
            return Err(wrong(
                "tool_choice",
                "expected auto, required, none or a function",
            ));
        }
        None => match choice.pointer("/function/name") {
            Some(name) => json!({ "type": "tool", "name": name }),
            None => choice,
        },
    })
}

pub(super) fn raw<T: serde::Serialize>(value: &T) -> Box<RawValue> {
    to_raw_value(value).expect("values with string keys encode")
}
