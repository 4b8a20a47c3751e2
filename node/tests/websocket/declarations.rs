//! What agents declare themselves to be, and the probe that follows.

use serde_json::json;

use crate::fixture::{Agent, client, on_node, request};

#[test]
fn an_incomplete_capability_is_refused_and_the_agent_may_try_again() {
    on_node(async |setup| {
        let mut agent = Agent::dial(&setup, "echo").await;
        agent
            .control("adapter.capability", json!({ "adapter_id": "echo" }))
            .await;
        assert_eq!(agent.peer.error().await, "EBAD_INPUT");
        agent.declare(json!({})).await;
        let probe = agent.asked().await;
        agent.echo(&probe).await;
        setup.routable("echo").await;
    });
}

#[test]
fn a_declaration_that_cannot_be_meant_is_refused_by_member_and_the_one_before_stays() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        for (members, member) in [
            (json!({ "models": ["echo", "two words"] }), "models[1]"),
            (json!({ "models": ["echo", "echo"] }), "models[1]"),
            (json!({ "max_tokens": 0 }), "max_tokens"),
            (json!({ "cost_per_token_micros": 1e300 }), "cost_per_token_micros"),
            (json!({ "max_parallel": "many" }), "max_parallel"),
        ] {
            agent.declare(members).await;
            let refused = agent.peer.of_type("control.error").await["payload"]["content"].clone();
            assert_eq!(refused["code"], "EBAD_INPUT");
            let detail = refused["detail"].as_str().expect("a detail");
            assert!(detail.contains(member), "{member}: {detail}");
        }
        assert!(setup.is_routable("echo"));
        let (mut peer, asked) = agent.employed(&setup, "still the same").await;
        agent.echo(&asked).await;
        peer.answer().await;
    });
}

#[test]
fn the_name_of_a_configured_adapter_is_refused_and_that_adapter_stays() {
    on_node(async |setup| {
        let mut agent = Agent::dial(&setup, "summarizer.local").await;
        agent.declare(json!({})).await;
        assert_eq!(agent.peer.error().await, "ESEC");
        agent.peer.closed().await;
        assert!(setup.is_routable("summarizer.local"));
        let mut peer = client(&setup).await;
        peer.send(request(
            "a",
            "summarizer.local",
            "Work goes where it should. Budgets hold.",
        ))
        .await;
        peer.answer().await;
    });
}

#[test]
fn declaring_again_replaces_what_was_declared() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        agent.declare(json!({ "models": ["echo", "echo-large"] })).await;
        agent.pass(&setup).await;
        setup.offered("echo-large").await;
        let mut peer = client(&setup).await;
        peer.send(request("a", "echo-large", "hello")).await;
        let asked = agent.asked().await;
        assert_eq!(asked.content["model"], "echo-large");
        agent.echo(&asked).await;
        peer.answer().await;
    });
}

#[test]
fn of_declarations_that_come_while_one_is_probed_only_the_latest_follows() {
    on_node(async |setup| {
        let mut agent = Agent::dial(&setup, "echo").await;
        let made = setup.figure("fib_rebuilds_total").expect("a count");
        for round in 0..100 {
            agent
                .declare(json!({ "models": [format!("echo-{round}")] }))
                .await;
        }
        for model in ["echo-0", "echo-99"] {
            let probe = agent.asked().await;
            assert_eq!(probe.content["model"], model);
            agent.echo(&probe).await;
        }
        setup.offered("echo-99").await;
        // Said again it changes nothing, and is not probed: the next thing the agent is asked is work.
        agent.declare(json!({ "models": ["echo-99"] })).await;
        agent.peer.is_heard().await;
        let rebuilds = setup.figure("fib_rebuilds_total").expect("a count") - made;
        assert!(rebuilds <= 4.0, "two registered and two passed, not {rebuilds}");
        let mut peer = client(&setup).await;
        peer.send(request("a", "echo-99", "work")).await;
        let asked = agent.asked().await;
        assert!(!asked.is_probe());
        agent.echo(&asked).await;
        peer.answer().await;
    });
}

#[test]
fn an_agent_gets_no_work_before_it_passed_its_probe() {
    on_node(async |setup| {
        let mut agent = Agent::dial(&setup, "echo").await;
        agent.declare(json!({})).await;
        let probe = agent.asked().await;
        assert!(probe.is_probe());
        assert!(!setup.is_routable("echo"));
        let mut peer = client(&setup).await;
        peer.send(request("a", "echo", "hello")).await;
        peer.error().await;
        agent.echo(&probe).await;
        setup.routable("echo").await;
        peer.send(request("b", "echo", "hello")).await;
        let asked = agent.asked().await;
        agent.echo(&asked).await;
        assert_eq!(
            peer.answer().await["payload"]["content"]["result"]["text"],
            "hello"
        );
    });
}

#[test]
fn an_agent_that_fails_its_probe_is_told_so_and_gets_no_work() {
    on_node(async |setup| {
        let mut agent = Agent::dial(&setup, "broken").await;
        agent.declare(json!({})).await;
        let probe = agent.asked().await;
        agent
            .say(&probe, "agent.result.error", json!({ "error": "out of memory" }))
            .await;
        assert_eq!(agent.peer.error().await, "EADAPTER");
        assert!(!setup.is_routable("broken"));
    });
}
