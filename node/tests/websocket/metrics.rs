//! What happens on connections, in the scheduler and to adapters moves their figures.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::fixture::{Agent, Manners, client, frame, hello, on_node, on_node_with, request};

#[test]
fn frames_are_counted_by_what_they_are() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.greet(json!({})).await;
        peer.send(request("a", "summarizer.local", "Routers route. Budgets hold."))
            .await;
        peer.answer().await;
        assert_eq!(
            setup.figure(r#"frames_rx{qos="silver",encoding="json"}"#),
            Some(2.0)
        );
        let sent = |kind: &str| setup.figure(&format!(r#"frames_tx{{kind="{kind}",qos="silver"}}"#));
        assert_eq!((sent("final"), sent("error")), (Some(1.0), Some(0.0)));
        assert!(sent("ack") >= Some(1.0));
        assert!(setup.figure(r#"frame_bytes_count{dir="rx",encoding="json"}"#) >= Some(2.0));
        assert_eq!(setup.figure("acks_tx"), Some(1.0));
        assert_eq!(setup.figure("fragment_count_per_message_count"), Some(1.0));
        assert_eq!(setup.figure("atp_router_active_connections"), Some(1.0));
        peer.is_heard().await;
        assert_eq!(setup.figure("heartbeats_rx"), Some(1.0));
        assert_eq!(setup.figure("heartbeats_tx"), Some(1.0));
        drop(peer);
        setup.counts("atp_router_active_connections", 0.0).await;
        setup.counts("lanes_active", 0.0).await;
    });
}

#[test]
fn fragments_are_counted_and_what_is_held_is_given_back() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.greet(json!({ "features": ["nack"] })).await;
        let piece = |at: u32, markers: &[&str], text: &str| {
            let mut piece = frame(
                "a",
                1,
                markers,
                json!({ "type": "agent.request", "content": { "text": text } }),
            );
            piece["frag_seq"] = at.into();
            piece
        };
        peer.send(piece(0, &["SYN", "MORE"], r#"{"model":"summarizer.local","#))
            .await;
        setup.counts("reassembly_inflight", 1.0).await;
        assert!(setup.figure("reassembly_bytes") > Some(0.0));
        assert_eq!(setup.figure("lanes_active"), Some(1.0));
        peer.send(piece(0, &["SYN", "MORE"], "other bytes")).await;
        setup.counts("fragment_conflicts_total", 1.0).await;
        drop(peer);
        setup.counts("reassembly_inflight", 0.0).await;
        setup.counts("reassembly_bytes", 0.0).await;
        setup.counts("lanes_active", 0.0).await;
    });
}

#[test]
fn refused_frames_are_counted_by_their_fault() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.raw(Message::text("{")).await;
        assert_eq!(peer.error().await, "EPROTO");
        assert_eq!(setup.figure("input_reject_total"), Some(1.0));
        assert_eq!(setup.figure("error_code_invalid_request_total"), Some(1.0));
        let mut wrong = request("a", "summarizer.local", "hi");
        wrong["checksum"] = json!("00000000");
        peer.send(wrong).await;
        assert_eq!(peer.error().await, "EPROTO");
        assert_eq!(setup.figure("frame_checksum_fail_total"), Some(1.0));
        peer.send(frame("a", 1, &["SYN"], json!({ "type": "x.unknown" })))
            .await;
        setup.counts("unknown_payload_types_total", 1.0).await;
    });
}

#[test]
fn a_frame_without_its_nonce_and_one_that_comes_twice_are_counted() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.send(hello(json!({ "features": ["nonce"] }))).await;
        peer.of_type("control.hello_ack").await;
        peer.send(request("a", "summarizer.local", "hi")).await;
        assert_eq!(peer.error().await, "EAUTH");
        assert_eq!(setup.figure("frame_signature_fail_total"), Some(1.0));
        let mut beat = frame("-", 0, &["HB"], json!({ "type": "heartbeat", "content": {} }));
        let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
        beat["nonce"] = json!("0123456789");
        beat["ts"] = json!(u64::try_from(now.as_millis()).expect("before the year 500 million"));
        peer.send(beat.clone()).await;
        peer.of_type("heartbeat").await;
        peer.send(beat).await;
        assert_eq!(peer.error().await, "EREPLAY");
        assert_eq!(setup.figure("replay_reject_total"), Some(1.0));
    });
}

#[test]
fn the_queue_is_counted_in_and_out() {
    on_node_with(
        |config| config.sched.max_concurrent = 1,
        async |setup| {
            let mut agent = Agent::ready(&setup, "slow").await;
            let (mut first, mut second) = (client(&setup).await, client(&setup).await);
            first.send(request("a", "slow", "one")).await;
            let one = agent.asked().await;
            let mut waiting = request("b", "slow", "two");
            waiting["session_id"] = "other".into();
            second.send(waiting).await;
            setup.counts("fair_q_depth_silver", 1.0).await;
            assert_eq!(setup.figure("fair_sched_queue_depth"), Some(1.0));
            assert_eq!(
                setup.figure(r#"fair_sched_enqueued_total{qos="silver"}"#),
                Some(1.0)
            );
            assert_eq!(setup.figure(r#"streams_active{state="open"}"#), Some(2.0));
            agent.echo(&one).await;
            let two = agent.asked().await;
            assert_eq!(setup.figure("fair_q_depth_silver"), Some(0.0));
            assert_eq!(
                setup.figure(r#"fair_sched_dequeued_total{qos="silver"}"#),
                Some(1.0)
            );
            agent.echo(&two).await;
            second.answer().await;
            setup.counts(r#"streams_active{state="open"}"#, 0.0).await;
            let waits = r#"fair_sched_wait_ms_count{qos="silver"}"#;
            assert!(setup.figure(waits) >= Some(2.0), "{:?}", setup.figure(waits));
        },
    );
}

#[test]
fn adapters_are_counted_and_their_estimates_measured() {
    on_node(async |setup| {
        let known = setup.figure("adapters_registered").expect("built-ins");
        let agent = Agent::ready(&setup, "liar").await;
        assert_eq!(setup.figure("adapters_registered"), Some(known + 1.0));
        let _working = agent.work(Manners::Echo);
        let mut peer = client(&setup).await;
        peer.send(request("a", "liar", "say this back")).await;
        peer.answer().await;
        let first = r#"time_to_first_chunk_ms_count{qos="silver",adapter="liar"}"#;
        assert_eq!(setup.figure(first), Some(1.0));
        setup
            .counts(r#"adapter_estimate_mape_tokens_count{adapter="liar"}"#, 1.0)
            .await;
        assert_eq!(
            setup.figure(r#"estimate_mape_tokens_count{adapter="liar"}"#),
            Some(1.0)
        );
    });
}
