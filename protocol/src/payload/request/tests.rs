use super::*;
use crate::limits::Limits;
use crate::value::json;

fn read(text: &str) -> Result<Request, Fault> {
    Request::read(&json::parse(text, &Limits::DEFAULT).unwrap())
}

fn prompt(request: &Request) -> &str {
    match &request.content.messages[..] {
        [
            Message {
                role: Role::User,
                content: MessageContent::Text(text),
                ..
            },
        ] => text,
        other => panic!("not one user turn: {other:?}"),
    }
}

#[test]
fn a_prompt_comes_in_four_spellings() {
    for text in [
        r#""hi""#,
        r#"{"prompt":"hi"}"#,
        r#"{"text":"hi"}"#,
        r#"{"messages":[{"role":"user","content":"hi"}]}"#,
    ] {
        assert_eq!(prompt(&read(text).unwrap()), "hi", "{text}");
    }
}

#[test]
fn what_is_not_said_takes_its_default() {
    let request = read(r#"{"prompt":"x"}"#).unwrap();
    assert_eq!(request.latency_slo_ms, 2_000);
    assert_eq!(request.content.quality, Quality::Balanced);
    assert_eq!(
        (
            request.content.max_tokens,
            request.max_cost_usd_micros,
            request.stream
        ),
        (None, None, None)
    );
}

#[test]
fn no_tokens_means_no_limit_was_named() {
    let request = read(r#"{"prompt":"x","max_tokens":0}"#).unwrap();
    assert_eq!(request.content.max_tokens, None);
}

#[test]
fn ranges_are_kept() {
    for wrong in [
        "null",
        "{}",
        r#"{"prompt":""}"#,
        r#"{"messages":[]}"#,
        r#"{"messages":[{"role":"wizard","content":"x"}]}"#,
        r#"{"messages":[{"role":"user","content":7}]}"#,
        r#"{"prompt":"x","max_tokens":-1}"#,
        r#"{"prompt":"x","max_tokens":1.0}"#,
        r#"{"prompt":"x","latency_slo_ms":99}"#,
        r#"{"prompt":"x","latency_slo_ms":30001}"#,
        r#"{"prompt":"x","max_cost_usd":0.0009}"#,
        r#"{"prompt":"x","max_cost_usd":10.01}"#,
        r#"{"prompt":"x","quality":"best"}"#,
        r#"{"prompt":"x","consistency_level":"STRICT"}"#,
    ] {
        let fault = read(wrong).unwrap_err();
        assert_eq!(fault.code, crate::error::Code::BadInput, "{wrong}");
        assert_eq!(fault.scope, crate::error::Scope::Message, "{wrong}");
    }
    assert_eq!(
        read(r#"{"prompt":"x","max_cost_usd":0.001}"#)
            .unwrap()
            .max_cost_usd_micros,
        Some(1_000)
    );
    assert!(read(&format!("{{\"prompt\":\"{}\"}}", "é".repeat(100_001))).is_err());
    assert!(
        read(&format!(
            "{{\"prompt\":\"x\",\"context_refs\":[\"{}\"]}}",
            "r".repeat(201)
        ))
        .is_err()
    );
}

#[test]
fn opaque_parts_pass_through() {
    let request = read(
        r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c"}]},
           {"role":"tool","content":[{"type":"text","text":"t"}],"tool_call_id":"c"}],
           "tools":[{"type":"function"}],"tool_choice":"auto","stop":"END","quality":"low"}"#,
    )
    .unwrap();
    assert_eq!(request.content.quality, Quality::Fast);
    assert_eq!(request.content.stop, ["END"]);
    assert_eq!(request.content.tools.unwrap().get(), r#"[{"type":"function"}]"#);
    assert_eq!(request.content.tool_choice.unwrap().get(), r#""auto""#);
    assert!(matches!(
        request.content.messages[0].content,
        MessageContent::None(())
    ));
    let MessageContent::Parts(parts) = &request.content.messages[1].content else {
        panic!("parts stay parts")
    };
    assert_eq!(parts.get(), r#"[{"text":"t","type":"text"}]"#);
}
