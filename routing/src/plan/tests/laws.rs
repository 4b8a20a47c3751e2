use proptest::prelude::{Just, any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy;

use super::*;
use atp_protocol::adapter::AgentStatus;

/// What of an adapter varies.
#[derive(Debug, Clone)]
struct Sketch {
    name: usize,
    price: u64,
    p95: Option<f64>,
    calls: f64,
    status: AgentStatus,
    breaker: Option<u64>,
    scopes: bool,
    context: Option<u64>,
    downgraded: bool,
}

fn sketches(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Sketch>> {
    let status = prop::sample::select(vec![
        AgentStatus::Ready,
        AgentStatus::Ready,
        AgentStatus::Busy,
        AgentStatus::Draining,
    ]);
    let sketch = (
        0..100_u64,
        prop::option::of(0.0..6_000.0),
        0.0..100.0,
        status,
        prop::option::weighted(0.2, 1..9_u64),
        any::<bool>(),
        prop::option::of(400..4_000_u64),
        any::<bool>(),
    )
        .prop_map(
            |(price, p95, calls, status, breaker, scopes, context, downgraded)| Sketch {
                name: 0,
                price,
                p95,
                calls,
                status,
                breaker,
                scopes,
                context,
                downgraded,
            },
        );
    prop::collection::vec(sketch, count).prop_map(|mut sketches| {
        for (at, sketch) in sketches.iter_mut().enumerate() {
            sketch.name = at;
        }
        sketches
    })
}

fn adapter(sketch: &Sketch) -> Adapter {
    let s = sketch.clone();
    Adapter::new(&format!("group{}.a{}", s.name % 3, s.name))
        .costs(s.price)
        .declares(|c| {
            c.max_tokens = s.context;
            if s.scopes {
                c.safety_domains = vec!["pii".into()];
            }
        })
        .stands(|c| {
            c.p95_ms = s.p95;
            c.calls = s.calls;
            c.successes = s.calls / 2.0;
            c.status = s.status;
            c.breaker_open_ms = s.breaker;
            c.is_downgraded = s.downgraded;
        })
}

fn world(sketches: &[Sketch]) -> World {
    World::with_default(
        "fanout: [\"group0.*\", \"group1.*\", \"*\"], k: 3, relax: [latency_slo], escalation: {on: [low_conf], to: [\"group2.*\"]}",
        sketches.iter().map(adapter).collect(),
    )
}

fn scoped(is_scoped: bool) -> AgentRequest {
    let mut request = ask();
    if is_scoped {
        request.meta.data_scope = vec!["pii".into()];
    }
    request
}

proptest! {
    #[test]
    fn permuting_candidates_changes_nothing(
        (sketches, shuffled) in sketches(0..12).prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
        is_scoped in any::<bool>(),
    ) {
        let request = scoped(is_scoped);
        let (a, b) = (world(&sketches).decide(&request), world(&shuffled).decide(&request));
        prop_assert_eq!(written(&a), written(&b));
        prop_assert_eq!(a, b);
    }

    #[test]
    fn adding_a_candidate_changes_no_others_components(sketches in sketches(2..12)) {
        let request = ask();
        let without = written(&world(&sketches[1..]).decide(&request));
        let with = written(&world(&sketches).decide(&request));
        // Relaxing for the newcomer's sake, or no longer, is the one thing it may change for others.
        if without["relaxations"] == with["relaxations"] {
            for candidate in without["candidates"].as_array().unwrap() {
                prop_assert!(with["candidates"].as_array().unwrap().contains(candidate));
            }
            for (id, reason) in without["filters"].as_object().unwrap() {
                prop_assert_eq!(&with["filters"][id], reason);
            }
        }
    }

    #[test]
    fn every_candidate_has_one_reason_or_one_score_and_lanes_come_from_the_scored(
        sketches in sketches(0..12),
        is_scoped in any::<bool>(),
    ) {
        let world = world(&sketches);
        let decision = world.decide(&scoped(is_scoped));
        let trace = written(&decision);
        let rejected = trace["filters"].as_object().unwrap();
        let scored: Vec<&str> = trace["candidates"].as_array().unwrap()
            .iter().map(|candidate| candidate["id"].as_str().unwrap()).collect();
        prop_assert_eq!(rejected.len() + scored.len(), sketches.len());
        prop_assert!(scored.iter().all(|id| !rejected.contains_key(*id)));
        match &decision.outcome {
            Ok(plan) => {
                let spares = plan.fallbacks.iter().chain(&plan.escalation).map(|spare| &spare.candidate);
                let lanes = plan.lanes.iter().map(|lane| &lane.candidate);
                for candidate in lanes.clone().chain(spares) {
                    prop_assert!(scored.contains(&&*candidate.id));
                }
                let mut ids: Vec<&str> = lanes.map(|candidate| &*candidate.id).collect();
                ids.sort_unstable();
                ids.dedup();
                prop_assert_eq!(ids.len(), plan.lanes.len());
                prop_assert!(plan.effective().fits(plan.budget));
                prop_assert!(plan.lanes.len() <= 3);
            }
            Err(refusal) => {
                prop_assert!(scored.is_empty());
                let counted: u32 = refusal.reasons.iter().map(|(_, count)| count).sum();
                prop_assert_eq!(counted as usize, sketches.len());
            }
        }
    }

    #[test]
    fn the_header_line_is_visible_ascii(model in "\\PC{1,20}") {
        let mut odd = Adapter::new("a");
        Arc::make_mut(&mut odd.registered.capability).models = vec![model];
        let line = World::with_default("", vec![odd]).decide(&ask()).route_reason();
        prop_assert!(line.bytes().all(|byte| byte.is_ascii_graphic()), "{line}");
    }
}
