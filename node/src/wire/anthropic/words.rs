//! Why an answer ended, in both vocabularies.

/// Anthropic's word for OpenAI's. Words unknown to it are passed on.
#[must_use]
pub fn stop_reason(finish_reason: &str) -> &str {
    match finish_reason {
        "stop" => "end_turn",
        "length" => "max_tokens",
        "tool_calls" | "function_call" => "tool_use",
        "content_filter" => "refusal",
        other => other,
    }
}

/// OpenAI's word for Anthropic's. Words unknown to it are passed on.
#[must_use]
pub fn finish_reason(stop_reason: &str) -> &str {
    match stop_reason {
        "end_turn" | "stop_sequence" | "pause_turn" => "stop",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_words_survive_both_ways() {
        for word in ["stop", "length", "tool_calls", "content_filter"] {
            assert_eq!(finish_reason(stop_reason(word)), word);
        }
        assert_eq!(finish_reason("stop_sequence"), "stop");
        assert_eq!(stop_reason("novel"), "novel");
    }
}
