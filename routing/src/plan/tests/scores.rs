use atp_protocol::estimate::{Mape, Variance};
use serde_json::Value;

use super::*;

fn components(adapter: Adapter, request: &AgentRequest) -> Value {
    let world = World::with_default("", vec![adapter]);
    written(&world.decide(request))["candidates"][0].clone()
}

fn close(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
}

#[test]
fn the_unknown_gets_the_specified_priors() {
    let candidate = components(Adapter::new("a").costs(0), &ask());
    let u = &candidate["u"];
    close(&u["cap"], 1.0);
    close(&u["perf"], 0.7);
    close(&u["cost"], 1.0);
    close(&u["lat"], 0.5);
    close(&u["ctx"], 1.0);
    close(&u["pred"], 1.0 / 1.35);
    close(&u["safe"], 0.8);
    close(
        &candidate["score"],
        0.30 + 0.20 * 0.7 + 0.15 + 0.10 * 0.5 + 0.10 + 0.10 / 1.35 + 0.05 * 0.8,
    );
}

#[test]
fn components_follow_their_formulas() {
    let mut adapter = Adapter::new("a")
        .costs(9)
        .declares(|c| {
            c.max_tokens = Some(1_000);
            c.capabilities = vec!["code_review".into()];
        })
        .stands(|c| {
            c.p95_ms = Some(1_000.0);
            c.mape = Some(Mape {
                tokens: 0.25,
                usd: 9.0,
            });
            c.under_rate = Some(0.6);
            c.successes = 30.0;
            c.calls = 40.0;
            c.parent_success = Some(0.5);
            c.reputation = Some(0.8);
        });
    adapter.estimate = Some(Estimate {
        in_tokens: 400,
        out_tokens: 300,
        usd_micros: 4_000,
        variance: Some(Variance {
            tokens: 10_000.0,
            usd: 1e-6,
        }),
        ..Estimate::default()
    });
    let mut request = ask();
    request.meta.task_type = Some("code_review".into());
    request.max_cost_usd_micros = Some(10_000);
    let candidate = components(adapter, &request);
    assert_eq!(candidate["eff_tokens"], 800);
    assert_eq!(candidate["eff_usd_micros"], 5_000);
    let u = &candidate["u"];
    close(&u["cap"], 1.0);
    close(&u["perf"], (30.0 + 20.0 * 0.5) / 60.0 * 0.9);
    close(&u["cost"], 1.0 - 51.0_f64.ln() / 101.0_f64.ln());
    close(&u["lat"], 1.0 / 1.125);
    close(&u["ctx"], (0.95 - 0.7) / 0.45);
    close(&u["pred"], 1.0 / 1.25);
    close(&u["safe"], 0.5);
}

#[test]
fn a_cooling_agent_looks_dearer_than_it_is() {
    let cost = |surcharge: f64| {
        let candidate = components(Adapter::new("a").stands(|c| c.surcharge = surcharge), &ask());
        assert_eq!(candidate["eff_usd_micros"], 783);
        candidate["u"]["cost"].as_f64().unwrap()
    };
    let expected = 1.0 - (783.0 * 1.25_f64 / 500.0).ln_1p() / 101.0_f64.ln();
    assert!((cost(1.25) - expected).abs() < 1e-12);
    assert!(cost(1.25) < cost(1.0));
}

#[test]
fn own_measurements_count_seventy_percent_from_fifty_samples_on() {
    let p95 = |samples: u64| {
        let mut adapter = Adapter::new("a").stands(|c| {
            c.p95_ms = Some(1_000.0);
            c.p95_samples = samples;
        });
        adapter.registered.liveness = Liveness::Reported {
            health: atp_protocol::adapter::Health {
                p95_latency_ms: Some(500.0),
                ..atp_protocol::adapter::Health::HEALTHY
            },
            at: Millis(1_000_000),
        };
        components(adapter, &ask())["p95_ms"].as_f64().unwrap()
    };
    assert!((p95(49) - 500.0).abs() < 1e-9);
    assert!((p95(50) - 850.0).abs() < 1e-9);
}

#[test]
fn figures_that_are_no_numbers_count_as_unknown() {
    let broken = Adapter::new("a").costs(0).stands(|c| {
        c.p95_ms = Some(f64::NAN);
        c.mape = Some(Mape {
            tokens: f64::INFINITY,
            usd: f64::NAN,
        });
        c.under_rate = Some(f64::NAN);
        c.successes = f64::NAN;
        c.calls = f64::INFINITY;
        c.surcharge = f64::NAN;
        c.parent_success = Some(-1.0);
        c.reputation = Some(7.0);
    });
    assert_eq!(
        components(broken, &ask()),
        components(Adapter::new("a").costs(0), &ask())
    );
}

#[test]
fn stale_health_lowers_the_score_and_no_component() {
    let stale = |age: u64| {
        let mut adapter = Adapter::new("a");
        adapter.registered.liveness = Liveness::Reported {
            health: atp_protocol::adapter::Health::HEALTHY,
            at: Millis(1_000_000 - age),
        };
        components(adapter, &ask())
    };
    let (fresh, old) = (stale(0), stale(30_000));
    assert_eq!(fresh["u"], old["u"]);
    close(&old["score"], fresh["score"].as_f64().unwrap() * (-1.0_f64).exp());
}

#[test]
fn further_answers_cost_their_output_again() {
    let mut request = ask();
    Arc::make_mut(&mut request.content).max_tokens = Some(100);
    request.choices = 3;
    let plan = World::with_default("", vec![Adapter::new("a")]).plan(&request);
    let need = plan.primary().need;
    assert_eq!((need.in_tokens, need.out_tokens), (10, 300));
    assert_eq!(need.effective.tokens, 310 + 155);
}
