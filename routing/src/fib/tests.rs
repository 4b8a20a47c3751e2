use std::sync::Arc;

use atp_protocol::adapter::{Capability, Health, HealthStatus};
use atp_protocol::estimate::Price;
use atp_protocol::ids::AdapterId;
use atp_protocol::units::Millis;
use proptest::prelude::{Just, Strategy as _, prop_assert_eq, proptest};

use super::*;
use crate::policy::PolicySet;

fn capability(id: &str, models: &[&str]) -> Capability {
    Capability {
        capabilities: vec!["chat".to_owned()],
        models: models.iter().map(|&model| model.to_owned()).collect(),
        max_tokens: Some(8_192),
        cost_per_token_micros: Some(1.0),
        safety_domains: vec!["public".to_owned()],
        ..Capability::new(AdapterId::new(id).unwrap(), "agent")
    }
}

fn registered(id: &str, models: &[&str]) -> Registered {
    Registered {
        capability: Arc::new(capability(id, models)),
        region: "eu-west".into(),
        price: None,
        liveness: Liveness::Local,
        is_compliant: true,
    }
}

fn policies(text: &str) -> PolicySet {
    PolicySet::parse(&format!(
        "{text}\npolicies: [{{id: default, fanout: ['re*', '*']}}]"
    ))
    .unwrap_or_else(|lints| panic!("{lints:?}"))
}

fn ids(fib: &Fib, name: &str) -> Vec<String> {
    fib.lookup(name)
        .map(|candidate| candidate.id.to_string())
        .collect()
}

#[test]
fn a_candidate_answers_to_adapter_model_prefix_persona_and_glob() {
    let set = policies("personas: { critic: { adapters: [\"reviewer.*\"] } }");
    let fib = Fib::build(
        &set,
        &[
            registered("reviewer.eu.a", &["m1", "m2"]),
            registered("reviewer.local", &[]),
            registered("other", &["m1"]),
        ],
    );
    let a = ["reviewer.eu.a/m1@eu-west", "reviewer.eu.a/m2@eu-west"];
    let local = "reviewer.local/reviewer.local@eu-west";
    assert_eq!(ids(&fib, "reviewer.eu.a"), a);
    assert_eq!(ids(&fib, "reviewer.eu.*"), a);
    assert_eq!(ids(&fib, "reviewer.eu.a/m2"), [a[1]]);
    assert_eq!(ids(&fib, "m1"), ["other/m1@eu-west", a[0]]);
    for name in ["reviewer", "reviewer.*", "critic", "re*", "revi*"] {
        assert_eq!(ids(&fib, name), [a[0], a[1], local], "{name}");
    }
    assert_eq!(ids(&fib, "*").len(), 4);
    assert_eq!(ids(&fib, "nobody"), [""; 0]);
    assert_eq!(fib.nearest("reviewer.loacl"), Some("reviewer.local"));
}

#[test]
fn an_agent_that_stands_for_a_model_is_served_by_whoever_has_it() {
    let set = policies(
        "agents: { reviewer.gemini: { model: gemini-pro, personas: [critic], regions: [eu-west, us-east], data_scopes: [pii] } }\nmodels: { gemini-pro: { price: {in_per_1k: 0.001, out_per_1k: 0.002}, ctx: 1000000, family: gemini, strengths: [code_review] } }",
    );
    let fib = Fib::build(&set, &[registered("vertex", &["gemini-pro"])]);
    assert_eq!(ids(&fib, "critic"), ["reviewer.gemini/gemini-pro@eu-west"]);
    assert_eq!(ids(&fib, "gemini-pro"), ["vertex/gemini-pro@eu-west"]);
    let agent = fib.lookup("reviewer.gemini").next().unwrap();
    assert_eq!(agent.adapter.as_str(), "vertex");
    assert_eq!(agent.residency.len(), 2);
    assert_eq!(&*agent.data_scopes, [Arc::from("pii")]);
    assert_eq!(
        &*agent.capabilities,
        [Arc::from("chat"), Arc::from("code_review")]
    );
    assert_eq!(agent.context_tokens, Some(1_000_000));
    assert_eq!(
        agent.price,
        Price {
            input: 1_000_000,
            output: 2_000_000
        }
    );
}

#[test]
fn the_policy_documents_price_goes_first_and_a_missing_one_makes_unroutable() {
    let set = policies("models: { m: { price: {in_per_1k: 0.001, out_per_1k: 0} } }");
    let configured = Price { input: 7, output: 7 };
    let price = |model: &str, configured: Option<Price>, own: Option<f64>| {
        let mut adapter = registered("a", &[model]);
        adapter.price = configured;
        Arc::make_mut(&mut adapter.capability).cost_per_token_micros = own;
        let fib = Fib::build(&set, &[adapter]);
        fib.candidates().first().map(|candidate| candidate.price)
    };
    assert_eq!(price("m", Some(configured), Some(1.0)).unwrap().input, 1_000_000);
    assert_eq!(price("x", Some(configured), Some(1.0)), Some(configured));
    assert_eq!(price("x", None, Some(2.0)), Some(Price::per_token(2.0)));
    assert_eq!(price("x", None, None), None);
    assert_eq!(price("x", None, Some(f64::NAN)), None);

    let mut failed = registered("failed", &["x"]);
    failed.is_compliant = false;
    let mut unpriced = registered("unpriced", &["x"]);
    Arc::make_mut(&mut unpriced.capability).cost_per_token_micros = None;
    let reasons: Vec<Unroutable> = Fib::build(&set, &[unpriced, failed])
        .unroutable()
        .iter()
        .map(|(_, reason)| *reason)
        .collect();
    assert_eq!(reasons, [Unroutable::NonCompliant, Unroutable::Unpriced]);
}

#[test]
fn a_name_keeps_its_best_256_candidates_and_counts_the_rest() {
    let adapters: Vec<Registered> = (0..300)
        .map(|i| {
            let mut adapter = registered(&format!("pool.a{i:03}"), &[]);
            adapter.price = Some(Price {
                input: 1_000 - i,
                output: 0,
            });
            adapter
        })
        .collect();
    let fib = Fib::build(&policies(""), &adapters);
    let names = ids(&fib, "pool.*");
    assert_eq!(names.len(), CANDIDATES_MAX);
    assert!(names[0].starts_with("pool.a299/"), "{}", names[0]);
    // Once under `pool.*` and once under `*`.
    assert_eq!(fib.dropped(), 2 * 44);
}

#[test]
fn silence_makes_stale_and_then_withdraws() {
    let at = Millis(100_000);
    let reported = Liveness::Reported {
        health: Health::HEALTHY,
        at,
    };
    let fresh = |liveness: Liveness, after: u64| liveness.freshness(at.plus(after));
    assert_eq!(fresh(reported, 15_000), Some(1.0));
    let stale = fresh(reported, 30_000).unwrap();
    assert!((stale - (-1.0_f64).exp()).abs() < 1e-12, "{stale}");
    assert!(fresh(reported, 60_000).is_some());
    assert_eq!(fresh(reported, 60_001), None);
    let silent = Liveness::Silent { since: at };
    assert_eq!(fresh(silent, 10_000), Some(1.0));
    assert_eq!(fresh(silent, 10_001), None);
    assert_eq!(fresh(Liveness::Local, u64::MAX - 100_000), Some(1.0));
    let unhealthy = Liveness::Reported {
        health: Health {
            status: HealthStatus::Unhealthy,
            ..Health::HEALTHY
        },
        at,
    };
    assert_eq!(fresh(unhealthy, 0), None);
}

#[test]
fn times_stay_out_of_the_hash_and_health_does_not() {
    let with = |liveness: Liveness| {
        let adapter = Registered {
            liveness,
            ..registered("a", &[])
        };
        *Fib::build(&policies(""), &[adapter]).hash()
    };
    let report = |at: u64, p95: Option<f64>| Liveness::Reported {
        health: Health {
            p95_latency_ms: p95,
            ..Health::HEALTHY
        },
        at: Millis(at),
    };
    assert_eq!(with(report(1, None)), with(report(2, None)));
    assert_ne!(with(report(1, None)), with(report(1, Some(5.0))));
}

proptest! {
    #[test]
    fn order_of_registration_changes_nothing(
        order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let set = policies("agents: { crowd: { model: m1 } }");
        let adapter = |i: usize| {
            // Every third one registers twice with different facts.
            let mut adapter = registered(&format!("a{}", i - i % 3 / 2), &["m1", "m2"][..1 + i % 2]);
            adapter.price = Some(Price { input: i as u64, output: 0 });
            adapter
        };
        let sorted: Vec<Registered> = (0..12).map(adapter).collect();
        let shuffled: Vec<Registered> = order.into_iter().map(adapter).collect();
        let (a, b) = (Fib::build(&set, &sorted), Fib::build(&set, &shuffled));
        prop_assert_eq!(a.hash(), b.hash());
        prop_assert_eq!(a, b);
    }
}

#[test]
fn a_tenants_table_adds_its_own_and_gives_way_to_everybodys() {
    let set = policies("agents: { critic: { model: m1 } }");
    let everybodys = Fib::build(&set, &[registered("shared", &["m1"])]);
    let own = everybodys.with(&set, &[registered("own", &["m1", "m2"])]);
    assert_eq!(ids(&own, "m1"), ["own/m1@eu-west", "shared/m1@eu-west"]);
    assert_eq!(ids(&own, "m2"), ["own/m2@eu-west"]);
    assert_eq!(ids(&everybodys, "m2"), [""; 0]);
    // Whoever stands for a model everybody has is everybody's.
    let critic: Vec<_> = own.lookup("critic").map(|of| of.adapter.as_str()).collect();
    assert_eq!(critic, ["shared"]);
    let shared = |fib: &Fib| Arc::clone(fib.lookup("shared").next().unwrap());
    assert!(Arc::ptr_eq(&shared(&everybodys), &shared(&own)));
    assert_ne!(own.hash(), everybodys.hash());
    assert_eq!(everybodys.with(&set, &[]).hash(), everybodys.hash());
}

#[test]
fn a_name_that_is_an_adapters_and_its_models_means_the_model() {
    let set = policies("agents: {}");
    let fib = Fib::build(
        &set,
        &[
            registered("echo.one", &["echo.one", "echo-large"]),
            registered("other", &["a", "b"]),
        ],
    );
    let large = "echo.one/echo-large@eu-west";
    let own = "echo.one/echo.one@eu-west";
    assert_eq!(ids(&fib, "echo.one"), [own]);
    assert_eq!(ids(&fib, "echo-large"), [large]);
    assert_eq!(ids(&fib, "echo.*"), [large, own]);
    assert_eq!(ids(&fib, "other").len(), 2);
}
