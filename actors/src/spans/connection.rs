//! Connections and adapters.

use atp_protocol::connection::{Joined, StreamKey};
use atp_protocol::dialect::Dialect;
use atp_protocol::error::{Code, ControlError};
use atp_protocol::frame::Frame;
use atp_protocol::hello::HelloAck;
use atp_protocol::payload::Ack;
use atp_protocol::value::Value;
use tracing::Span;
use tracing::field::Empty;

use super::int;
use super::macros::span;

/// A WebSocket connection.
pub(crate) fn connection(tenant: &str) -> Span {
    span!(
        INFO,
        None,
        "ws_session",
        otel.kind = "server",
        tenant = tenant,
        session_id = Empty,
        encoding = Empty,
        dialect = Empty,
        version = Empty,
    )
}

/// A message is whole again.
pub(crate) fn reassembled(connection: &Span, key: &StreamKey, joined: &Joined) {
    span!(
        DEBUG,
        connection,
        "fragment.reassemble",
        frag.parts = int(joined.parts),
        frag.session = key.session.as_str(),
        frag.stream = key.stream.as_str(),
        frag.msg_seq = int(joined.msg_seq),
        frag.bytes = int(joined.bytes),
    );
}

/// The peer acknowledged.
pub(crate) fn acknowledged(connection: &Span, frame: &Frame<'_>) {
    let span = span!(
        TRACE,
        connection,
        "ack.update",
        ack.session = frame.session_id.as_str(),
        ack.stream = frame.stream_id.as_str(),
        ack.msg_seq = Empty,
        ack.ack_up_to = Empty,
        ack.completed = Empty,
    );
    if !span.is_disabled()
        && let Some(Ok(ack)) = frame
            .payload
            .content
            .as_ref()
            .map(|content| content.read::<Ack>())
    {
        span.record("ack.msg_seq", ack.msg_seq.map(int));
        span.record("ack.ack_up_to", ack.ack_up_to);
        span.record("ack.completed", ack.completed);
    }
}

/// An error is told; if it asks for fragments again, that is a span.
pub(crate) fn retransmit(connection: &Span, frame: &Frame<'_>) {
    if !tracing::enabled!(target: super::TARGET, tracing::Level::DEBUG) {
        return;
    }
    let error = frame.payload.content.as_ref().map(Value::read::<ControlError>);
    let Some(Ok(error)) = error.filter(|error| error.as_ref().is_ok_and(is_nack)) else {
        return;
    };
    let missing = error.missing.as_ref().map_or(0, Vec::len);
    span!(
        DEBUG,
        connection,
        "retransmit.request",
        retrans.session = frame.session_id.as_str(),
        retrans.stream = frame.stream_id.as_str(),
        retrans.msg_seq = error.msg_seq.map(int),
        retrans.missing_count = int(missing),
        retrans.sent_count = int(missing.max(1)),
    );
}

fn is_nack(error: &ControlError) -> bool {
    error.code == Code::SeqRetry.as_str() && error.retryable
}

/// A heartbeat is sent. Seconds.
pub(crate) fn beat(connection: &Span, silent_s: f64) {
    span!(
        TRACE,
        connection,
        "heartbeat.tx",
        since_last_activity_s = silent_s,
    );
}

/// The connection is closed because nothing happened on it. Seconds.
pub(crate) fn idle(connection: &Span, idle_s: f64) {
    span!(DEBUG, connection, "heartbeat.fin", idle_duration_s = idle_s,);
}

/// A window is told to the peer.
pub(crate) fn window(connection: &Span, frame: &Frame<'_>) {
    let span = span!(
        TRACE,
        connection,
        "window.update",
        session_id = frame.session_id.as_str(),
        stream_id = frame.stream_id.as_str(),
        window.after = Empty,
        window.reason = Empty,
    );
    let Some(content) = frame.payload.content.as_ref().and_then(Value::as_object) else {
        return;
    };
    if !span.is_disabled() {
        let parallel = content.present("max_parallel").and_then(Value::as_f64);
        span.record("window.after", parallel.map(|parallel| parallel as i64));
        span.record(
            "window.reason",
            content.present("reason").and_then(Value::as_text),
        );
    }
}

/// An adapter's window learnt from a call.
pub(crate) fn aimd(adapter: &str, (before, after): (u32, u32), latency_ms: f64, is_ok: bool) {
    span!(
        TRACE,
        None,
        "aimd.feedback",
        agent = adapter,
        aimd.before = int(before),
        aimd.after = int(after),
        aimd.latency_ms = latency_ms,
        aimd.ok = is_ok,
    );
}

/// The first message told the client's dialect.
pub(crate) fn speaks(connection: &Span, dialect: Option<Dialect>) {
    let name = match dialect {
        None => "native",
        Some(Dialect::Ts) => "ts",
        Some(Dialect::Go) => "go",
        Some(Dialect::Py) => "py",
    };
    connection.record("dialect", name);
}

/// A hello was agreed on.
pub(crate) fn agreed(connection: &Span, ack: &HelloAck) {
    connection.record("session_id", ack.session_id.as_str());
    connection.record("encoding", ack.encoding.as_str());
    connection.record("version", ack.version.as_str());
}
