//! What a conversation asks a built-in to work on.

use atp_protocol::error::{Code, Fault};
use atp_protocol::request::{Content, MessageContent, Role};
use serde::Deserialize;

/// Most bytes of text a built-in reads.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// Longest paragraph taken for an instruction, in bytes.
const MAX_INSTRUCTION: usize = 300;

/// First words of a paragraph that instructs rather than being worked on, in lower case.
const IMPERATIVES: &[&str] = &[
    "please",
    "kindly",
    "can you",
    "could you",
    "would you",
    "summarise",
    "summarize",
    "sum up",
    "tl;dr",
    "condense",
    "shorten",
    "review",
    "extract the key",
    "extract key",
    "find the key",
    "list the key",
    "keywords of",
];

/// The text of the user's and the tools' turns, oldest first, a blank line between turns. System and assistant turns are
/// instructions and answers, not material.
///
/// # Errors
/// `ECONTEXT` over [`MAX_TEXT_BYTES`], `EBAD_INPUT` when there is no text.
pub(super) fn text(content: &Content) -> Result<String, Fault> {
    let mut text = String::new();
    for message in &content.messages {
        if matches!(message.role, Role::System | Role::Assistant) {
            continue;
        }
        let turn = turn_text(&message.content);
        if text.len() + turn.len() > MAX_TEXT_BYTES {
            return Err(Fault::new(
                Code::Context,
                format!("over {MAX_TEXT_BYTES} bytes of text; split it into several requests"),
            )
            .terminal());
        }
        if !text.is_empty() && !turn.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&turn);
    }
    if text.trim().is_empty() {
        return Err(Fault::new(
            Code::BadInput,
            "no text in the user's turns; send some as content",
        ));
    }
    Ok(text)
}

/// The text without a first or last paragraph that only says what to do with the rest.
pub(super) fn without_instruction(text: &str) -> &str {
    let mut body = text.trim();
    if let Some((first, rest)) = body.split_once("\n\n")
        && instructs(first)
        && !rest.trim().is_empty()
    {
        body = rest.trim_start_matches('\n');
    }
    if let Some((rest, last)) = body.rsplit_once("\n\n")
        && instructs(last)
        && !rest.trim().is_empty()
    {
        body = rest.trim_end();
    }
    body
}

fn instructs(paragraph: &str) -> bool {
    let paragraph = paragraph.trim();
    if paragraph.len() > MAX_INSTRUCTION || paragraph.starts_with('#') {
        return false;
    }
    let lower = paragraph.to_lowercase();
    paragraph.ends_with(':') || IMPERATIVES.iter().any(|word| lower.starts_with(word))
}

fn turn_text(content: &MessageContent) -> String {
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        text: Option<String>,
    }
    match content {
        MessageContent::Text(text) => text.clone(),
        MessageContent::Parts(raw) => serde_json::from_str::<Vec<Part>>(raw.get())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|part| part.text)
            .collect::<Vec<_>>()
            .join("\n"),
        MessageContent::None(()) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::request::Message;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn user_and_tool_turns_are_the_material() {
        let say = |text: &str| MessageContent::Text(text.to_owned());
        let parts = r#"[{"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"x"}},
                        {"type":"text","text":"two"}]"#;
        let content = Content {
            messages: vec![
                Message::new(Role::System, say("be brief")),
                Message::new(
                    Role::User,
                    MessageContent::Parts(RawValue::from_string(parts.to_owned()).unwrap()),
                ),
                Message::new(Role::Assistant, say("an answer")),
                Message::new(Role::Tool, say("three")),
                Message::new(Role::User, MessageContent::None(())),
            ],
            ..Content::default()
        };
        assert_eq!(text(&content).unwrap(), "one\ntwo\n\nthree");
    }

    #[test]
    fn nothing_to_read_and_too_much_are_told_apart() {
        assert_eq!(text(&Content::default()).unwrap_err().code, Code::BadInput);
        assert_eq!(text(&Content::prompt(" \n")).unwrap_err().code, Code::BadInput);
        assert!(text(&Content::prompt("a".repeat(MAX_TEXT_BYTES))).is_ok());
        let fault = text(&Content::prompt("a".repeat(MAX_TEXT_BYTES + 1))).unwrap_err();
        assert_eq!(fault.code, Code::Context);
    }

    #[test]
    fn an_instruction_before_or_after_is_not_material() {
        assert_eq!(
            without_instruction("Summarize the following text.\n\nBody one.\n\nBody two."),
            "Body one.\n\nBody two."
        );
        assert_eq!(
            without_instruction("Here is a report:\n\nBody.\n\nPlease shorten it."),
            "Body."
        );
        assert_eq!(without_instruction("Summarize this."), "Summarize this.");
        assert_eq!(
            without_instruction("# Review of 2023\n\nIt was fine.\n\nThe end."),
            "# Review of 2023\n\nIt was fine.\n\nThe end."
        );
    }
}
