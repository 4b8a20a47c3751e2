//! Against a scripted upstream: what goes out, what comes back, and what every kind of failure becomes.

mod answers;
mod failures;

use super::*;
use crate::provider::http::HttpDial;
use crate::provider::settings::Auth;
use crate::provider::testing::{Script, Upstream, build, call, clock, run, settings};
use crate::secret::Secret;
use atp_actors::adapter::Metered;
use atp_protocol::adapter::UsageSource;
use atp_protocol::request::Content;

const COMPLETION: &str = r#"{
  "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
  "object": "chat.completion",
  "created": 1741570283,
  "model": "gpt-4o-2024-08-06",
  "choices": [{
    "index": 0,
    "message": {"role": "assistant", "content": "Hello there.", "refusal": null, "annotations": []},
    "logprobs": null,
    "finish_reason": "stop"
  }],
  "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0}},
  "service_tier": "default",
  "system_fingerprint": "fp_fc9f1d7035"
}"#;

const ROLE: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";
const HEL: &str = "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const LO: &str = "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo \\\"usage\\\": 1\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const STOP: &str = "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
const USAGE: &str = "data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2,\"total_tokens\":10}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

const ASK: &str = r#"{"model":"auto","messages":[{"role":"user","content":"hi"}],"unknown":1.50}"#;
const ASK_STREAM: &str = r#"{"model":"auto","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const ASK_USAGE: &str = r#"{"model":"auto","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;

fn adapter(upstream: &Upstream, change: impl FnOnce(&mut Settings)) -> Rc<dyn Adapter> {
    let mut settings = settings(upstream.url("/v1"));
    settings.auth = Auth::Bearer(Secret::new("sk-test".to_owned()));
    change(&mut settings);
    build(OpenAi::new(settings, Arc::new(HttpDial::plaintext()), clock()).unwrap())
}

fn forward(body: &str) -> Call {
    call(
        Form::Forward,
        body.contains("\"stream\":true"),
        Some((Dialect::OpenAiChat, body)),
        Content::prompt("hi"),
    )
}

fn read(wants_stream: bool) -> Call {
    call(Form::Read, wants_stream, None, Content::prompt("hi"))
}

fn reported(in_tokens: u64, out_tokens: u64) -> Option<Metered> {
    Some(Metered {
        in_tokens,
        out_tokens,
        usd_micros: None,
        source: UsageSource::Reported,
    })
}
