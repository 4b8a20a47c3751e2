//! Mapping the router's frames back.

use super::Dialect;
use super::case::to_camel;
use crate::error::ControlError;
use crate::frame::{Flag, Frame};
use crate::payload::{Final, Kind, Payload};
use crate::units::UnixMillis;
use crate::value::{Object, Value, json};

/// The message for a frame of the router, as JSON text; `None` if the dialect has none for it.
///
/// Results and errors carry the number of the request they answer: `payload.in_reply_to`, else the frame's own.
#[must_use]
pub fn reply(dialect: Dialect, frame: &Frame<'_>, now: UnixMillis) -> Option<String> {
    let message = match frame.payload.kind? {
        Kind::AgentFinal => {
            let result: Final = frame.payload.content.as_ref()?.read().ok()?;
            completion(dialect, frame, outcome(&result, frame.payload.confidence), now)?
        }
        Kind::Error => failure(dialect, frame, &frame.payload.content.as_ref()?.read().ok()?)?,
        Kind::Heartbeat if frame.flags.has(Flag::Ack) => match dialect {
            // the client waits for one
            Dialect::Ts => completion(dialect, frame, Object::new(), now)?,
            Dialect::Go => return None,
            Dialect::Py => frame.clone().into_object(false),
        },
        Kind::AgentPartial if dialect == Dialect::Ts => ts_frame(frame.clone())?,
        _ => return None,
    };
    json::text(&Value::Object(message)).ok()
}

/// The answer to a capability or health message, which only the Go client waits for.
#[must_use]
pub fn registered(dialect: Dialect, frame: &Frame<'_>, now: UnixMillis) -> Option<String> {
    let is_awaited = dialect == Dialect::Go && frame.payload.kind.is_some_and(Kind::is_adapter);
    let message = is_awaited
        .then(|| completion(dialect, frame, Object::new(), now))
        .flatten()?;
    json::text(&Value::Object(message)).ok()
}

/// What a client reads of a result.
fn outcome(result: &Final, confidence: Option<f64>) -> Object<'static> {
    let data = || result.result.data.as_ref().map(serde_json::Value::to_string);
    let text = result.result.text.clone().or_else(data).unwrap_or_default();
    let telemetry = &result.telemetry;
    [
        ("text", Value::from(text)),
        ("model_used", telemetry.model_used.clone().into()),
        ("tokens_in", telemetry.in_tokens.into()),
        ("tokens_out", telemetry.out_tokens.into()),
        ("cost_usd", (telemetry.usd_micros as f64 / 1e6).into()),
        ("quality_score", confidence.into()),
    ]
    .into_iter()
    .collect()
}

const ANSWER: &str = "completion_response";

fn completion(
    dialect: Dialect,
    frame: &Frame<'_>,
    content: Object<'static>,
    UnixMillis(now): UnixMillis,
) -> Option<Object<'static>> {
    match dialect {
        Dialect::Ts => {
            let content = to_camel(content).ok()?;
            ts_answer(frame, ANSWER, content)
        }
        Dialect::Go => {
            let mut message = short(frame, ANSWER);
            message.set("ts", now);
            message.set("payload", content);
            Some(message)
        }
        Dialect::Py => {
            let mut message = short(frame, ANSWER);
            message.set("content", content);
            Some(message)
        }
    }
}

fn failure(dialect: Dialect, frame: &Frame<'_>, error: &ControlError) -> Option<Object<'static>> {
    let message = if error.detail.is_empty() {
        error.message.as_ref()
    } else {
        &error.detail
    };
    let said: Object<'_> = [
        ("message", message.to_owned()),
        ("code", error.code.as_ref().to_owned()),
    ]
    .into_iter()
    .collect();
    let mut out = short(frame, "error");
    match dialect {
        Dialect::Ts => return ts_answer(frame, "error", said),
        Dialect::Go => {
            let payload: Object<'_> = [("error", said)].into_iter().collect();
            out.set("payload", payload);
        }
        Dialect::Py => {
            out.remove("msg_seq");
            out.set("error", said);
        }
    }
    Some(out)
}

/// `type`, `stream_id` and `msg_seq` of the request, which every short answer begins with.
fn short(frame: &Frame<'_>, kind: &'static str) -> Object<'static> {
    let mut message = Object::new();
    message.set("type", kind);
    message.set("stream_id", frame.stream_id.as_str().to_owned());
    message.set("msg_seq", request_seq(frame));
    message
}

fn request_seq(frame: &Frame<'_>) -> u64 {
    frame.payload.in_reply_to.unwrap_or(frame.msg_seq)
}

/// A frame with another payload, as the TypeScript client reads it.
fn ts_answer(frame: &Frame<'_>, kind: &'static str, content: Object<'static>) -> Option<Object<'static>> {
    let mut answer = frame.clone().into_owned();
    answer.msg_seq = request_seq(frame);
    answer.payload = Payload::new(Kind::AgentFinal, content);
    let mut message = ts_frame(answer)?;
    message.get_mut("payload")?.as_object_mut()?.set("type", kind);
    Some(message)
}

fn ts_frame(frame: Frame<'_>) -> Option<Object<'static>> {
    let mut message = to_camel(frame.into_object(false).into_owned()).ok()?;
    for part in ["window", "meta", "payload"] {
        if let Some(object) = message.get_mut(part).and_then(Value::as_object_mut) {
            *object = to_camel(std::mem::take(object)).ok()?;
        }
    }
    let payload = message.get_mut("payload")?.as_object_mut()?;
    if let Some(cost) = payload.get_mut("costEst").and_then(Value::as_object_mut) {
        *cost = to_camel(std::mem::take(cost)).ok()?;
    }
    Some(message)
}
