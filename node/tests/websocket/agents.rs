//! Adapters that dial in: joining, working, misbehaving, leaving.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use atp_protocol::adapter::HealthStatus;
use serde_json::json;

use crate::fixture::{ADMIN, Agent, Manners, Setup, client, on_node, on_node_with, request};

#[test]
fn a_disconnect_withdraws_at_once_and_fails_what_ran() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let (mut peer, asked) = agent.employed(&setup, "hello").await;
        agent.partial(&asked, "hel").await;
        peer.of_type("agent.result.partial").await;
        drop(agent);
        let said = loop {
            let frame = peer.frame().await;
            let kind = frame["payload"]["type"].as_str().unwrap().to_owned();
            if kind == "control.error" || kind == "agent.result.final" {
                break frame;
            }
        };
        let content = &said["payload"]["content"];
        assert!(
            content["aborted"] == true || content["code"].is_string(),
            "{said}"
        );
        setup.withdrawn("echo").await;
        setup.settled().await;
    });
}

#[test]
fn the_newest_of_two_agents_of_one_name_works_and_outlives_the_other() {
    on_node(async |setup| {
        let first = Agent::ready(&setup, "echo").await;
        let second = Agent::ready(&setup, "echo").await;
        drop(first);
        second.work(Manners::Echo);
        // The first one's leaving is noticed on the way.
        for stream in ["a", "b", "c"] {
            let mut peer = client(&setup).await;
            peer.send(request(stream, "echo", "still here")).await;
            peer.answer().await;
        }
        assert!(setup.is_routable("echo"));
    });
}

#[test]
fn a_draining_agent_finishes_what_it_has_and_gets_no_more() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let (mut peer, asked) = agent.employed(&setup, "first").await;
        agent.status("DRAINING").await;
        agent.peer.is_heard().await;
        peer.send(request("b", "echo", "second")).await;
        assert_eq!(peer.of_type("control.error").await["stream_id"], "b");
        agent.echo(&asked).await;
        let last = peer.answer().await;
        assert_eq!(last["stream_id"], "a");
        assert_eq!(last["payload"]["content"]["result"]["text"], "first");
    });
}

#[test]
fn a_busy_agent_gets_work_again_when_it_said_it_would() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let busy = json!({ "status": "BUSY", "retry_after_ms": 300 });
        agent.control("control.status", busy).await;
        setup.readiness("echo", "BUSY").await;
        let mut peer = client(&setup).await;
        peer.send(request("a", "echo", "too early")).await;
        peer.error().await;
        setup.readiness("echo", "READY").await;
        peer.send(request("b", "echo", "later")).await;
        let asked = agent.asked().await;
        agent.echo(&asked).await;
        peer.answer().await;
    });
}

#[test]
fn a_busy_agent_stays_so_while_its_health_is_not_fine() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let health = |status: &str| json!({ "adapter_id": "echo", "status": status });
        let busy = |ms: u64| json!({ "status": "BUSY", "retry_after_ms": ms });
        agent.control("adapter.health", health("degraded")).await;
        agent.control("control.status", busy(1)).await;
        setup.readiness("echo", "BUSY").await;
        // A second agent's later BUSY is over; this one's is not.
        let mut other = Agent::ready(&setup, "other").await;
        other.control("control.status", busy(300)).await;
        setup.readiness("other", "BUSY").await;
        setup.readiness("other", "READY").await;
        setup.readiness("echo", "BUSY").await;
        agent.control("adapter.health", health("healthy")).await;
        setup.readiness("echo", "READY").await;
    });
}

#[test]
fn a_pause_takes_work_within_its_grace() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        agent.status("PAUSE").await;
        agent.peer.is_heard().await;
        agent.work(Manners::Echo);
        let mut peer = client(&setup).await;
        peer.send(request("a", "echo", "within the grace")).await;
        peer.answer().await;
    });
}

#[test]
fn an_agent_at_its_burst_cap_is_waited_for_and_then_refused() {
    on_node_with(
        |config| {
            (config.burst.rate, config.burst.size) = (5, 1);
            config.sched.queue_timeout_ms = [300; 3];
        },
        async |setup| {
            Agent::ready(&setup, "echo").await.work(Manners::Echo);
            let mut peer = client(&setup).await;
            // The first goes at once, the second after a fifth of a second, the third would after two.
            for stream in ["a", "b", "c"] {
                peer.send(request(stream, "echo", "hello")).await;
            }
            let mut ends = Vec::new();
            while ends.len() < 3 {
                let frame = peer.frame().await;
                let stream = frame["stream_id"].as_str().unwrap_or_default().to_owned();
                match frame["payload"]["type"].as_str() {
                    Some("agent.result.final") => ends.push((stream, "final".to_owned())),
                    Some("control.error") => {
                        let code = frame["payload"]["content"]["code"].as_str();
                        ends.push((stream, code.expect("a code").to_owned()));
                    }
                    _ => {}
                }
            }
            ends.sort();
            let end = |stream: &str, end: &str| (stream.to_owned(), end.to_owned());
            assert_eq!(ends[..2], [end("a", "final"), end("b", "final")]);
            // Found too late when it was planned or when it was to be called.
            assert!(
                ["EWINDOW", "EWINDOW_AGENT"].contains(&ends[2].1.as_str()),
                "{ends:?}"
            );
            assert_eq!(
                setup.figure(r#"agent_burst_capped_total{outcome="waited"}"#),
                Some(1.0)
            );
            setup.settled().await;
        },
    );
}

#[test]
fn an_agent_is_asked_for_no_more_tokens_and_money_at_once_than_it_suggests() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let mut peer = client(&setup).await;
        // A request of these is expected to use about a hundred tokens.
        let suggest = |window: serde_json::Value| json!({ "status": "READY", "suggested_window": window });
        agent
            .control("control.status", suggest(json!({ "max_tokens": 150 })))
            .await;
        agent.peer.is_heard().await;
        setup.counts("window_overrides_applied", 1.0).await;
        peer.send(request("a", "echo", "first")).await;
        let first = agent.asked().await;
        peer.send(request("b", "echo", "one too many")).await;
        assert_eq!(
            peer.of_type("control.error").await["payload"]["content"]["code"],
            "EWINDOW"
        );
        agent.echo(&first).await;
        peer.answer().await;
        setup.settled().await;
        peer.send(request("c", "echo", "there is room again")).await;
        let third = agent.asked().await;
        agent.echo(&third).await;
        peer.answer().await;
        agent
            .control("control.status", suggest(json!({ "max_usd": 0.0 })))
            .await;
        setup.counts("window_overrides_applied", 2.0).await;
        peer.send(request("d", "echo", "for nothing")).await;
        assert_eq!(peer.of_type("control.error").await["stream_id"], "d");
        agent.control("control.status", suggest(json!({}))).await;
        agent.peer.is_heard().await;
        peer.send(request("e", "echo", "without limits")).await;
        let last = agent.asked().await;
        agent.echo(&last).await;
        peer.answer().await;
        let changes = setup.figure(r#"agent_status_changes_total{status="READY"}"#);
        assert_eq!(changes, Some(1.0));
    });
}

#[test]
fn an_unhealthy_agent_gets_no_work_until_it_is_well() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let health = |status: &str| json!({ "adapter_id": "echo", "status": status });
        let mut peer = client(&setup).await;
        agent.control("adapter.health", health("unhealthy")).await;
        setup.tabled("echo", HealthStatus::Unhealthy).await;
        peer.send(request("a", "echo", "hello")).await;
        peer.error().await;
        agent.control("adapter.health", health("healthy")).await;
        setup.tabled("echo", HealthStatus::Healthy).await;
        peer.send(request("b", "echo", "hello")).await;
        let asked = agent.asked().await;
        agent.echo(&asked).await;
        peer.answer().await;
        let other = json!({ "adapter_id": "other", "status": "healthy" });
        agent.control("adapter.health", other).await;
        assert_eq!(agent.peer.error().await, "ENOTFOUND");
    });
}

#[test]
fn an_agent_that_lies_about_usage_cannot_make_the_account_overspend() {
    on_node(async |setup| {
        Agent::ready(&setup, "liar").await.work(Manners::Lying);
        let mut peer = client(&setup).await;
        peer.send(request("a", "liar", "how much?")).await;
        loop {
            let frame = peer.frame().await;
            let kind = &frame["payload"]["type"];
            if kind == "agent.result.final" || kind == "control.error" {
                break;
            }
        }
        setup.settled().await;
    });
}

#[test]
fn chunks_after_the_final_are_dropped_and_the_agent_goes_on() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let (mut peer, asked) = agent.employed(&setup, "once").await;
        agent.echo(&asked).await;
        agent.partial(&asked, "and again").await;
        agent.partial(&asked, "and again").await;
        let last = peer.answer().await;
        assert_eq!(last["payload"]["content"]["result"]["text"], "once");
        peer.send(request("b", "echo", "twice")).await;
        let asked = agent.asked().await;
        agent.echo(&asked).await;
        assert_eq!(peer.answer().await["stream_id"], "b");
    });
}

#[test]
fn an_agent_that_stalls_is_cut_at_the_deadline() {
    on_node(async |setup| {
        Agent::ready(&setup, "stone").await.work(Manners::Stalling);
        let mut peer = client(&setup).await;
        let mut asked = request("a", "stone", "anybody?");
        asked["meta"]["deadline_ms"] = 400.into();
        peer.send(asked).await;
        assert_eq!(peer.error().await, "ETIMEOUT");
        setup.settled().await;
    });
}

/// The circuit of the agent `echo`.
async fn circuit(setup: &Setup) -> String {
    let (_, all) = setup.get("/v1/admin/adapters", ADMIN).await;
    let mut all = all.as_array().expect("a list").iter();
    let echo = all.find(|of| of["id"] == "echo").expect("it is there");
    echo["circuit"].as_str().expect("a word").to_owned()
}

#[test]
fn a_circuit_opens_and_closes_as_configured() {
    on_node_with(
        |config| {
            config.breaker.fail_threshold = 1;
            config.breaker.half_open_successes = 1;
            config.breaker.reset_timeout_ms = 400;
        },
        async |setup| {
            let mut agent = Agent::ready(&setup, "echo").await;
            let (mut peer, asked) = agent.employed(&setup, "fail").await;
            let error = json!({ "error": "out of memory" });
            agent.say(&asked, "agent.result.error", error).await;
            peer.error().await;
            assert_eq!(circuit(&setup).await, "open");
            while circuit(&setup).await == "open" {
                tokio::task::yield_now().await;
            }
            peer.send(request("b", "echo", "again")).await;
            let asked = agent.asked().await;
            agent.echo(&asked).await;
            peer.answer().await;
            while circuit(&setup).await != "closed" {
                tokio::task::yield_now().await;
            }
        },
    );
}

#[test]
fn a_probe_of_an_open_circuit_that_is_called_off_leaves_its_place_to_another() {
    on_node_with(
        |config| {
            config.breaker.fail_threshold = 1;
            config.breaker.half_open_successes = 1;
            config.breaker.reset_timeout_ms = 2_000;
        },
        async |setup| {
            let mut agent = Agent::ready(&setup, "echo").await;
            let (mut peer, asked) = agent.employed(&setup, "fail").await;
            let error = json!({ "error": "out of memory" });
            agent.say(&asked, "agent.result.error", error).await;
            peer.error().await;
            assert_eq!(circuit(&setup).await, "open");
            while circuit(&setup).await == "open" {
                tokio::task::yield_now().await;
            }
            let (leaving, _) = agent.employed(&setup, "let me through").await;
            drop(leaving);
            assert_eq!(agent.peer.error().await, "ECANCEL");
            let (mut peer, asked) = agent.employed(&setup, "and me").await;
            agent.echo(&asked).await;
            peer.answer().await;
        },
    );
}

#[test]
fn a_client_that_reads_late_gets_the_whole_answer() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "fast").await;
        let (mut late, asked) = agent.employed(&setup, "everything").await;
        let lines = Rc::new(Cell::new(0));
        let said = Rc::clone(&lines);
        let talking = tokio::task::spawn_local(async move {
            agent.partial(&asked, "first this ").await;
            let line = "word ".repeat(10_000);
            for _ in 0..900 {
                let log = json!({ "level": "info", "text": line });
                agent.say(&asked, "agent.log", log).await;
                said.set(said.get() + 1);
            }
            agent.partial(&asked, "and then this").await;
            agent.last(&asked, 2).await;
            agent
        });
        // More than all between the two holds, so the agent comes to a halt before it is through.
        let mut before = None;
        while before != Some(lines.get()) {
            before = Some(lines.get());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert!(!talking.is_finished());
        let said = late.answer().await;
        assert_eq!(
            said["payload"]["content"]["result"]["text"],
            "first this and then this"
        );
        talking.await.expect("the agent was not told to stop");
    });
}
