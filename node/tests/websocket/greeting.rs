//! Hellos that are refused, and those that must be fresh.

use atp_node::config::Config;
use atp_node::environment::Environment;
use serde_json::{Value, json};

use crate::fixture::{Setup, client, hello, on_node, on_node_with, request};

/// Says hello; the refusal's code and detail, and how the connection closed.
async fn refused(setup: &Setup, hello: Value) -> (String, String, Option<u16>) {
    let mut peer = client(setup).await;
    peer.send(hello).await;
    let frame = peer.of_type("control.error").await;
    assert_eq!(
        (&frame["stream_id"], &frame["flags"][0]),
        (&json!("-"), &json!("RST")),
        "{frame}"
    );
    let text = |name: &str| {
        frame["payload"]["content"][name]
            .as_str()
            .expect("a string")
            .to_owned()
    };
    (text("code"), text("detail"), peer.closed().await)
}

fn fresh(nonce: &str) -> Value {
    let ts = Environment::real(1).clock.unix().0;
    let mut hello = hello(json!({}));
    hello["nonce"] = nonce.into();
    hello["ts"] = ts.into();
    hello
}

fn strict(config: &mut Config) {
    config.auth.hello_nonce = Some(true);
}

#[test]
fn a_router_is_told_that_there_are_no_links() {
    on_node(async |setup| {
        let (code, detail, closed) = refused(&setup, hello(json!({ "role": "router" }))).await;
        assert_eq!((code.as_str(), closed), ("EPROTO", Some(1002)));
        assert!(detail.contains("mutual TLS"), "{detail}");
    });
}

#[test]
fn a_hello_that_must_be_fresh_has_a_nonce_of_its_own_and_the_time() {
    on_node_with(strict, async |setup| {
        let mut old = fresh("nonce-too-old");
        old["ts"] = 1_600_000_000_000_u64.into();
        let mut timeless = fresh("nonce-without-time");
        timeless["ts"] = Value::Null;
        for stale in [hello(json!({})), old, timeless] {
            let (code, detail, closed) = refused(&setup, stale).await;
            assert_eq!((code.as_str(), closed), ("EREPLAY", Some(4409)), "{detail}");
        }
        let mut peer = client(&setup).await;
        peer.send(fresh("nonce-number-one")).await;
        peer.of_type("control.hello_ack").await;
        let (code, _, closed) = refused(&setup, fresh("nonce-number-one")).await;
        assert_eq!((code.as_str(), closed), ("EREPLAY", Some(4409)));
        peer.send(hello(json!({}))).await;
        assert_eq!(
            peer.error().await,
            "EPROTO",
            "a second one is refused, and the connection stays"
        );
        peer.is_heard().await;
    });
}

#[test]
fn a_client_without_a_hello_needs_no_nonce() {
    on_node_with(strict, async |setup| {
        let mut legacy = client(&setup).await;
        let text = "Work goes where it should. Budgets hold.";
        legacy.send(request("a", "summarizer.local", text)).await;
        legacy.answer().await;
    });
}
