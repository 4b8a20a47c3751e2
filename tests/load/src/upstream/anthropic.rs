//! Messages in Anthropic's wording.

use super::script::{Fault, Script};
use super::surface::{Surface, quoted};

pub(super) struct Anthropic;

impl Surface for Anthropic {
    fn whole(&self, script: &Script) -> String {
        let content = r#"[{"type":"text","text":"The upstream answers."}]"#;
        message(script, content, r#""end_turn""#, script.reported_tokens())
    }

    fn opening(&self, script: &Script) -> String {
        let start = format!(
            r#"{{"type":"message_start","message":{}}}"#,
            message(script, "[]", "null", 0)
        );
        let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
        event("message_start", &start) + &event("content_block_start", block)
    }

    fn token(&self, _: &Script, sent_nanos: u128) -> String {
        let delta = format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"@{sent_nanos} "}}}}"#
        );
        event("content_block_delta", &delta)
    }

    fn closing(&self, script: &Script) -> String {
        let usage = match script.fault {
            Some(Fault::NoUsage) => String::new(),
            _ => format!(r#","usage":{{"output_tokens":{}}}"#, script.reported_tokens()),
        };
        let delta = format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn","stop_sequence":null}}{usage}}}"#
        );
        event("content_block_stop", r#"{"type":"content_block_stop","index":0}"#)
            + &event("message_delta", &delta)
            + &event("message_stop", r#"{"type":"message_stop"}"#)
    }

    fn error(&self, kind: &str, message: &str) -> String {
        format!(
            r#"{{"type":"error","error":{{"type":{},"message":{}}}}}"#,
            quoted(kind),
            quoted(message)
        )
    }
}

fn message(script: &Script, content: &str, stop_reason: &str, output_tokens: u64) -> String {
    let usage = match script.fault {
        Some(Fault::NoUsage) => String::new(),
        _ => format!(
            r#","usage":{{"input_tokens":{},"output_tokens":{output_tokens}}}"#,
            script.prompt_tokens
        ),
    };
    format!(
        concat!(
            r#"{{"id":"msg_mock","type":"message","role":"assistant","model":{model},"content":{content},"#,
            r#""stop_reason":{stop_reason},"stop_sequence":null{usage}}}"#
        ),
        model = quoted(&script.model),
        content = content,
        stop_reason = stop_reason,
        usage = usage,
    )
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
