use std::sync::Arc;

use atp_protocol::ids::{AccountId, RequestId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Identity, TaskMeta};
use atp_protocol::units::Tier;
use proptest::prelude::{prop, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy;
use serde_json::json;

use super::*;

fn request(meta: TaskMeta) -> AgentRequest {
    let acme = TenantId::new("acme").unwrap();
    let identity = Identity::new(acme, Some(AccountId::new("acme").unwrap()));
    AgentRequest {
        meta,
        ..AgentRequest::new(RequestId::new("r1").unwrap(), identity, Content::prompt("hello"))
    }
}

fn with_other(other: serde_json::Value) -> AgentRequest {
    let members = other.as_object().unwrap().clone();
    request(TaskMeta {
        other: members.into_iter().collect(),
        ..TaskMeta::default()
    })
}

fn parse(text: &str) -> PolicySet {
    PolicySet::parse(text).unwrap_or_else(|lints| panic!("{}", report(&lints)))
}

fn report(lints: &[Lint]) -> String {
    let lines: Vec<String> = lints.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The problems of a document that is expected to have some.
fn problems(text: &str) -> String {
    report(&PolicySet::parse(text).expect_err("the document has a problem"))
}

/// Which of `default` and `p` applies when `p` has these keys under `match`.
fn applies(keys: &str, request: &AgentRequest) -> bool {
    let set = parse(&format!(
        "attributes: {{ ticket: name, loc: number, hot: flag, labels: list }}\npolicies:\n  - id: default\n  - id: p\n    match: {{ {keys} }}\n"
    ));
    &*set.select(&Attributes::new(request, "eu-west")).policy.id == "p"
}

#[test]
fn the_specified_example_is_accepted() {
    let set = parse(
        r#"
models:
  qwen2.5-7b: { provider: ollama, ctx: 32768, price: {in_per_1k: 0, out_per_1k: 0}, strengths: [summarize, classify], family: qwen, params_b: 7, safety_grade: B, energy: slm_general }
agents:
  reviewer.gemini: { layer: L3, model: gemini-pro, qos: gold, personas: [reviewer], regions: [eu-west], data_scopes: [pii], tools: [fs.read] }
policies:
  - id: default
  - id: code-review-big
    priority: 100
    match: { task_type: code_review, diff_loc: ">200", repo_risk: high, tenant: "acme|globex", data_scope_not: [phi] }
    fanout: [summarizer.local, "reviewer.*"]
    k: 2
    strategy: union_tiebreak
    escalation: { on: [low_conf, test_fail, disagree_high], to: [reviewer.gpt5], max_depth: 2 }
    thresholds: { low_conf: 0.6, disagree: 0.4, agree: 0.6, evidence: 0.5 }
    budget: { usd: 3.00, tokens: 1200000 }
    constraints: { security_groups_any: [sandboxed-fs], regions_any: [eu-*], safety_min: B, latency_slo_ms: 20000 }
    provisional: { quorum_min: 2, agree_min: 0.6, expiry_ms: 15000 }
    arbiter_max_usd: 0.05
    tools_budget_caps: { search_api: { usd: 0.10 } }
    objective: { preset: balanced }
    explore: { epsilon: 0.05 }
    shadow: { rate: 0.02 }
"#,
    );
    assert_eq!(set.warnings(), []);
    let mut big = with_other(json!({"diff_loc": 201, "repo_risk": "high"}));
    big.meta.task_type = Some("code_review".into());
    let policy = set.select(&Attributes::new(&big, "eu-west")).policy;
    assert_eq!(&*policy.id, "code-review-big");
    assert_eq!(policy.budget.usd_micros, 3_000_000);
    assert_eq!(policy.tool_caps["search_api"].usd_micros, 100_000);
    assert_eq!(policy.constraints.safety_min, SafetyGrade::B);
    big.meta.data_scope = vec!["phi".into()];
    assert_eq!(
        &*set.select(&Attributes::new(&big, "eu-west")).policy.id,
        "default"
    );
}

#[test]
fn strategies_of_another_name_are_accepted_with_a_warning() {
    let set = parse("policies: [{id: default, strategy: quorum}]");
    let policy = set.policies().next().unwrap();
    assert_eq!(policy.strategy, crate::reconcile::Strategy::Consensus);
    assert!(report(set.warnings()).contains("carried out as `consensus`"));
}

#[test]
fn the_built_in_document_is_clean() {
    assert_eq!(PolicySet::built_in().warnings(), []);
}

#[test]
fn every_operator_means_what_it_says() {
    let loc = |n: f64| with_other(json!({ "loc": n }));
    for (test, inside, outside) in [
        ("5", 5.0, 5.5),
        (">5", 5.1, 5.0),
        (">=5", 5.0, 4.9),
        ("<5", 4.9, 5.0),
        ("<=5", 5.0, 5.1),
        ("-2..5", -2.0, 5.1),
        ("1|7..9", 8.0, 2.0),
    ] {
        assert!(applies(&format!("loc: \"{test}\""), &loc(inside)), "{test}");
        assert!(!applies(&format!("loc: \"{test}\""), &loc(outside)), "{test}");
        assert!(!applies(&format!("loc_not: \"{test}\""), &loc(inside)), "{test}");
        assert!(applies(&format!("loc_not: \"{test}\""), &loc(outside)), "{test}");
    }
    let ticket = with_other(json!({"ticket": "ops-17"}));
    assert!(applies("ticket: ops-*", &ticket));
    assert!(applies("ticket: [dev-*, ops-17]", &ticket));
    assert!(!applies("ticket_not: \"dev-*|ops-*\"", &ticket));
    assert!(applies("hot: true", &with_other(json!({"hot": true}))));
    let labels = with_other(json!({"labels": ["a", "b", 3]}));
    assert!(applies("labels_any: [x, b]", &labels));
    assert!(!applies("labels_any: [x, y]", &labels));
    assert!(applies("labels_all: [a, b]", &labels));
    assert!(!applies("labels_all: [a, x]", &labels));
    assert!(applies("labels_not: [x]", &labels));
    assert!(!applies("labels_not: [x, a]", &labels));
}

#[test]
fn an_absent_value_satisfies_only_negations() {
    let empty = request(TaskMeta::default());
    for keys in [
        "ticket: x",
        "loc: 0",
        "hot: false",
        "labels_any: x",
        "labels_all: x",
    ] {
        assert!(!applies(keys, &empty), "{keys}");
    }
    for keys in ["ticket_not: x", "loc_not: 0", "labels_not: x"] {
        assert!(applies(keys, &empty), "{keys}");
    }
}

#[test]
fn a_value_of_another_type_satisfies_nothing() {
    let wrong = with_other(json!({"ticket": 7, "loc": "7", "hot": "true", "labels": "a"}));
    for keys in [
        "ticket: 7",
        "ticket_not: x",
        "loc: 7",
        "loc_not: 8",
        "hot: true",
        "labels_any: a",
        "labels_not: b",
    ] {
        assert!(!applies(keys, &wrong), "{keys}");
    }
}

#[test]
fn priority_then_keys_then_id_decide() {
    let set = parse(
        r"
policies:
  - id: default
  - { id: b, match: { tenant: acme } }
  - { id: a, match: { tenant: acme } }
  - { id: two, match: { tenant: acme, qos: silver } }
  - { id: first, priority: 1, match: { task_type: x } }
",
    );
    let select = |request: &AgentRequest| {
        let matched = set.select(&Attributes::new(request, "eu"));
        (matched.policy.id.to_string(), matched.why)
    };
    let mut ask = request(TaskMeta::default());
    assert_eq!(select(&ask), ("two".into(), Why::MostKeys));
    ask.tier = Tier::Gold;
    assert_eq!(select(&ask), ("a".into(), Why::Id));
    ask.meta.task_type = Some("x".into());
    assert_eq!(select(&ask), ("first".into(), Why::Priority));
    ask.meta.task_type = None;
    ask.identity.tenant = TenantId::new("other").unwrap();
    assert_eq!(select(&ask), ("default".into(), Why::Only));
}

#[test]
fn mistakes_are_named_with_line_column_and_the_nearest_word() {
    let text = "policies:\n  - id: default\n    stratgy: first_win\n    k: 9\n    constraints:\n      safety_min: E\n    match:\n      tenat: x\n";
    let lints = PolicySet::parse(text).unwrap_err();
    let at = |message: &str| {
        let lint = lints
            .iter()
            .find(|lint| lint.message.contains(message))
            .unwrap_or_else(|| panic!("{message}: {}", report(&lints)));
        (lint.line, lint.column, lint.hint.clone().unwrap_or_default())
    };
    assert_eq!(at("`stratgy`"), (3, 5, "did you mean `strategy`?".into()));
    assert_eq!(at("k is `9`").0, 4);
    assert_eq!(at("safety_min cannot be `E`").0, 6);
    assert_eq!(at("`tenat`"), (8, 7, "did you mean `tenant`?".into()));
}

#[test]
fn what_an_answer_is_worth_is_read_and_checked_where_it_stands() {
    let set = parse("policies: [{id: default, value_usd: 0.25, scale_budget_windows: true}]");
    let policy = set.policies().next().unwrap();
    assert_eq!(
        (policy.value_usd_micros, policy.scale_budget_windows),
        (Some(250_000), true)
    );
    let lints = PolicySet::parse("policies:\n  - id: default\n    value_usd: much").unwrap_err();
    assert_eq!((lints[0].line, lints[0].column), (3, 16));
}

#[test]
fn documents_that_cannot_be_meant_are_rejected() {
    for (text, problem) in [
        ("", "empty"),
        ("[]", "must be a mapping"),
        ("policies: {}", "must be a list"),
        ("policies: []", "no policy with id `default`"),
        (
            "policies: [{id: default, match: {tenant: x}}]",
            "keys under `match`",
        ),
        ("policies: [{id: default}, {id: default}]", "second policy"),
        ("policies: [{id: default, id: b}]", "given twice"),
        ("a: &x 1\nb: *x", "aliases"),
        ("a: 1\n---\nb: 2", "second document"),
        ("policies: [{id: default, match: {languages: rust}}]", "is a list"),
        ("policies: [{id: default, match: {tenant_any: x}}]", "is no list"),
        (
            "policies: [{id: default, match: {task_type: a*}}]",
            "is for names",
        ),
        (
            "policies: [{id: default, match: {diff_loc: many}}]",
            "cannot be `many`",
        ),
        (
            "policies: [{id: default, match: {diff_loc: 9..1}}]",
            "cannot be `9..1`",
        ),
        (
            "policies: [{id: default, escalation: {on: [low_conf]}}]",
            "not both",
        ),
        ("policies: [{id: default, weights: {cost: 1}}]", "weights lack"),
        ("attributes: {tenant: number}", "built in"),
        ("models: {m: {price: {in_per_1k: 1}}}", "price lacks `out_per_1k`"),
        (
            "policies: [{id: default, thresholds: {disagree: 0.9}}]",
            "lies above",
        ),
        (
            "policies: [{id: default, value_usd: -1}]",
            "value_usd is `-1`; it must be a number from 0",
        ),
        (
            "policies: [{id: default, scale_budget_windows: maybe}]",
            "cannot be `maybe`",
        ),
    ] {
        let found = problems(text);
        assert!(found.contains(problem), "{text}\n{found}");
    }
    assert!(problems(&" ".repeat(DOCUMENT_LEN_MAX + 1)).contains("at most 1048576"));
    assert!(problems(&"- ".repeat(100_000)).contains("levels deep"));
    assert!(problems(&format!("{}{}", "[".repeat(20), "]".repeat(20))).contains("levels deep"));
    assert!(PolicySet::parse(&"[".repeat(100_000)).is_err());
}

#[test]
fn a_tenant_has_the_rate_of_its_row_or_of_everybodys() {
    let rate = |tenants: &str, tenant: &str| {
        let set = parse(&format!(
            "tenants: {{ {tenants} }}\npolicies: [{{ id: default }}]"
        ));
        let rate = set.rate(&TenantId::new(tenant).unwrap());
        rate.map(|rate| (rate.per_s, rate.burst))
    };
    let rows =
        "acme: { rate_per_s: 20, rate_burst: 40 }, calm: { rate_per_s: 0 }, default: { rate_per_s: 5 }";
    assert_eq!(rate(rows, "acme"), Some((20, 40)));
    assert_eq!(rate(rows, "calm"), None);
    assert_eq!(rate(rows, "other"), Some((5, 5)));
    assert_eq!(rate("acme: { rate_per_s: 20 }", "other"), None);
    let bad = "tenants: { acme: { rate_burst: 4 }, beta: { rate_per_m: 5 } }\npolicies: [{ id: default }]";
    let told = problems(bad);
    assert!(told.contains("rate_burst without rate_per_s"), "{told}");
    assert!(told.contains("`rate_per_s`"), "the nearest word: {told}");
}

#[test]
fn overlaps_of_equal_specificity_are_shown_by_a_request() {
    let set = parse(
        r#"
policies:
  - id: default
  - { id: a, match: { tenant: "ac*", diff_loc: ">200", data_scope_not: [phi] } }
  - { id: b, match: { tenant: "*me", diff_loc: "100..300", languages_any: [rust] } }
  - { id: c, match: { tenant: "ac*", diff_loc: "<=200", languages_any: [rust] } }
"#,
    );
    let found = report(set.warnings());
    assert!(found.contains("`a` and `b`"), "{found}");
    assert!(
        found.contains("tenant=acme") || found.contains("tenant=ac"),
        "{found}"
    );
    assert!(!found.contains("`a` and `c`"), "{found}");
}

#[test]
fn a_policy_behind_one_that_matches_everything_is_pointed_out() {
    let set =
        parse("policies: [{id: default, priority: 5}, {id: a, match: {tenant: x}}, {id: zero, priority: 5}]");
    let found = report(set.warnings());
    assert!(found.contains("`a` never applies: `default`"), "{found}");
    assert!(found.contains("`zero` never applies"), "{found}");
}

#[test]
fn a_bad_set_leaves_the_good_one_in_force_and_says_so() {
    let mut store = PolicyStore::default();
    let good = "policies: [{id: default, k: 2}]";
    assert_eq!(
        store.load(good),
        Ok(Loaded::Swapped {
            previous: 1,
            version: 2
        })
    );
    let in_force = Arc::clone(store.current());
    assert!(store.load("policies: [{id: default, k: 9}]").is_err());
    assert!(store.load("nonsense").is_err());
    assert_eq!(store.current(), &in_force);
    assert_eq!(store.version(), 2);
    assert_eq!(store.safe_mode().map(|mode| mode.rejected), Some(2));
    assert_eq!(store.load(good), Ok(Loaded::Unchanged { version: 2 }));
    assert_eq!(store.safe_mode(), None);
}

#[test]
fn a_set_that_was_agreed_on_takes_force_under_its_own_version_and_never_an_earlier_one() {
    let mut store = PolicyStore::default();
    let (older, newer) = (
        "policies: [{id: default, k: 2}]",
        "policies: [{id: default, k: 3}]",
    );
    let swapped = |previous, version| Ok(Loaded::Swapped { previous, version });
    assert_eq!(store.follow(7, newer), swapped(1, 7));
    assert_eq!(store.follow(6, older), Ok(Loaded::Unchanged { version: 7 }));
    assert_eq!(store.follow(9, newer), swapped(7, 9), "agreed on again");
    assert!(store.follow(10, "nonsense").is_err());
    assert_eq!(store.version(), 9);
}

/// A document of policies over two attributes, with the values to ask for.
fn documents() -> impl Strategy<Value = (String, f64, String)> {
    let clause = prop_oneof![
        (0..20u32).prop_map(|n| format!("diff_loc: \">{n}\"")),
        (0..20u32).prop_map(|n| format!("diff_loc_not: \"{n}..{}\"", n + 3)),
        "[ab]{1,2}\\*?".prop_map(|name| format!("tenant: {name}")),
    ];
    let policy = (0..3i32, clause);
    (
        prop::collection::vec(policy, 0..12),
        (0..24u32).prop_map(f64::from),
        "[ab]{1,3}",
    )
        .prop_map(|(policies, loc, tenant)| {
            let mut text = "policies:\n  - id: default\n".to_owned();
            for (i, (priority, clause)) in policies.iter().enumerate() {
                text += &format!("  - {{ id: p{i:02}, priority: {priority}, match: {{ {clause} }} }}\n");
            }
            (text, loc, tenant)
        })
}

proptest! {
    #[test]
    fn exactly_the_first_applicable_policy_is_selected((text, loc, tenant) in documents()) {
        let set = parse(&text);
        let mut ask = with_other(json!({ "diff_loc": loc }));
        ask.identity.tenant = TenantId::new(&tenant).unwrap();
        let attributes = Attributes::new(&ask, "eu");
        let expected = set
            .policies()
            .filter(|policy| policy.applies(&attributes))
            .min_by_key(|policy| (-policy.priority, -(policy.keys().len() as i64), policy.id.clone()))
            .unwrap();
        prop_assert_eq!(&set.select(&attributes).policy.id, &expected.id);
        prop_assert_eq!(parse(&text), set);
    }

    #[test]
    fn order_of_policies_in_the_document_changes_nothing((text, loc, tenant) in documents()) {
        let mut lines: Vec<&str> = text.lines().collect();
        lines[1..].reverse();
        let reversed = lines.join("\n");
        let mut ask = with_other(json!({ "diff_loc": loc }));
        ask.identity.tenant = TenantId::new(&tenant).unwrap();
        let attributes = Attributes::new(&ask, "eu");
        let a = parse(&text).select(&attributes);
        let b = parse(&reversed).select(&attributes);
        prop_assert_eq!((&a.policy.id, a.why), (&b.policy.id, b.why));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = PolicySet::parse(&text);
    }

    #[test]
    fn nothing_that_looks_like_yaml_panics(text in "[a-c:{}\\[\\]|>&*!#,' \"\n\t\\-?%@`0-9.]{0,120}") {
        let _ = PolicySet::parse(&text);
    }

    #[test]
    fn a_damaged_document_never_panics(at in 0..2_000usize, with in "\\PC{0,6}") {
        let mut text = include_str!("builtin.yaml").to_owned();
        let at = at % text.len();
        if text.is_char_boundary(at) {
            text.insert_str(at, &with);
        }
        let _ = PolicySet::parse(&text);
    }
}
