use atp_protocol::error::Code;

use super::*;

fn chat(body: &str) -> Result<Parsed, Fault> {
    parse_chat(Bytes::copy_from_slice(body.as_bytes()))
}

const AGENT_TURN: &str = r#"{
  "model": "gpt-4o",
  "messages": [
    {"role": "developer", "content": "You are terse."},
    {"role": "user", "content": [
      {"type": "text", "text": "What is in this image?"},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
    ], "name": "ann"},
    {"role": "assistant", "content": null, "tool_calls": [
      {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}
    ], "refusal": null},
    {"role": "tool", "tool_call_id": "call_1", "content": "a cat"}
  ],
  "temperature": 0.2,
  "top_p": 1,
  "max_tokens": 400,
  "max_completion_tokens": 300,
  "stop": "END",
  "stream": true,
  "stream_options": {"include_usage": true},
  "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
  "tool_choice": "auto",
  "response_format": {"type": "json_object"},
  "parallel_tool_calls": false,
  "n": 2,
  "cost_limit": 0.05,
  "quality_preference": "high",
  "provider_preference": "openai",
  "metadata": {"anything": [1.0e3]}
}"#;

#[test]
fn an_agents_turn_is_read_whole() {
    let parsed = chat(AGENT_TURN).unwrap();
    let content = &parsed.content;
    assert_eq!(content.model.as_deref(), Some("gpt-4o"));
    assert_eq!(content.max_tokens, Some(300));
    assert_eq!(content.quality, Quality::High);
    assert_eq!((content.temperature, content.top_p), (Some(0.2), Some(1.0)));
    assert_eq!(content.stop, ["END"]);
    assert_eq!(content.tool_choice.as_ref().unwrap().get(), "\"auto\"");
    assert!(content.tools.as_ref().unwrap().get().starts_with("[{"));
    assert!(parsed.wants_stream && parsed.wants_usage);
    assert_eq!(parsed.choices, 2);
    assert_eq!(parsed.max_cost_usd_micros, Some(50_000));
    assert_eq!(parsed.provider_preference.as_deref(), Some("openai"));
    assert_eq!(&parsed.native.bytes[..], AGENT_TURN.as_bytes());

    let [system, user, assistant, tool] = &content.messages[..] else {
        panic!("four turns expected");
    };
    assert_eq!(system.role, Role::System);
    assert!(matches!(&system.content, MessageContent::Text(text) if text == "You are terse."));
    assert!(matches!(&user.content, MessageContent::Parts(parts) if parts.get().contains("image_url")));
    assert_eq!(user.name.as_deref(), Some("ann"));
    assert!(matches!(assistant.content, MessageContent::None(())));
    assert!(assistant.tool_calls.as_ref().unwrap().get().contains("call_1"));
    assert_eq!(
        (tool.role, tool.tool_call_id.as_deref()),
        (Role::Tool, Some("call_1"))
    );
}

#[test]
fn a_bare_request_takes_the_defaults() {
    let parsed = chat(r#"{"messages":[{"role":"user","content":"hi"}],"stop":null,"stream":null}"#).unwrap();
    assert!(!parsed.wants_stream && !parsed.wants_usage);
    assert_eq!(
        (
            parsed.choices,
            parsed.content.max_tokens,
            parsed.content.model.as_deref()
        ),
        (1, None, None)
    );
}

#[test]
fn errors_name_the_member_at_fault() {
    let hi = r#""messages":[{"role":"user","content":"hi"}]"#;
    for (body, code, name) in [
        ("[]".to_owned(), Code::Proto, "body"),
        ("{".to_owned(), Code::Proto, "body"),
        ("{}".to_owned(), Code::BadInput, "messages: is missing"),
        (r#"{"messages":[]}"#.to_owned(), Code::BadInput, "messages"),
        (
            r#"{"messages":"hi"}"#.to_owned(),
            Code::BadInput,
            "messages: invalid type: string",
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"},{"content":"b"}]}"#.to_owned(),
            Code::BadInput,
            "messages[1]: missing field `role`",
        ),
        (
            r#"{"messages":[{"role":"king","content":"a"}]}"#.to_owned(),
            Code::BadInput,
            "messages[0]: unknown variant",
        ),
        (
            r#"{"messages":[{"role":"user","content":5}]}"#.to_owned(),
            Code::BadInput,
            "messages[0].content",
        ),
        (
            format!(r#"{{{hi},"max_tokens":"many"}}"#),
            Code::BadInput,
            "max_tokens: invalid type",
        ),
        (
            format!(r#"{{{hi},"max_tokens":0}}"#),
            Code::BadInput,
            "max_tokens",
        ),
        (
            format!(r#"{{{hi},"max_tokens":-1}}"#),
            Code::BadInput,
            "max_tokens",
        ),
        (
            format!(r#"{{{hi},"temperature":"hot"}}"#),
            Code::BadInput,
            "temperature",
        ),
        (format!(r#"{{{hi},"stream":"yes"}}"#), Code::BadInput, "stream"),
        (
            format!(r#"{{{hi},"stream_options":[true]}}"#),
            Code::BadInput,
            "stream_options: expected an object",
        ),
        (
            format!(r#"{{{hi},"stop":5}}"#),
            Code::BadInput,
            "stop: expected a string or an array",
        ),
        (
            format!(r#"{{{hi},"tools":{{}}}}"#),
            Code::BadInput,
            "tools: expected an array",
        ),
        (
            format!(r#"{{{hi},"cost_limit":-1}}"#),
            Code::BadInput,
            "cost_limit",
        ),
        (format!(r#"{{{hi},"n":0}}"#), Code::BadInput, "n: "),
        (
            format!(r#"{{"model":"a",{hi},"model":"b"}}"#),
            Code::Proto,
            "model: given more than once",
        ),
    ] {
        let fault = chat(&body).unwrap_err();
        assert_eq!(fault.code, code, "{body}: {fault}");
        assert!(fault.detail.starts_with(name), "{body}: {fault}");
    }
}

#[test]
fn embeddings_keep_their_body_and_show_their_text() {
    let body = Bytes::from_static(
        br#"{"model":"text-embedding-3-small","input":["a","b"],"encoding_format":"base64"}"#,
    );
    let parsed = parse_embeddings(body.clone()).unwrap();
    assert_eq!(parsed.native.dialect, Dialect::OpenAiEmbeddings);
    assert_eq!(parsed.native.bytes, body);
    assert_eq!(parsed.content.text_bytes(), 9);
    assert!(parse_embeddings(Bytes::from_static(br#"{"input":5}"#)).is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = parse_chat(bytes.into());
    }
}
