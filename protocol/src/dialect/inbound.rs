//! Telling a dialect and mapping its messages to native frames.

use crate::dialect::case::to_snake;
use crate::error::{Code, Fault, Scope};
use crate::frame::{Flag, Flags, Frame};
use crate::payload::Kind;
use crate::value::{Malformed, Object, Value};

/// Whose frames a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The TypeScript client: native frames in camel case.
    Ts,
    /// The Go client: the type at the top, the session in the URL.
    Go,
    /// The Python tools client: native frames, answered in a short form.
    Py,
}

/// What the URL of a connection says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Endpoint<'e> {
    /// Query `session_id`.
    pub session_id: Option<&'e str>,
    /// Query `dialect`: `ts`, `go` or `py`.
    pub dialect: Option<&'e str>,
    /// The path is `/mcp`.
    pub is_mcp: bool,
}

/// Whose frames a connection may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode<'e> {
    /// Native ones: the first message was, or dialects are switched off.
    Native,
    /// The first message will tell.
    Detect(Endpoint<'e>),
    /// The first message told.
    Fixed(Dialect, Endpoint<'e>),
}

impl Mode<'_> {
    /// The dialect of a message.
    pub(crate) fn of(&self, message: &Object<'_>) -> Option<Dialect> {
        match self {
            Self::Native => None,
            Self::Fixed(dialect, _) => Some(*dialect),
            Self::Detect(endpoint) => Dialect::detect(message, endpoint),
        }
    }

    const fn session_id(&self) -> Option<&str> {
        match self {
            Self::Native => None,
            Self::Detect(endpoint) | Self::Fixed(_, endpoint) => endpoint.session_id,
        }
    }
}

impl Dialect {
    /// Tells the dialect of a connection by its URL or its first message; `None` for native frames.
    #[must_use]
    pub fn detect(message: &Object<'_>, endpoint: &Endpoint<'_>) -> Option<Self> {
        match endpoint.dialect {
            Some("ts") => return Some(Self::Ts),
            Some("go") => return Some(Self::Go),
            Some("py") => return Some(Self::Py),
            _ => {}
        }
        let has = |name| message.get(name).is_some();
        let is_text = |name| message.get(name).and_then(Value::as_text).is_some();
        if has("sessionId") && has("msgSeq") && !has("session_id") {
            return Some(Self::Ts);
        }
        if is_text("type") && !has("v") && !endpoint.is_mcp {
            return Some(Self::Go);
        }
        let is_native = has("v") && has("session_id") && has("payload");
        let kind = message
            .get("payload")
            .and_then(Value::as_object)
            .and_then(|payload| payload.get("type"));
        let is_bare = message
            .present("flags")
            .and_then(Value::as_array)
            .is_none_or(<[_]>::is_empty);
        let is_completion = kind.and_then(Value::as_text) == Some("completion") && is_bare;
        (is_native && (endpoint.is_mcp || is_completion)).then_some(Self::Py)
    }

    /// Maps a message to the members of a native frame.
    ///
    /// # Errors
    /// `EPROTO` of the frame if two names become one or, for [`Dialect::Go`], the URL names no session.
    pub fn to_native<'a>(self, message: Object<'a>, mode: &Mode<'_>) -> Result<Object<'a>, Fault> {
        match self {
            Self::Ts => from_ts(message)
                .map_err(|error| Fault::new(Code::Proto, error.to_string()).scoped(Scope::Frame)),
            Self::Go => from_go(message, mode.session_id()),
            Self::Py => Ok(canonical_type(message)),
        }
    }
}

/// The flags a message of a dialect implies: a request on a stream that is not open implies `SYN`, a heartbeat `HB`, what an
/// adapter says of itself `CTRL`. The last two are set on every received frame; the first takes the stream's state.
#[must_use]
pub fn implied_flags(frame: &Frame<'_>, is_open: bool) -> Flags {
    match frame.payload.kind {
        Some(Kind::AgentRequest) if !is_open => Flags::of(&[Flag::Syn]),
        Some(Kind::Heartbeat) => Flags::of(&[Flag::Heartbeat]),
        Some(kind) if kind.is_adapter() => Flags::of(&[Flag::Ctrl]),
        _ => Flags::NONE,
    }
}

fn from_ts(message: Object<'_>) -> Result<Object<'_>, Malformed> {
    let mut frame = to_snake(message)?;
    for part in ["window", "meta", "payload"] {
        snake_within(&mut frame, part)?;
    }
    if let Some(payload) = frame.get_mut("payload").and_then(Value::as_object_mut) {
        snake_within(payload, "cost_est")?;
        if payload.get("type").and_then(Value::as_text) == Some("completion")
            && let Some(content) = payload.get_mut("content").and_then(Value::as_object_mut)
        {
            *content = completion(std::mem::take(content))?;
        }
    }
    Ok(canonical_type(frame))
}

fn snake_within(object: &mut Object<'_>, name: &str) -> Result<(), Malformed> {
    if let Some(part) = object.get_mut(name).and_then(Value::as_object_mut) {
        *part = to_snake(std::mem::take(part))?;
    }
    Ok(())
}

/// Content of a completion: the members the client names in camel case, and the quality it calls `low`.
fn completion(content: Object<'_>) -> Result<Object<'_>, Malformed> {
    let mut out = Object::new();
    for (name, value) in content {
        let (name, value) = match (name.as_ref(), &value) {
            ("maxTokens", _) => ("max_tokens".into(), value),
            ("latencySloMs", _) => ("latency_slo_ms".into(), value),
            ("conversationId", _) => ("conversation_id".into(), value),
            ("consistencyLevel", _) => ("consistency_level".into(), value),
            ("quality", Value::Text(quality)) if quality == "low" => (name, "fast".into()),
            _ => (name, value),
        };
        if out.get(&name).is_some() {
            return Err(Malformed::Duplicate {
                name: name.into_owned(),
            });
        }
        out.push(name, value);
    }
    Ok(out)
}

fn from_go<'a>(mut message: Object<'a>, session_id: Option<&str>) -> Result<Object<'a>, Fault> {
    let missing = |what| Fault::new(Code::Proto, what).scoped(Scope::Frame);
    let session = session_id.ok_or_else(|| missing("session_id: give it in the query of the URL"))?;
    let kind = message
        .remove("type")
        .ok_or_else(|| missing("type: required, but absent"))?;
    let mut content = message.remove("payload").unwrap_or(Value::Object(Object::new()));
    if let Some(members) = content.as_object_mut() {
        members.remove("type");
    }
    message.set("v", 1_u32);
    message.set("session_id", session.to_owned());
    for (name, default) in [
        ("stream_id", Value::from("-")),
        ("msg_seq", 0_u32.into()),
        ("frag_seq", 0_u32.into()),
    ] {
        if message.present(name).is_none() {
            message.set(name, default);
        }
    }
    let payload: Object<'_> = [("type", kind), ("content", content)].into_iter().collect();
    message.set("payload", payload);
    Ok(canonical_type(message))
}

/// The frame with the canonical name of its payload's type.
fn canonical_type(mut frame: Object<'_>) -> Object<'_> {
    if let Some(payload) = frame.get_mut("payload").and_then(Value::as_object_mut)
        && let Some(kind) = payload.get("type").and_then(Value::as_text).and_then(Kind::parse)
    {
        payload.set("type", kind.as_str());
    }
    frame
}
