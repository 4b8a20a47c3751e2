//! What is not ATP, or too much of it: refused in the words of the protocol, and closed where the specification says so.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

use crate::fixture::{client, client_of, frame, hello, on_node, on_node_with, request};

const DOCUMENT: &str = "Routers decide where work goes. Budgets bound what it may cost.";

#[test]
fn the_third_malformed_message_of_a_minute_closes_with_1002() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        for garbage in ["{", "nonsense", "[1,"] {
            peer.raw(Message::text(garbage)).await;
            let told = peer.frame().await;
            assert_eq!(told["payload"]["content"]["code"], "EPROTO");
            assert_eq!(told["payload"]["content"]["scope"], "connection");
            assert_eq!(told["stream_id"], "-");
        }
        assert_eq!(peer.closed().await, Some(1002));
    });
}

#[test]
fn a_megabyte_of_open_brackets_is_one_malformed_message() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.raw(Message::text("[".repeat(1 << 20))).await;
        assert_eq!(peer.error().await, "EPROTO");
        peer.is_heard().await;
    });
}

#[test]
fn binary_that_was_not_agreed_is_unsupported() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.raw(Message::binary(vec![0xA0])).await;
        let told = peer.of_type("control.error").await;
        assert_eq!(told["payload"]["content"]["code"], "EUNSUPPORTED");
        peer.is_heard().await;
    });
}

#[test]
fn a_frame_one_byte_too_large_is_refused_and_closed_with_1009() {
    on_node_with(
        |config| config.limits.max_frame_bytes = 64 << 10,
        async |setup| {
            for excess in [1, 70_000] {
                let mut peer = client(&setup).await;
                peer.raw(Message::text(" ".repeat((64 << 10) + excess))).await;
                assert_eq!(peer.error().await, "ETOOBIG", "{excess} bytes too many");
                assert_eq!(peer.closed().await, Some(1009), "{excess} bytes too many");
            }
        },
    );
}

#[test]
fn text_that_is_not_utf_8_closes_with_1007() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        let header = FrameHeader {
            opcode: OpCode::Data(Data::Text),
            mask: Some([1, 2, 3, 4]),
            ..FrameHeader::default()
        };
        let text = Frame::from_payload(header, vec![b'"', 0xFF, 0xFE, b'"'].into());
        peer.raw(Message::Frame(text)).await;
        assert_eq!(peer.closed().await, Some(1007));
    });
}

#[test]
fn a_second_hello_is_refused_and_the_connection_goes_on() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.greet(json!({})).await;
        peer.send(hello(json!({}))).await;
        assert_eq!(peer.error().await, "EPROTO");
        peer.is_heard().await;
    });
}

#[test]
fn a_hello_without_a_common_encoding_is_refused_and_closed_with_1002() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.send(hello(json!({ "encodings": ["xml"] }))).await;
        let told = peer.of_type("control.error").await;
        assert_eq!(told["payload"]["content"]["code"], "EPROTO");
        assert!(
            told["flags"].as_array().unwrap().contains(&json!("RST")),
            "{told}"
        );
        assert_eq!(peer.closed().await, Some(1002));
    });
}

#[test]
fn an_unknown_type_opens_no_stream_and_is_passed_over_on_an_open_one() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        let unknown = json!({ "type": "agent.dance", "content": {} });
        peer.send(frame("a", 1, &["SYN"], unknown.clone())).await;
        let told = peer.of_type("control.error").await;
        assert_eq!(told["payload"]["content"]["code"], "EPROTO");
        assert!(
            told["flags"].as_array().unwrap().contains(&json!("RST")),
            "{told}"
        );
        peer.send(request("b", "summarizer.local", DOCUMENT)).await;
        peer.send(frame("b", 2, &[], unknown)).await;
        peer.answer().await;
    });
}

#[test]
fn an_agreed_nonce_is_required_and_good_once() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        let ack = peer.greet(json!({ "features": ["nonce"] })).await;
        assert_eq!(ack["features"], json!(["nonce"]));
        peer.send(request("a", "summarizer.local", DOCUMENT)).await;
        assert_eq!(peer.error().await, "EAUTH");
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        let sealed = |stream: &str, nonce: &str, ts: u64| {
            let mut frame = request(stream, "summarizer.local", DOCUMENT);
            frame["nonce"] = nonce.into();
            frame["ts"] = ts.into();
            frame
        };
        peer.send(sealed("a", "nonce-0001", now)).await;
        let last = peer.answer().await;
        assert!(last["nonce"].is_string() && last["ts"].is_u64(), "{last}");
        peer.send(sealed("b", "nonce-0001", now)).await;
        assert_eq!(peer.error().await, "EREPLAY");
        peer.send(sealed("c", "nonce-0002", now - 120_000)).await;
        assert_eq!(peer.error().await, "EREPLAY");
    });
}

#[test]
fn a_nonce_is_good_once_on_whatever_connection_and_for_each_tenant() {
    on_node(async |setup| {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        let mut beat = frame("-", 0, &["HB"], json!({ "type": "heartbeat", "content": {} }));
        beat["nonce"] = "nonce-0001".into();
        beat["ts"] = now.into();
        let stranger = setup.tenant("acme", false).await;
        for (key, is_fresh) in [(&setup.key, true), (&setup.key, false), (&stranger, true)] {
            let mut peer = client_of(&setup, key).await;
            peer.greet(json!({ "features": ["nonce"] })).await;
            peer.send(beat.clone()).await;
            match is_fresh {
                true => drop(peer.of_type("heartbeat").await),
                false => assert_eq!(peer.error().await, "EREPLAY"),
            }
        }
    });
}

#[test]
fn wrong_types_are_refused_one_by_one_and_cost_no_stream() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        let wrong: [(&str, Value); 4] = [
            ("msg_seq", json!("1")),
            ("qos", json!("GOLD")),
            ("ttl", json!(1.5)),
            ("payload", json!([])),
        ];
        for (member, value) in wrong {
            let mut frame = request("a", "summarizer.local", DOCUMENT);
            frame[member] = value;
            peer.send(frame).await;
            assert_eq!(peer.error().await, "EPROTO", "{member}");
        }
        peer.send(request("a", "summarizer.local", DOCUMENT)).await;
        peer.answer().await;
    });
}
