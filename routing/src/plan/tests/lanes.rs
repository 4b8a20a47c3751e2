use atp_protocol::error::Code;
use atp_protocol::units::{Amount, Window};

use super::*;
use crate::reconcile::Strategy;

fn three() -> Vec<Adapter> {
    vec![
        Adapter::new("reviewer.a").costs(3),
        Adapter::new("reviewer.b").costs(2),
        Adapter::new("summarizer").costs(9),
    ]
}

#[test]
fn auto_goes_to_the_best_scored_and_the_rest_stands_by() {
    let world = World::with_default("", three());
    for request in [ask(), ask_for("auto"), ask_for("")] {
        let plan = world.plan(&request);
        assert_eq!(names(&plan), ["reviewer.b"]);
        assert_eq!(spares(&plan.fallbacks), ["reviewer.a", "summarizer"]);
        assert_eq!(plan.strategy, Strategy::FirstWin);
    }
    let reason = world.decide(&ask()).route_reason();
    assert!(
        reason.starts_with("policy=default;strategy=first-win;primary=reviewer.b;why=score:0."),
        "{reason}"
    );
}

#[test]
fn a_name_goes_before_the_fan_out_but_not_before_constraints() {
    let world = World::with_default(
        "fanout: [\"reviewer.*\"], k: 2, constraints: {max_cost_usd: 0.003}",
        three(),
    );
    let plan = world.plan(&ask_for("reviewer.a"));
    assert_eq!(names(&plan), ["reviewer.a"]);
    assert_eq!(spares(&plan.fallbacks), [""; 0]);
    let plan = world.plan(&ask_for("reviewer.*"));
    assert_eq!(names(&plan), ["reviewer.b"]);
    assert_eq!(spares(&plan.fallbacks), ["reviewer.a"]);
    assert_eq!(world.refusal(&ask_for("summarizer")).code, Code::NoRoute);
    let missing = world.refusal(&ask_for("sumarizer"));
    assert_eq!(missing.code, Code::NotFound);
    assert!(
        missing.detail.contains("did you mean `summarizer`"),
        "{}",
        missing.detail
    );
}

#[test]
fn everybody_the_policy_names_is_heard_before_anybody_twice() {
    let world = |k: usize| {
        World::with_default(
            &format!("fanout: [summarizer, \"reviewer.*\"], k: {k}, strategy: union_tiebreak"),
            three(),
        )
    };
    let plan = world(2).plan(&ask());
    assert_eq!(names(&plan), ["summarizer", "reviewer.b"]);
    assert_eq!(plan.primary().candidate.name(), "reviewer.b");
    assert_eq!(spares(&plan.fallbacks), ["reviewer.a"]);
    assert_eq!(plan.fallbacks_for(&plan.lanes[0]).count(), 0);
    assert_eq!(plan.fallbacks_for(&plan.lanes[1]).count(), 1);
    let plan = world(3).plan(&ask());
    assert_eq!(names(&plan), ["summarizer", "reviewer.b", "reviewer.a"]);
}

#[test]
fn tier_and_pressure_cap_the_fan_out() {
    let world = World::with_default("fanout: [\"*\"], k: 3", three());
    let mut request = ask();
    request.tier = Tier::Bronze;
    assert_eq!(names(&world.plan(&request)).len(), 1);
    request.tier = Tier::Gold;
    assert_eq!(names(&world.plan(&request)).len(), 3);
    let input = Input {
        lanes_max: 1,
        ..Input::new(Millis(0), "eu", &request)
    };
    assert_eq!(world.decide_with(&input).outcome.unwrap().lanes.len(), 1);
}

#[test]
fn whoever_must_be_heard_is_seated_first_however_few_may_be_asked() {
    let guarded = |k: usize| {
        World::new(
            &format!(
                "personas:\n  guard: {{ adapters: [g], compliance: [phi] }}\n  clerk: {{ adapters: [h], compliance: [phi] }}\npolicies: [{{id: default, fanout: [a, b, guard, clerk], k: {k}}}]"
            ),
            // The best-scored are those who need not be heard.
            [("a", 1), ("b", 1), ("g", 9), ("h", 9)]
                .map(|(id, cost)| {
                    let adapter = Adapter::new(id).costs(cost);
                    adapter.declares(|c| c.safety_domains = vec!["phi".into()])
                })
                .into(),
        )
    };
    let mut request = ask();
    request.tier = Tier::Gold;
    request.meta.data_scope = vec!["phi".into()];
    for (k, lanes_max, expected) in [
        (1, usize::MAX, &["g", "h"][..]),
        (4, 1, &["g", "h"]),
        (4, 3, &["a", "g", "h"]),
        (4, usize::MAX, &["a", "b", "g", "h"]),
    ] {
        let input = Input {
            lanes_max,
            ..Input::new(Millis(1_000_000), "eu-west", &request)
        };
        let plan = guarded(k).decide_with(&input).outcome.expect("a plan");
        assert_eq!(names(&plan), expected, "k {k}, at most {lanes_max}");
    }
}

#[test]
fn likeness_costs_a_lane_its_place() {
    // b is second by score but of the best one's family, so c goes before it.
    let world = World::new(
        "models: { a: {family: x}, b: {family: x}, c: {family: y} }\npolicies: [{id: default, fanout: [\"*\"], k: 2}]",
        vec![
            Adapter::new("a"),
            Adapter::new("b").stands(|c| c.parent_success = Some(0.69)),
            Adapter::new("c").stands(|c| c.parent_success = Some(0.60)),
        ],
    );
    assert_eq!(names(&world.plan(&ask())), ["a", "c"]);
}

#[test]
fn lanes_that_do_not_fit_together_go_worst_first() {
    // Each takes 783 tokens; 783, 1566 and 7047 micro-dollars.
    let world = World::with_default(
        "fanout: [a, b, c], k: 3",
        vec![
            Adapter::new("a").costs(1),
            Adapter::new("b").costs(2),
            Adapter::new("c").costs(9),
        ],
    );
    let request = ask();
    let lanes = |available: Amount, max_parallel: u32| {
        let input = Input {
            available,
            window: Window {
                max_parallel,
                ..Window::MAX
            },
            ..Input::new(Millis(0), "eu", &request)
        };
        let decision = world.decide_with(&input);
        let dropped = written(&decision)["dropped"].as_array().map_or(0, Vec::len);
        let plan = decision.outcome.unwrap();
        let lanes: Vec<String> = names(&plan).iter().map(ToString::to_string).collect();
        (lanes.concat(), dropped)
    };
    let usd = |usd_micros: u64| Amount {
        tokens: u64::MAX,
        usd_micros,
    };
    assert_eq!(lanes(usd(9_396), 1_000), ("abc".into(), 0));
    assert_eq!(lanes(usd(9_395), 1_000), ("ab".into(), 1));
    assert_eq!(lanes(usd(783), 1_000), ("a".into(), 0));
    assert_eq!(lanes(usd(1_566), 1_000), ("a".into(), 1));
    assert_eq!(lanes(usd(u64::MAX), 2), ("ab".into(), 1));
}

#[test]
fn a_fallback_stage_serves_only_when_nothing_active_does() {
    let world = |broken: bool| {
        World::new(
            "agents: { last: { lifecycle: fallback } }\npolicies: [{id: default, fanout: [first]}]",
            vec![
                Adapter::new("first").stands(move |c| c.breaker_open_ms = broken.then_some(1)),
                Adapter::new("last"),
            ],
        )
    };
    let plan = world(false).plan(&ask());
    assert_eq!(names(&plan), ["first"]);
    assert_eq!(spares(&plan.fallbacks), ["last"]);
    assert_eq!(names(&world(true).plan(&ask())), ["last"]);
    assert_eq!(
        world(true).refusal(&ask_for("first")).code,
        Code::NoRoute,
        "a name is not replaced by another"
    );
}

#[test]
fn who_underestimates_is_offered_a_tier_lower_but_never_lost() {
    let downgraded = |id: &str| Adapter::new(id).stands(|c| c.is_downgraded = true);
    let world = World::with_default("", vec![downgraded("a"), Adapter::new("b").costs(9)]);
    let mut request = ask();
    request.tier = Tier::Gold;
    assert_eq!(names(&world.plan(&request)), ["b"]);
    request.tier = Tier::Silver;
    assert_eq!(names(&world.plan(&request)), ["a"]);
    let alone = World::with_default("", vec![downgraded("a")]);
    request.tier = Tier::Gold;
    assert_eq!(names(&alone.plan(&request)), ["a"]);
}

#[test]
fn an_agent_whose_turn_has_to_be_waited_for_goes_behind_the_others_and_out_where_it_takes_too_long() {
    let world = |turn_ms: u64, rivals: &[&str]| {
        let capped = Adapter::new("a").stands(move |c| c.turn_ms = turn_ms);
        let rivals = rivals.iter().map(|id| Adapter::new(id).costs(9));
        World::with_default("", std::iter::once(capped).chain(rivals).collect())
    };
    let request = ask();
    let mut input = Input::new(Millis(1_000_000), "eu-west", &request);
    input.turn_max_ms = 2_000;
    let plan = |world: World| world.decide_with(&input).outcome;
    assert_eq!(names(&plan(world(0, &["b"])).unwrap()), ["a"]);
    let other = plan(world(1, &["b"])).unwrap();
    assert_eq!((names(&other), spares(&other.fallbacks)), (vec!["b"], vec!["a"]));
    assert_eq!(names(&plan(world(2_000, &[])).unwrap()), ["a"]);
    let refusal = plan(world(2_001, &[])).unwrap_err();
    assert_eq!(refusal.code, Code::Window);
    assert!(refusal.fault().retry().is_retryable(), "its turn comes");
    assert_eq!(names(&plan(world(2_001, &["b"])).unwrap()), ["b"]);
}

#[test]
fn personas_become_lanes_with_clones_in_the_order_asked_for() {
    let roles = "personas:\n  critic: { adapters: [\"reviewer.*\"], weight: 2 }\n  brief: { adapters: [summarizer], qos: gold }\n  nobody: { adapters: [summarizer], prompt: p }\npolicies: [{id: default}]";
    let mut adapters = three();
    adapters[2] = Adapter::new("summarizer").declares(|c| c.personas = vec!["own".into()]);
    let world = World::new(roles, adapters);
    let plan = world.plan(&ask_personas(&[("critic", 2), ("brief", 1), ("own", 1)]));
    assert_eq!(
        names(&plan),
        ["reviewer.b", "reviewer.b", "summarizer", "summarizer"]
    );
    let clones: Vec<u32> = plan.lanes.iter().map(|lane| lane.clone).collect();
    assert_eq!(clones, [1, 2, 1, 1]);
    assert_eq!(plan.lanes[0].persona.as_ref().unwrap().as_str(), "critic");
    assert!((plan.lanes[0].weight - 2.0).abs() < f64::EPSILON);
    assert_eq!(plan.lanes[2].tier, Tier::Gold);
    assert_eq!(plan.lanes[3].tier, Tier::Silver);
    assert_eq!(world.refusal(&ask_personas(&[("ghost", 1)])).code, Code::NotFound);
    assert_eq!(
        world.refusal(&ask_personas(&[("critic", 9)])).code,
        Code::BadInput
    );
    assert_eq!(
        world.refusal(&ask_personas(&[("critic", 0)])).code,
        Code::BadInput
    );
    let truncated = world.plan(&ask_personas(&[("critic", 8), ("brief", 8)]));
    assert_eq!((truncated.lanes.len(), truncated.is_truncated), (CALLS_MAX, true));
}

#[test]
fn a_model_named_beside_personas_narrows_them() {
    let world = World::new(
        "personas: { critic: { adapters: [\"reviewer.*\"] } }\npolicies: [{id: default}]",
        three(),
    );
    let with_model = |model: &str| {
        let mut request = ask_personas(&[("critic", 1)]);
        Arc::make_mut(&mut request.content).model = Some(model.to_owned());
        request
    };
    assert_eq!(names(&world.plan(&with_model("auto"))), ["reviewer.b"]);
    assert_eq!(names(&world.plan(&with_model("reviewer.a"))), ["reviewer.a"]);
    assert_eq!(world.refusal(&with_model("summarizer")).code, Code::NotFound);
}

#[test]
fn a_persona_does_not_buy_a_better_tier_than_the_credential_has() {
    let world = World::new(
        "personas: { vip: { adapters: [a], qos: gold } }\npolicies: [{id: default}]",
        vec![Adapter::new("a")],
    );
    let mut request = ask_personas(&[("vip", 1)]);
    request.identity.tier_max = Tier::Silver;
    assert_eq!(world.plan(&request).lanes[0].tier, Tier::Silver);
}

#[test]
fn a_persona_nobody_can_carry_out_is_reported_unless_it_must_be_heard() {
    let world = |compliance: &str| {
        World::new(
            &format!(
                "personas:\n  a: {{ adapters: [a] }}\n  guard: {{ adapters: [b], compliance: [{compliance}] }}\npolicies: [{{id: default}}]"
            ),
            vec![
                Adapter::new("a").declares(|c| c.safety_domains = vec!["phi".into()]),
                Adapter::new("b"),
            ],
        )
    };
    let mut request = ask_personas(&[("a", 1), ("guard", 1)]);
    request.meta.data_scope = vec!["phi".into()];
    let plan = world("pii").plan(&request);
    assert_eq!(names(&plan), ["a"]);
    assert_eq!(plan.unserved[0].as_str(), "guard");
    assert_eq!(world("phi").refusal(&request).code, Code::Sec);
}

#[test]
fn escalation_targets_follow_in_order_each_once() {
    let policy = |depth: usize| {
        format!("fanout: [a], escalation: {{on: [low_conf], to: [a, b, \"*\"], max_depth: {depth}}}")
    };
    let world = |depth| {
        World::with_default(
            &policy(depth),
            vec![Adapter::new("a"), Adapter::new("b"), Adapter::new("c")],
        )
    };
    assert_eq!(spares(&world(2).plan(&ask()).escalation), ["b", "c"]);
    let plan = world(1).plan(&ask());
    assert_eq!(
        spares(&plan.escalation),
        ["b", "c"],
        "another where one is not worth it"
    );
    assert_eq!(spares(&world(0).plan(&ask()).escalation), [""; 0]);
    assert_eq!(spares(&world(2).plan(&ask_for("a")).escalation), [""; 0]);
}

#[test]
fn a_plan_says_what_is_at_stake_and_what_to_expect_of_who_is_asked_next() {
    let plan = |policy: &str, change: fn(&mut AgentRequest)| {
        let policy = format!("fanout: [a], escalation: {{on: [low_conf], to: [b]}}{policy}");
        let known = Adapter::new("b").stands(|c| (c.successes, c.calls, c.p95_ms) = (20.0, 20.0, Some(70.0)));
        let mut request = ask();
        change(&mut request);
        World::with_default(&policy, vec![Adapter::new("a"), known]).plan(&request)
    };
    let plain = plan("", |_| {});
    let prospect = plain.escalation[0].prospect;
    assert!((prospect.success - 0.85).abs() < 1e-9, "{prospect:?}");
    assert_eq!(prospect.p95_ms, Some(70.0));
    assert_eq!(prospect.usd_micros, plain.escalation[0].need.effective.usd_micros);
    assert_eq!(plain.stakes, Stakes::new(None, None, 2_000.0));
    let budget = plan(", budget: {usd: 3.0}", |_| {});
    assert_eq!(budget.stakes, Stakes::new(None, Some(3_000_000), 2_000.0));
    let ceiling: fn(&mut AgentRequest) = |request| request.max_cost_usd_micros = Some(7_000);
    let valued = plan(", budget: {usd: 3.0}, value_usd: 1.0", ceiling);
    assert_eq!(valued.stakes, Stakes::new(Some(1_000_000), Some(7_000), 2_000.0));
}

#[test]
fn the_requests_strategy_goes_before_the_policys() {
    let world = World::with_default("strategy: two_phase", vec![Adapter::new("a")]);
    let mut request = ask();
    assert_eq!(world.plan(&request).strategy, Strategy::TwoPhase);
    request.meta.reconciliation = Some("weighted_merge".into());
    assert_eq!(world.plan(&request).strategy, Strategy::WeightedMerge);
    request.meta.reconciliation = Some("best".into());
    assert_eq!(world.refusal(&request).code, Code::BadInput);
}

#[test]
fn the_adaptive_strategy_is_resolved_by_what_the_request_demands() {
    let strategy = |objective: &str, change: fn(&mut AgentRequest)| {
        let default = format!("strategy: adaptive, objective: {{preset: {objective}}}");
        let mut request = ask();
        change(&mut request);
        World::with_default(&default, vec![Adapter::new("a")])
            .plan(&request)
            .strategy
    };
    assert_eq!(strategy("balanced", |_| {}), Strategy::FirstWin);
    assert_eq!(strategy("cost", |_| {}), Strategy::WeightedMerge);
    let high: fn(&mut AgentRequest) =
        |r| Arc::make_mut(&mut r.content).quality = atp_protocol::request::Quality::High;
    assert_eq!(strategy("cost", high), Strategy::Consensus);
    assert_eq!(strategy("cost", |r| r.deadline_ms = 9_999), Strategy::FirstWin);
}

#[test]
fn the_built_in_policy_reviews_code_and_answers_auto() {
    let skill = |id: &str, skill: &str| {
        let skill = skill.to_owned();
        Adapter::new(id)
            .costs(0)
            .declares(|c| c.capabilities = vec![skill])
    };
    let world = |with_provider: bool| {
        let mut adapters = vec![
            skill("keywords.local", "keywords"),
            skill("reviewer.local", "code_review"),
            skill("summarizer.local", "summarize"),
        ];
        if with_provider {
            adapters.push(Adapter::new("openai").costs(75));
        }
        let policies = PolicySet::built_in();
        let registered: Vec<Registered> = adapters.iter().map(|a| a.registered.clone()).collect();
        World {
            fib: Arc::new(Fib::build(&policies, &registered)),
            policies,
            adapters: adapters
                .into_iter()
                .map(|a| (a.registered.capability.adapter_id.clone(), (a.condition, None)))
                .collect(),
        }
    };
    let mut review = ask();
    review.meta.task_type = Some("code_review".into());
    let plan = world(false).plan(&review);
    assert_eq!(
        names(&plan),
        ["reviewer.local"],
        "a summary corroborates no finding"
    );
    assert_eq!(plan.strategy, Strategy::FirstWin);
    assert_eq!(names(&world(false).plan(&ask())), ["summarizer.local"]);
    assert_eq!(names(&world(true).plan(&ask())), ["openai"]);
    assert_eq!(
        names(&world(true).plan(&ask_for("keywords.local"))),
        ["keywords.local"]
    );
}
