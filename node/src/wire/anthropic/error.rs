//! Writes a fault as Anthropic clients read it.

use atp_protocol::error::Fault;
use bytes::Bytes;

/// The body of an error response; its status is [`Row::status`](atp_protocol::error::Row).
#[must_use]
pub fn error(fault: &Fault, correlation_id: &str) -> Bytes {
    serde_json::to_vec(&fault.anthropic(correlation_id))
        .expect("texts and numbers encode")
        .into()
}

/// An event that ends a stream with an error, after which no `message_stop` follows.
#[must_use]
pub fn error_event(fault: &Fault, correlation_id: &str) -> Bytes {
    [
        b"event: error\ndata: ",
        &error(fault, correlation_id)[..],
        b"\n\n",
    ]
    .concat()
    .into()
}

#[cfg(test)]
mod tests {
    use atp_protocol::error::Code;

    use super::*;

    #[test]
    fn the_error_stands_where_clients_look() {
        let event = error_event(&Fault::new(Code::WindowAgent, "m: busy"), "c-1");
        let json = event.strip_prefix(b"event: error\ndata: ").unwrap();
        let body: serde_json::Value = serde_json::from_slice(json).unwrap();
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["wire_code"], "EWINDOW_AGENT");
        assert_eq!(body["request_id"], "c-1");
    }
}
