use atp_protocol::error::Code;

use super::*;

const AGENT_TURN: &str = r#"{
  "model": "claude-sonnet-4-5",
  "max_tokens": 1024,
  "system": [{"type": "text", "text": "You are terse.", "cache_control": {"type": "ephemeral"}}],
  "messages": [
    {"role": "user", "content": [
      {"type": "text", "text": "What is this?"},
      {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    ]},
    {"role": "assistant", "content": [
      {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
      {"type": "text", "text": "Let me look."},
      {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1.50}}
    ]},
    {"role": "user", "content": [
      {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "a cat"}]},
      {"type": "text", "text": "So?"}
    ]}
  ],
  "temperature": 0.5,
  "top_k": 5,
  "stop_sequences": ["END"],
  "stream": true,
  "tools": [
    {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}},
    {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
  ],
  "tool_choice": {"type": "tool", "name": "look"},
  "metadata": {"user_id": "u"}
}"#;

fn read(body: &str) -> Result<Parsed, Fault> {
    parse_messages(Bytes::copy_from_slice(body.as_bytes()))
}

#[test]
fn an_agents_turn_is_read_whole() {
    let parsed = read(AGENT_TURN).unwrap();
    assert!(parsed.wants_stream);
    assert_eq!(parsed.native.dialect, Dialect::AnthropicMessages);
    assert_eq!(&parsed.native.bytes[..], AGENT_TURN.as_bytes());
    assert_eq!(
        serde_json::to_value(&*parsed.content).unwrap(),
        json!({
            "messages": [
                {"role": "system", "content": "You are terse."},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                ]},
                {"role": "assistant", "content": "Let me look.", "tool_calls": [
                    {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1.50}"}},
                ]},
                {"role": "tool", "content": "a cat", "tool_call_id": "toolu_1"},
                {"role": "user", "content": "So?"},
            ],
            "model": "claude-sonnet-4-5",
            "max_tokens": 1024,
            "quality": "balanced",
            "temperature": 0.5,
            "stop": ["END"],
            "tools": [
                {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}},
                {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
            ],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
        })
    );
}

#[test]
fn errors_name_the_member_at_fault() {
    let hi = r#""messages":[{"role":"user","content":"hi"}]"#;
    for (body, code, name) in [
        ("5".to_owned(), Code::Proto, "body"),
        (format!("{{{hi}}}"), Code::BadInput, "max_tokens: is missing"),
        (
            format!(r#"{{{hi},"max_tokens":"x"}}"#),
            Code::BadInput,
            "max_tokens: invalid type",
        ),
        (
            format!(r#"{{{hi},"max_tokens":0}}"#),
            Code::BadInput,
            "max_tokens: must be",
        ),
        (
            r#"{"max_tokens":1}"#.to_owned(),
            Code::BadInput,
            "messages: is missing",
        ),
        (
            r#"{"max_tokens":1,"messages":[]}"#.to_owned(),
            Code::BadInput,
            "messages: must hold",
        ),
        (
            r#"{"max_tokens":1,"messages":[{"role":"tool","content":"x"}]}"#.to_owned(),
            Code::BadInput,
            "messages[0]: unknown variant",
        ),
        (
            r#"{"max_tokens":1,"messages":[{"role":"user","content":5}]}"#.to_owned(),
            Code::BadInput,
            "messages[0].content: expected",
        ),
        (
            r#"{"max_tokens":1,"messages":[{"role":"user","content":[{"text":"x"}]}]}"#.to_owned(),
            Code::BadInput,
            "messages[0].content[0]: missing field `type`",
        ),
        (
            format!(r#"{{{hi},"max_tokens":1,"system":5}}"#),
            Code::BadInput,
            "system: expected",
        ),
        (
            format!(r#"{{{hi},"max_tokens":1,"tools":5}}"#),
            Code::BadInput,
            "tools: invalid type",
        ),
        (
            format!(r#"{{{hi},"max_tokens":1,"tool_choice":{{"type":"x"}}}}"#),
            Code::BadInput,
            "tool_choice: expected",
        ),
    ] {
        let fault = read(&body).unwrap_err();
        assert_eq!(fault.code, code, "{body}: {fault}");
        assert!(fault.detail.starts_with(name), "{body}: {fault}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = parse_messages(bytes.into());
    }
}
