//! A call as requests of the contract (atp.md 22.1).

use atp_actors::adapter::Call;
use atp_protocol::request::{Message, MessageContent, Quality, Role, TaskMeta};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::v1::{EstimateRequest, StreamRequest};

/// The question what a call would cost.
pub(super) fn estimate(call: &Call) -> EstimateRequest {
    let request = &call.request;
    EstimateRequest {
        stream_id: request.stream.to_string(),
        task_type: request.meta.task_type.clone().unwrap_or_default(),
        prompt_json: prompt_json(call),
        meta_json: meta_json(&request.meta),
        qos: request.tier.as_str().to_owned(),
        deadline_ms: call.deadline_ms,
    }
}

/// The call itself.
pub(super) fn stream(call: &Call) -> StreamRequest {
    let request = &call.request;
    StreamRequest {
        stream_id: request.stream.to_string(),
        prompt_json: prompt_json(call),
        meta_json: meta_json(&request.meta),
        qos: request.tier.as_str().to_owned(),
        deadline_ms: call.deadline_ms,
        budget_tokens: call.budget.tokens,
        budget_usd_micros: call.budget.usd_micros,
        idempotency_key: call.idempotency_key.to_string(),
        diversity_seed: call.diversity_seed.unwrap_or(0),
        session_id: request.session.to_string(),
        persona_id: call
            .lane
            .persona
            .as_ref()
            .map_or(String::new(), ToString::to_string),
        clone_id: call.lane.clone.map_or(0, |clone| u64::from(clone.0)),
    }
}

/// What goes beside every RPC of a call: `own` headers, the tenant and the trace.
pub(super) fn headers(call: &Call, own: &HeaderMap) -> HeaderMap {
    let mut headers = own.clone();
    let request = &call.request;
    let tenant = HeaderValue::from_str(request.identity.tenant.as_str());
    headers.extend(tenant.map(|value| (HeaderName::from_static("x-tenant-id"), value)));
    // A client's own is only passed on if a header can carry it.
    let trace = call.traceparent.as_deref().map(HeaderValue::from_str);
    headers.extend(
        trace
            .and_then(Result::ok)
            .map(|value| (HeaderName::from_static("traceparent"), value)),
    );
    headers
}

/// The content of an `agent.request`: the conversation with the persona's prompt before it, the model and the limit that
/// were settled for this call.
fn prompt_json(call: &Call) -> String {
    #[derive(Serialize)]
    struct Prompt<'a> {
        messages: Vec<&'a Message>,
        model: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_tokens: Option<u64>,
        quality: Quality,
        #[serde(skip_serializing_if = "Option::is_none")]
        temperature: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        top_p: Option<f64>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        stop: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        tools: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tool_choice: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        response_format: Option<&'a RawValue>,
    }
    let content = &call.request.content;
    let persona = call
        .persona_prompt
        .as_ref()
        .map(|prompt| Message::new(Role::System, MessageContent::Text(prompt.to_string())));
    let prompt = Prompt {
        messages: persona.iter().chain(&content.messages).collect(),
        model: &call.model,
        max_tokens: match (content.max_tokens, call.max_output_tokens) {
            (Some(asked), Some(paid)) => Some(asked.min(paid)),
            (asked, paid) => asked.or(paid),
        },
        quality: content.quality,
        temperature: content.temperature,
        top_p: content.top_p,
        stop: &content.stop,
        tools: content.tools.as_deref(),
        tool_choice: content.tool_choice.as_deref(),
        response_format: content.response_format.as_deref(),
    };
    serde_json::to_string(&prompt).expect("a request always serialises")
}

/// The metadata an adapter may act on (atp.md 3.3); what only steers the router stays here.
fn meta_json(meta: &TaskMeta) -> String {
    let mut members = Map::new();
    let texts = [
        ("task_type", &meta.task_type),
        ("risk", &meta.risk),
        ("environment_id", &meta.environment_id),
    ];
    for (name, text) in texts {
        members.extend(text.iter().map(|text| (name.to_owned(), text.as_str().into())));
    }
    let lists = [
        ("languages", &meta.languages),
        ("data_scope", &meta.data_scope),
        ("tool_permissions", &meta.tool_permissions),
        ("security_groups", &meta.security_groups),
    ];
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        members.insert(name.to_owned(), list.as_slice().into());
    }
    members.extend(meta.other.iter().cloned());
    Value::Object(members).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use atp_protocol::ids::{CloneId, LaneId, PersonaId};
    use atp_protocol::units::Amount;
    use serde_json::json;

    use super::*;
    use crate::builtin::sample;

    #[test]
    fn everything_an_adapter_needs_to_know_is_sent() {
        let mut call = sample::call("hi");
        let request = Arc::make_mut(&mut call.request);
        request.meta = TaskMeta {
            task_type: Some("code_review".to_owned()),
            languages: vec!["rust".to_owned()],
            other: vec![("origin".to_owned(), json!("ci"))],
            ..TaskMeta::default()
        };
        call.traceparent = Some("00-1-2-01".into());
        call.persona_prompt = Some("You review.".into());
        call.max_output_tokens = Some(64);
        call.budget = Amount {
            tokens: 100,
            usd_micros: 7,
        };
        call.diversity_seed = Some(3);
        call.lane = LaneId {
            persona: Some(PersonaId::new("reviewer").unwrap()),
            clone: Some(CloneId(2)),
        };
        let sent = stream(&call);
        let prompt: Value = serde_json::from_str(&sent.prompt_json).unwrap();
        assert_eq!(
            prompt,
            json!({
                "messages": [
                    { "role": "system", "content": "You review." },
                    { "role": "user", "content": "hi" },
                ],
                "model": "model", "max_tokens": 64, "quality": "balanced",
            })
        );
        assert_eq!(
            serde_json::from_str::<Value>(&sent.meta_json).unwrap(),
            json!({ "task_type": "code_review", "languages": ["rust"], "origin": "ci" })
        );
        assert_eq!(
            (
                sent.budget_tokens,
                sent.budget_usd_micros,
                sent.diversity_seed,
                sent.clone_id
            ),
            (100, 7, 3, 2)
        );
        assert_eq!(
            (sent.persona_id.as_str(), sent.qos.as_str()),
            ("reviewer", "silver")
        );
        assert_eq!((sent.deadline_ms, sent.idempotency_key.as_str()), (30_000, "key"));
        let asked = estimate(&call);
        assert_eq!(
            (asked.task_type, asked.prompt_json),
            ("code_review".to_owned(), sent.prompt_json)
        );

        let headers = headers(&call, &HeaderMap::new());
        assert_eq!(headers["x-tenant-id"], "acme");
        assert_eq!(headers["traceparent"], "00-1-2-01");
    }
}
