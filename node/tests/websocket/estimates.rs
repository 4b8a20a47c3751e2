//! Agents that say beforehand what a call would cost, or do not.

use serde_json::{Value, json};

use crate::fixture::{ADMIN, Agent, Asked, Setup, client, on_node, on_node_with, request};

/// An agent that answers estimates.
async fn estimator(setup: &Setup) -> Agent {
    let mut agent = Agent::dial(setup, "echo").await;
    agent.declare(json!({ "estimate": true })).await;
    let question = answer(
        &mut agent,
        json!({ "in_tokens": 1, "out_tokens": 1, "usd_micros": 0 }),
    )
    .await;
    assert_eq!(question["content"]["max_tokens"], 1, "it is part of the probe");
    agent.pass(setup).await;
    agent
}

/// The next question, and an answer with these members.
async fn answer(agent: &mut Agent, members: Value) -> Value {
    let question = agent.peer.of_type("control.estimate_request").await["payload"]["content"].clone();
    let mut content = json!({ "request_id": question["request_id"] });
    let Value::Object(members) = members else {
        panic!("an answer is an object")
    };
    content.as_object_mut().expect("it is one").extend(members);
    agent.control("control.estimate", content).await;
    question
}

/// The next call, and the tokens that are held for it.
async fn call(agent: &mut Agent) -> (Asked, u64) {
    let frame = agent.peer.of_type("agent.request").await;
    let held = frame["window"]["max_tokens"].as_u64().expect("a window");
    (Asked::of(&frame), held)
}

async fn fallbacks(setup: &Setup) -> usize {
    let (_, text) = setup.text("/metrics", ADMIN).await;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("estimate_fallback_total{adapter=\"echo\"} "));
    line.map_or(0, |count| count.parse().expect("a count"))
}

#[test]
fn an_estimate_is_asked_for_first_and_what_it_says_is_held() {
    on_node(async |setup| {
        let mut agent = estimator(&setup).await;
        let mut peer = client(&setup).await;
        peer.send(request("a", "echo", "how much?")).await;
        let exact = json!({ "tokens": 0, "usd": 0 });
        let members = json!({ "in_tokens": 10, "out_tokens": 1_000, "usd_micros": 70, "variance": exact });
        let question = answer(&mut agent, members).await;
        assert_eq!(question["content"]["model"], "echo");
        assert_eq!(question["content"]["messages"][0]["content"], "how much?");
        assert_eq!(question["deadline_ms"], 500);
        let (asked, held) = call(&mut agent).await;
        assert_eq!(held, 1_010);
        agent.echo(&asked).await;
        peer.answer().await;
        assert_eq!(fallbacks(&setup).await, 0);
    });
}

#[test]
fn an_agent_that_does_not_answer_is_given_the_routers_own_estimate_in_time() {
    on_node_with(
        |config| config.timeouts.estimate_ms = 200,
        async |setup| {
            let mut agent = estimator(&setup).await;
            let mut peer = client(&setup).await;
            peer.send(request("a", "echo", "how much?")).await;
            let (asked, held) = call(&mut agent).await;
            // Three tokens in, 64 out, and half as much again.
            assert_eq!(held, 101);
            assert_eq!(fallbacks(&setup).await, 1);
            agent.echo(&asked).await;
            peer.answer().await;
        },
    );
}

#[test]
fn a_negative_estimate_is_refused_and_nobody_waits_any_longer() {
    on_node_with(
        // Longer than any test.
        |config| config.timeouts.estimate_ms = 600_000,
        async |setup| {
            let mut agent = estimator(&setup).await;
            let mut peer = client(&setup).await;
            peer.send(request("a", "echo", "how much?")).await;
            let negative = json!({ "in_tokens": -10, "out_tokens": 1_000, "usd_micros": 70 });
            answer(&mut agent, negative).await;
            assert_eq!(agent.peer.error().await, "EBAD_INPUT");
            let (asked, held) = call(&mut agent).await;
            assert_eq!(held, 101);
            assert_eq!(fallbacks(&setup).await, 1);
            agent.echo(&asked).await;
            peer.answer().await;
        },
    );
}

#[test]
fn an_agent_whose_estimate_cannot_be_meant_fails_its_probe() {
    on_node(async |setup| {
        let mut agent = Agent::dial(&setup, "echo").await;
        agent.declare(json!({ "estimate": true })).await;
        answer(
            &mut agent,
            json!({ "in_tokens": -1, "out_tokens": 1, "usd_micros": 0 }),
        )
        .await;
        for _ in 0..2 {
            // One for the answer, one for the declaration.
            assert_eq!(agent.peer.error().await, "EBAD_INPUT");
        }
        assert!(!setup.is_routable("echo"));
    });
}

#[test]
fn nobody_is_asked_about_work_that_is_not_for_them() {
    on_node_with(
        |config| config.timeouts.estimate_ms = 600_000,
        async |setup| {
            let mut agent = estimator(&setup).await;
            let mut peer = client(&setup).await;
            let text = "Work goes where it should. Budgets hold.";
            peer.send(request("a", "summarizer.local", text)).await;
            peer.answer().await;
            // The first thing it is asked is the next request.
            peer.send(request("b", "echo", "how much?")).await;
            let first = agent.peer.of_type("control.estimate_request").await;
            let content = &first["payload"]["content"]["content"];
            assert_eq!(content["messages"][0]["content"], "how much?");
        },
    );
}
