//! Heartbeats, silence, idleness, and a node that leaves.

use atp_node::config::Config;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::fixture::{Agent, Manners, Said, client, on_node, on_node_with, request};

/// One call at a time, and time to wait for it.
fn one_at_a_time(config: &mut Config) {
    config.sched.max_concurrent = 1;
    config.sched.queue_timeout_ms = [600_000; 3];
}

#[test]
fn a_client_without_streams_is_closed_when_idle_and_hears_heartbeats_before() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        let ack = peer
            .greet(json!({ "hb_interval_ms": 1000, "idle_fin_ms": 3000 }))
            .await;
        assert_eq!(ack["hb_interval_ms"], 1000);
        let mut beats = 0;
        let code = loop {
            match peer.said().await {
                Said::Text(frame) => {
                    assert_eq!(frame["flags"], json!(["HB"]), "{frame}");
                    beats += 1;
                    peer.raw(Message::Ping(Vec::new().into())).await;
                }
                Said::Closed(code) => break code,
                Said::Binary(_) => panic!("binary was not agreed"),
            }
        };
        assert_eq!(code, Some(4408));
        assert!(beats >= 2, "{beats} heartbeats");
    });
}

#[test]
fn a_peer_that_falls_silent_is_let_go() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.greet(json!({ "hb_interval_ms": 1000, "idle_fin_ms": 600_000 }))
            .await;
        assert_eq!(peer.closed().await, Some(1001));
    });
}

#[test]
fn an_agent_waits_for_work_longer_than_a_client_may_be_idle() {
    on_node(async |setup| {
        let mut agent = Agent::dial(&setup, "patient").await;
        // A second agent with short times, which outlives its idle time.
        let mut peer = client(&setup).await;
        peer.greet(json!({ "role": "agent", "hb_interval_ms": 1000, "idle_fin_ms": 3000 }))
            .await;
        for _ in 0..5 {
            let beat = peer.of_type("heartbeat").await;
            assert_eq!(beat["flags"], json!(["HB"]));
            peer.raw(Message::Ping(Vec::new().into())).await;
        }
        peer.is_heard().await;
        agent.peer.is_heard().await;
    });
}

#[test]
fn a_websocket_ping_is_answered() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.raw(Message::Ping(b"there?".to_vec().into())).await;
        let pong = tokio::time::timeout(
            std::time::Duration::from_secs(10),
            futures_util::StreamExt::next(&mut peer.socket),
        );
        let pong = pong.await.expect("an answer").unwrap().unwrap();
        assert_eq!(pong, Message::Pong(b"there?".to_vec().into()));
    });
}

#[test]
fn a_draining_node_finishes_streams_refuses_others_and_closes_with_1001() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let mut idle = client(&setup).await;
        idle.is_heard().await;
        let (mut peer, asked) = agent.employed(&setup, "wait for me").await;
        setup.node.meta.drain();
        assert_eq!(
            idle.of_type("control.status").await["payload"]["content"]["status"],
            "DRAINING"
        );
        assert_eq!(idle.closed().await, Some(1001));
        peer.of_type("control.status").await;
        peer.send(request("b", "slow", "too late")).await;
        let refused = peer.of_type("control.error").await;
        assert_eq!(refused["stream_id"], "b");
        assert_eq!(refused["payload"]["content"]["code"], "EDRAINING");
        agent.echo(&asked).await;
        peer.answer().await;
        let fin = json!({ "type": "agent.log", "content": { "level": "info", "text": "done" } });
        peer.send(crate::fixture::frame("a", 2, &["FIN"], fin)).await;
        assert_eq!(peer.closed().await, Some(1001));
    });
}

#[test]
fn a_client_that_takes_nothing_is_let_go_after_the_write_stall() {
    on_node_with(
        |config| config.limits.write_stall_ms = 300,
        async |setup| {
            let mut agent = Agent::ready(&setup, "flood").await;
            let (mut deaf, asked) = agent.employed(&setup, "everything").await;
            agent.flood(&asked).await;
            assert_eq!(agent.peer.error().await, "ECANCEL");
            setup.settled().await;
            // What was on its way is read; then there is the end, long before an idle connection's.
            deaf.closed().await;
        },
    );
}

#[test]
fn a_draining_node_cuts_streams_when_its_drain_time_is_over() {
    on_node_with(
        |config| config.node.drain_timeout_ms = 300,
        async |setup| {
            let mut agent = Agent::ready(&setup, "slow").await;
            let mut peer = client(&setup).await;
            peer.send(request("a", "slow", "wait for me")).await;
            agent.asked().await;
            setup.node.meta.drain();
            assert_eq!(peer.closed().await, Some(1001));
            setup.settled().await;
        },
    );
}

#[test]
fn a_client_that_leaves_the_queue_takes_its_hold_and_its_place_along() {
    on_node_with(
        |config| {
            config.sched.max_concurrent = 1;
            config.sched.max_queued = 1;
            // Longer than any test.
            config.sched.queue_timeout_ms = [600_000; 3];
        },
        async |setup| {
            let mut agent = Agent::ready(&setup, "slow").await;
            let (mut runs, asked) = agent.employed(&setup, "first").await;
            let mut waits = client(&setup).await;
            waits.send(request("b", "slow", "second")).await;
            setup.in_flight(2).await;
            drop(waits);
            setup.in_flight(1).await;
            // Its place is another's, who is served next.
            let mut next = client(&setup).await;
            next.send(request("c", "slow", "third")).await;
            setup.in_flight(2).await;
            agent.echo(&asked).await;
            runs.answer().await;
            let asked = agent.asked().await;
            agent.echo(&asked).await;
            assert_eq!(
                next.answer().await["payload"]["content"]["result"]["text"],
                "third"
            );
        },
    );
}

#[test]
fn a_first_under_a_key_that_leaves_the_queue_does_not_take_its_repeats_along() {
    on_node_with(
        |config| {
            one_at_a_time(config);
            config.sched.queue_timeout_ms = [600_000; 3];
        },
        async |setup| {
            let keyed = |stream| {
                let mut asked = request(stream, "slow", "second");
                asked["meta"]["idempotency_key"] = "k-1".into();
                asked
            };
            let mut agent = Agent::ready(&setup, "slow").await;
            let (mut runs, asked) = agent.employed(&setup, "first").await;
            let mut leaves = client(&setup).await;
            leaves.send(keyed("b")).await;
            setup.in_flight(2).await;
            let mut repeats = client(&setup).await;
            repeats.send(keyed("c")).await;
            repeats.is_heard().await;
            drop(leaves);
            agent.echo(&asked).await;
            runs.answer().await;
            let asked = agent.asked().await;
            agent.echo(&asked).await;
            let said = repeats.answer().await;
            assert_eq!(said["payload"]["content"]["result"]["text"], "second");
        },
    );
}

#[test]
fn a_request_whose_agent_left_while_it_queued_is_refused_and_charged_nothing() {
    on_node_with(one_at_a_time, async |setup| {
        let mut slow = Agent::ready(&setup, "slow").await;
        let gone = Agent::ready(&setup, "gone").await;
        let (mut runs, asked) = slow.employed(&setup, "first").await;
        let mut waits = client(&setup).await;
        waits.send(request("b", "gone", "second")).await;
        setup.in_flight(2).await;
        drop(gone);
        setup.withdrawn("gone").await;
        slow.echo(&asked).await;
        runs.answer().await;
        assert_eq!(waits.error().await, "ENOROUTE");
        setup.settled().await;
    });
}

/// Two personas, of whom `guard` must be heard where health data is concerned.
const GUARDED: &str = "
personas:
  slow: { adapters: [slow] }
  guard: { adapters: [\"guard.*\"], compliance: [phi] }
policies: [{ id: default }]
";

/// Asks the slow agent and the guard about health data, while the one slot is taken, and lets some guards leave.
fn guards_leave(leaving: &'static [&'static str], then: impl AsyncFnOnce(crate::fixture::Peer)) {
    on_node_with(one_at_a_time, async |setup| {
        setup.policy(GUARDED).await;
        let mut slow = Agent::ready_with(&setup, "slow", json!({ "safety_domains": ["phi"] })).await;
        let mut guards = Vec::new();
        for (id, cost) in [("guard.a", 1), ("guard.b", 2)] {
            let members = json!({ "safety_domains": ["phi"], "cost_per_token_micros": cost });
            guards.push((id, Agent::ready_with(&setup, id, members).await));
        }
        let (mut runs, asked) = slow.employed(&setup, "first").await;
        let mut waits = client(&setup).await;
        let mut guarded = request("b", "auto", "second");
        guarded["meta"] = json!({
            "personas": [{ "persona_id": "slow", "count": 1 }, { "persona_id": "guard", "count": 1 }],
            "data_scope": ["phi"], "reconciliation": "union_tiebreak",
        });
        waits.send(guarded).await;
        setup.in_flight(2).await;
        for (id, guard) in guards {
            match leaving.contains(&id) {
                true => {
                    drop(guard);
                    setup.withdrawn(id).await;
                }
                false => drop(guard.work(Manners::Echo)),
            }
        }
        slow.echo(&asked).await;
        runs.answer().await;
        slow.work(Manners::Echo);
        then(waits).await;
        setup.settled().await;
    });
}

#[test]
fn a_persona_that_must_be_heard_is_heard_through_who_stands_in_for_the_one_that_left() {
    guards_leave(&["guard.a"], async |mut waits| {
        let last = waits.answer().await;
        let lanes = last["payload"]["content"].to_string();
        assert!(lanes.contains("guard"), "{last}");
    });
}

#[test]
fn no_answer_leaves_when_everybody_who_carries_out_a_persona_that_must_be_heard_has_left() {
    guards_leave(&["guard.a", "guard.b"], async |mut waits| {
        assert_eq!(waits.error().await, "ENOROUTE");
    });
}
