//! A decision at 1, 8 and 64 candidates. Budget: p99 ≤ 300 µs at 64 (docs/architecture.md, "budgets").
//!
//! Criterion reports means; the line `p99` printed before each group is taken over single calls.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use atp_protocol::adapter::{Capability, Health};
use atp_protocol::estimate::{Mape, Price};
use atp_protocol::ids::{AdapterId, RequestId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Identity, TaskMeta};
use atp_protocol::units::{Millis, Tier};
use atp_routing::fib::{Candidate, Fib, Liveness, Registered};
use atp_routing::plan::{Condition, Conditions, Decision, Input, decide};
use atp_routing::policy::PolicySet;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const POLICY: &str = r#"
models: { m: { family: f, safety_grade: B, quality_pred: 0.9, ctx: 32768 } }
policies:
  - id: default
  - id: other-tenant
    priority: 20
    match: { tenant: "globex|initech", task_type: code_review }
  - id: code-review
    priority: 10
    match: { task_type: code_review, data_scope_not: [phi], prompt_tokens: "1..4000" }
    fanout: ["pool.*"]
    k: 3
    strategy: union_tiebreak
    constraints: { regions_any: [eu-*], safety_min: C, capabilities_any: [chat, code_review], latency_slo_ms: 20000 }
    escalation: { on: [low_conf], to: ["pool.*"], max_depth: 2 }
    budget: { usd: 3.00, tokens: 1200000 }
"#;

/// Figures that differ from candidate to candidate.
struct Measured;

impl Conditions for Measured {
    fn condition(&self, candidate: &Candidate) -> Condition {
        let salt = candidate.id.bytes().map(f64::from).sum::<f64>();
        Condition {
            p95_ms: Some(400.0 + salt),
            p95_samples: 100,
            error_rate: Some(0.01),
            mape: Some(Mape {
                tokens: 0.2,
                usd: 0.2,
            }),
            under_rate: Some(0.1),
            successes: salt,
            calls: salt * 1.2,
            ..Condition::default()
        }
    }
}

fn adapter(at: usize) -> Registered {
    Registered {
        capability: Arc::new(Capability {
            capabilities: vec!["chat".to_owned(), "code_review".to_owned()],
            models: vec!["m".to_owned()],
            supported_languages: vec!["rust".to_owned(), "python".to_owned()],
            safety_domains: vec!["internal".to_owned()],
            ..Capability::new(
                AdapterId::new(&format!("pool.a{at:03}")).expect("a valid id"),
                "agent",
            )
        }),
        region: "eu-west".into(),
        price: Some(Price {
            input: 150_000 + at as u64,
            output: 600_000,
        }),
        liveness: Liveness::Reported {
            health: Health::HEALTHY,
            at: Millis(0),
        },
        is_compliant: true,
    }
}

fn request() -> AgentRequest {
    let identity = Identity::new(TenantId::new("acme").expect("a valid id"), None);
    let content = Content::prompt("review this, please. ".repeat(100));
    AgentRequest {
        tier: Tier::Gold,
        meta: TaskMeta {
            task_type: Some("code_review".to_owned()),
            languages: vec!["rust".to_owned()],
            data_scope: vec!["internal".to_owned()],
            ..TaskMeta::default()
        },
        wants_stream: true,
        max_cost_usd_micros: Some(50_000),
        ..AgentRequest::new(RequestId::new("r").expect("a valid id"), identity, content)
    }
}

/// 99th percentile of single calls, in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]
fn p99(call: impl Fn() -> Decision) -> u128 {
    let mut times: Vec<u128> = (0..20_000)
        .map(|_| {
            let begun = Instant::now();
            black_box(call());
            begun.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[expect(clippy::print_stdout, reason = "a measurement is reported")]
fn decisions(criterion: &mut Criterion) {
    let policies = PolicySet::parse(POLICY).expect("the document is clean");
    let request = request();
    let input = Input::new(Millis(1_000), "eu-west", &request);
    let mut group = criterion.benchmark_group("decide");
    for candidates in [1, 8, 64] {
        let adapters: Vec<Registered> = (0..candidates).map(adapter).collect();
        let fib = Arc::new(Fib::build(&policies, &adapters));
        let call = || decide(&input, &policies, &fib, &Measured);
        let plan = call().outcome.expect("somebody is left");
        assert_eq!(plan.lanes.len(), candidates.min(3), "the fan-out is measured too");
        println!("decide/{candidates}: p99 {} ns of single calls", p99(call));
        group.bench_function(BenchmarkId::from_parameter(candidates), |bencher| {
            bencher.iter(|| black_box(call()));
        });
    }
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
