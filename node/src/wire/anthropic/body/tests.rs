use atp_protocol::error::Code;
use serde_json::json;

use super::*;
use crate::wire::anthropic::parse_messages;
use crate::wire::openai::parse_chat;

const TERMS: Terms<'_> = Terms {
    model: "claude-sonnet-4-5",
    system: None,
    is_stream: false,
    max_output_tokens: None,
    seed: None,
    is_single: true,
};

fn translated(chat: &str, terms: &Terms<'_>) -> Result<Value, Fault> {
    let parsed = parse_chat(Bytes::copy_from_slice(chat.as_bytes())).unwrap();
    let body = body(&parsed.content, terms)?;
    Ok(serde_json::from_slice(&body).unwrap())
}

#[test]
fn an_openai_conversation_becomes_anthropics() {
    let chat = r#"{
      "model": "gpt-4o", "temperature": 1.7, "stop": ["END", " "], "max_tokens": 900,
      "messages": [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": [
          {"type": "text", "text": "What are these?"},
          {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
          {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
          {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
        ]},
        {"role": "assistant", "content": null, "tool_calls": [
          {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}},
          {"id": "c2", "type": "function", "function": {"name": "look", "arguments": ""}}
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {"role": "user", "content": "So?"},
        {"role": "developer", "content": "Answer in French."},
        {"role": "assistant", "content": ""}
      ],
      "tools": [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": true}}],
      "tool_choice": "required"
    }"#;
    let terms = Terms {
        system: Some("You are a critic."),
        max_output_tokens: Some(500),
        is_stream: true,
        ..TERMS
    };
    assert_eq!(
        translated(chat, &terms).unwrap(),
        json!({
            "model": "claude-sonnet-4-5",
            "max_tokens": 500,
            "system": "You are a critic.\n\nBe terse.\n\nAnswer in French.",
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "What are these?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                    {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}},
                    {"type": "tool_use", "id": "c2", "name": "look", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "a cat"}]},
                    {"type": "tool_result", "tool_use_id": "c2", "content": []},
                    {"type": "text", "text": "So?"},
                ]},
            ],
            "temperature": 1.0,
            "stop_sequences": ["END"],
            "tools": [{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "any"},
            "stream": true,
        })
    );
}

#[test]
fn a_conversation_survives_the_way_through_the_canonical_shape() {
    let messages = json!([
        {"role": "user", "content": [{"type": "text", "text": "Look."}]},
        {"role": "assistant", "content": [
            {"type": "text", "text": "Yes."},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a cat"}]},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
            {"type": "search_result", "source": "x", "title": "y", "content": []},
        ]},
    ]);
    let native = json!({"model": "a", "max_tokens": 7, "system": "Be terse.", "messages": messages});
    let parsed = parse_messages(native.to_string().into()).unwrap();
    let back: Value = serde_json::from_slice(&body(&parsed.content, &TERMS).unwrap()).unwrap();
    assert_eq!(back["messages"], messages);
    assert_eq!(
        (&back["system"], &back["max_tokens"]),
        (&json!("Be terse."), &json!(7))
    );
}

#[test]
fn a_limit_is_always_named_and_bad_calls_are_refused() {
    let plain = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(translated(plain, &TERMS).unwrap()["max_tokens"], 512);
    let bad = r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{"}}]}]}"#;
    let fault = translated(bad, &TERMS).unwrap_err();
    assert_eq!(fault.code, Code::BadInput);
    assert!(fault.detail.starts_with("messages[0].tool_calls"), "{fault}");
}
