//! Chat completions in OpenAI's wording.

use super::script::{Fault, Script};
use super::surface::{Surface, quoted};

pub(super) struct OpenAi;

impl Surface for OpenAi {
    fn whole(&self, script: &Script) -> String {
        let usage = match script.fault {
            Some(Fault::NoUsage) => String::new(),
            _ => format!(r#","usage":{}"#, usage(script)),
        };
        format!(
            concat!(
                r#"{{"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":{model},"#,
                r#""choices":[{{"index":0,"message":{{"role":"assistant","content":"The upstream answers."}},"#,
                r#""logprobs":null,"finish_reason":"stop"}}]{usage}}}"#
            ),
            model = quoted(&script.model),
            usage = usage,
        )
    }

    fn opening(&self, script: &Script) -> String {
        chunk(script, r#"{"role":"assistant","content":""}"#, "null")
    }

    fn token(&self, script: &Script, sent_nanos: u128) -> String {
        chunk(script, &format!(r#"{{"content":"@{sent_nanos} "}}"#), "null")
    }

    fn closing(&self, script: &Script) -> String {
        let mut events = chunk(script, "{}", r#""stop""#);
        if script.wants_usage && script.fault != Some(Fault::NoUsage) {
            events += &event(script, "[]", &format!(r#","usage":{}"#, usage(script)));
        }
        events += "data: [DONE]\n\n";
        events
    }

    fn error(&self, kind: &str, message: &str) -> String {
        format!(
            r#"{{"error":{{"message":{},"type":{},"param":null,"code":null}}}}"#,
            quoted(message),
            quoted(kind)
        )
    }
}

fn chunk(script: &Script, delta: &str, finish_reason: &str) -> String {
    let choices =
        format!(r#"[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish_reason}}}]"#);
    event(script, &choices, "")
}

fn event(script: &Script, choices: &str, usage: &str) -> String {
    format!(
        concat!(
            r#"data: {{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"#,
            r#""model":{model},"choices":{choices}{usage}}}"#,
            "\n\n"
        ),
        model = quoted(&script.model),
        choices = choices,
        usage = usage,
    )
}

fn usage(script: &Script) -> String {
    let (prompt, completion) = (script.prompt_tokens, script.reported_tokens());
    format!(
        r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{}}}"#,
        prompt.saturating_add(completion)
    )
}
