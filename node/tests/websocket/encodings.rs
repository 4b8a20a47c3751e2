//! JSON, CBOR, compression: by subprotocol and by hello.

use atp_protocol::container::compressed::{Algorithm, deflate, inflate};
use atp_protocol::limits::Limits;
use atp_protocol::value::{Value as Tree, cbor, json as text};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::fixture::{Connecting, Peer, Said, Setup, client, on_node, request};

const DOCUMENT: &str =
    "Routers decide where work goes. Budgets bound what it may cost. Policies say who may ask.";

fn to_cbor(frame: &Value) -> Vec<u8> {
    let written = frame.to_string();
    cbor::encode(&text::parse(&written, &Limits::DEFAULT).expect("serde writes JSON"))
}

fn from_cbor(bytes: &[u8]) -> Value {
    let tree: Tree<'_> = cbor::parse(bytes, &Limits::DEFAULT).expect("binary is CBOR");
    let written = text::text(&tree).expect("a frame has a JSON form");
    serde_json::from_str(&written).expect("it is JSON")
}

/// The next final, whatever wraps it; says whether it was binary and compressed.
async fn answer(peer: &mut Peer) -> (Value, bool, bool) {
    loop {
        let (frame, is_binary, is_compressed) = match peer.said().await {
            Said::Text(frame) => (frame, false, false),
            Said::Binary(bytes) if bytes.starts_with(b"ATPZ") => {
                let inner = inflate(&bytes, &Limits::DEFAULT).expect("it unpacks");
                let frame = serde_json::from_slice(&inner).unwrap_or_else(|_| from_cbor(&inner));
                (frame, true, true)
            }
            Said::Binary(bytes) => (from_cbor(&bytes), true, false),
            Said::Closed(code) => panic!("closed with {code:?}"),
        };
        assert_ne!(frame["payload"]["type"], "control.error", "{frame}");
        if frame["payload"]["type"] == "agent.result.final" {
            return (frame, is_binary, is_compressed);
        }
    }
}

async fn offering(setup: &Setup, subprotocol: &str) -> (Peer, Option<String>) {
    let connecting = Connecting {
        setup,
        key: &setup.key,
        query: "",
        subprotocol: Some(subprotocol),
    };
    let (peer, response) = connecting.open().await;
    let selected = response.headers().get("sec-websocket-protocol");
    (
        peer,
        selected.map(|name| name.to_str().expect("names are ASCII").to_owned()),
    )
}

#[test]
fn the_cbor_subprotocol_fixes_cbor_without_a_hello() {
    on_node(async |setup| {
        let (mut peer, selected) = offering(&setup, "atp.v1.cbor, atp.v1.json").await;
        assert_eq!(selected.as_deref(), Some("atp.v1.cbor"));
        let asked = to_cbor(&request("a", "summarizer.local", DOCUMENT));
        peer.raw(Message::binary(asked)).await;
        let (last, is_binary, _) = answer(&mut peer).await;
        assert!(is_binary);
        assert_eq!(last["stream_id"], "a");
    });
}

#[test]
fn the_first_subprotocol_that_is_known_is_selected() {
    on_node(async |setup| {
        let (mut peer, selected) = offering(&setup, "soap, atp.v1.json, atp.v1.cbor").await;
        assert_eq!(selected.as_deref(), Some("atp.v1.json"));
        peer.send(request("a", "summarizer.local", DOCUMENT)).await;
        peer.answer().await;
    });
}

#[test]
fn a_hello_that_agrees_on_cbor_is_answered_in_json_and_text_is_still_taken() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        let ack = peer.greet(json!({ "encodings": ["cbor", "json"] })).await;
        assert_eq!(ack["encoding"], "cbor");
        peer.send(request("a", "summarizer.local", DOCUMENT)).await;
        let (_, is_binary, _) = answer(&mut peer).await;
        assert!(is_binary);
        let asked = to_cbor(&request("b", "summarizer.local", DOCUMENT));
        peer.raw(Message::binary(asked)).await;
        assert_eq!(answer(&mut peer).await.0["stream_id"], "b");
    });
}

#[test]
fn agreed_compression_is_taken_and_used_for_large_messages() {
    for (name, algorithm) in [("zstd", Algorithm::Zstd), ("deflate", Algorithm::Deflate)] {
        on_node(async |setup| {
            let mut peer = client(&setup).await;
            let ack = peer.greet(json!({ "compressions": [name] })).await;
            assert_eq!(ack["compression"], name);
            let document = DOCUMENT.repeat(60);
            let asked = request("a", "replay.local", &document).to_string();
            let mut asked: Value = serde_json::from_str(&asked).unwrap();
            asked["payload"]["content"]["model"] = "keywords.local".into();
            peer.raw(Message::binary(deflate(asked.to_string().as_bytes(), algorithm)))
                .await;
            assert_eq!(answer(&mut peer).await.0["stream_id"], "a");
        });
    }
}

#[test]
fn compression_that_was_not_agreed_is_refused() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.greet(json!({ "encodings": ["json", "cbor"] })).await;
        let asked = request("a", "summarizer.local", DOCUMENT).to_string();
        peer.raw(Message::binary(deflate(asked.as_bytes(), Algorithm::Zstd)))
            .await;
        peer.error().await;
        peer.is_heard().await;
    });
}
