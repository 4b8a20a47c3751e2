//! What the two provider protocols have in common: a whole answer, or an opening, tokens and a closing.

use super::script::Script;

/// The wording of one provider protocol. All strings are complete: JSON documents, or SSE events with their blank line.
pub(super) trait Surface {
    fn whole(&self, script: &Script) -> String;
    fn opening(&self, script: &Script) -> String;
    /// One token that says when it was sent.
    fn token(&self, script: &Script, sent_nanos: u128) -> String;
    fn closing(&self, script: &Script) -> String;
    fn error(&self, kind: &str, message: &str) -> String;
}

/// `text` as a JSON string, with its quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
