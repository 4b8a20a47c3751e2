//! What is thought of personas, and what follows from it.

use atp_protocol::ids::{AdapterId, TenantId};
use serde_json::{Value, json};

use super::fixture::{Manner, Scripted, Setup, on_node, until};

const POLICY: &str = "
policies:
  - id: default
    fanout: [a-liar, b-critic, c-judge]
    k: 3
    strategy: weighted_merge
  - id: single
    priority: 10
    match: { task_type: single }
    fanout: [a-liar, b-critic, c-judge]
    k: 1
";

/// Rounds after which everybody has a reputation.
const ROUNDS: usize = 20;

async fn ask(node: &Setup, task: &str) -> Vec<Value> {
    let asked = json!({ "prompt": "is it safe?", "task_type": task });
    let reply = node.ask("POST", "/v1/ask").json(&asked).send().await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.lines()
}

/// Who a single request goes to, and what is known of each candidate.
async fn single(node: &Setup) -> (String, Value) {
    let records = ask(node, "single").await;
    let last = records.last().expect("records");
    let request = last["request_id"].as_str().expect("the request's id");
    let explained = node
        .ask("GET", &format!("/v1/explain/{request}"))
        .send()
        .await
        .json();
    let decision = &explained["decision"];
    let primary = decision["plan"]["primary"].as_str().expect("a plan").to_owned();
    (primary, decision["candidates"].clone())
}

fn past<'v>(candidates: &'v Value, adapter: &str, figure: &str) -> &'v Value {
    let mut all = candidates.as_array().expect("candidates").iter();
    let of = all.find(|candidate| candidate["id"].as_str().is_some_and(|id| id.starts_with(adapter)));
    &of.expect("a candidate")["past"][figure]
}

#[test]
fn a_persona_that_disagrees_with_all_others_loses_its_place_and_the_explanation_says_why() {
    on_node(async |node| {
        Scripted::join(&node, "a-liar", Manner::Says("nothing to see")).await;
        Scripted::join(&node, "b-critic", Manner::Says("the audience is unchecked")).await;
        Scripted::join(&node, "c-judge", Manner::Says("the audience is unchecked")).await;
        let applied = node.admin("PUT", "/v1/admin/policy").body(POLICY).send().await;
        assert_eq!(applied.status(), 200, "{}", applied.text());
        let (before, candidates) = single(&node).await;
        assert!(before.starts_with("a-liar/"), "equals go by name: {before}");
        assert!(past(&candidates, "a-liar", "reputation").is_null());

        for _ in 0..ROUNDS {
            ask(&node, "other").await;
        }
        let personas = until("the liar has a reputation", async || {
            let personas = node.admin("GET", "/v1/admin/personas").send().await.json();
            (personas[0]["score"].is_f64() && personas[2]["score"].is_f64()).then_some(personas)
        })
        .await;
        let (after, candidates) = single(&node).await;
        assert!(!after.starts_with("a-liar/"), "{after}");
        let reputation = |name| past(&candidates, name, "reputation").as_f64().unwrap_or(1.0);
        assert!(reputation("a-liar") < reputation("c-judge"), "{candidates:#}");

        let liar = &personas[0];
        assert_eq!((&liar["id"], &liar["clones"]), (&json!("a-liar"), &json!(0)));
        let metrics = node.ask("GET", "/metrics").send().await;
        let shown = metrics
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("persona_reputation_score{persona=\"a-liar\"} "))
            .expect("the metric");
        assert!(shown.parse::<f64>().is_ok_and(|score| score < 0.5), "{shown}");
    });
}

#[test]
fn an_adapter_that_keeps_failing_loses_score_before_it_is_left_alone() {
    on_node(async |node| {
        Scripted::join(&node, "a-broken", Manner::Fails).await;
        Scripted::join(&node, "b-sound", Manner::Says("fine")).await;
        let policy = "policies: [{ id: default, fanout: [a-broken, b-sound], k: 1 }]";
        node.admin("PUT", "/v1/admin/policy").body(policy).send().await;
        let asked = json!({ "prompt": "is it safe?", "task_type": "single" });
        let first = node.ask("POST", "/v1/ask").json(&asked).send().await;
        first.is_problem(502, "EADAPTER");
        let (id, tenant) = (AdapterId::new("a-broken").unwrap(), TenantId::new("dev").unwrap());
        until("the failure counts", async || {
            let endpoint = node.node.meta.registry.directory.get(&tenant, &id)?;
            (endpoint.live.past().calls > 0.0).then_some(())
        })
        .await;
        let (second, candidates) = single(&node).await;
        assert!(second.starts_with("b-sound/"), "{second}");
        let success = |name| past(&candidates, name, "success").as_f64().unwrap();
        assert!(success("a-broken") < success("b-sound"), "{candidates:#}");
    });
}
