use atp_protocol::adapter::{AgentStatus, Health};
use atp_protocol::error::Code;
use atp_protocol::request::{Content, Demand, Quality};
use atp_protocol::units::{Amount, PartialWindow, Window};
use serde_json::value::RawValue;

use super::*;

/// The one reason for which `a` is rejected under a default policy with `constraints`; `None` if it is chosen.
fn reason(policy: &str, adapter: Adapter, change: impl FnOnce(&mut AgentRequest)) -> Option<String> {
    let world = World::with_default(policy, vec![adapter]);
    let mut request = ask();
    change(&mut request);
    let trace = written(&world.decide(&request));
    let filters = trace["filters"].as_object().unwrap();
    assert!(filters.len() <= 1);
    filters
        .values()
        .next()
        .map(|reason| reason.as_str().unwrap().to_owned())
}

#[test]
fn what_demands_more_than_words_goes_to_whom_can_give_it() {
    let raw = |text: &str| Some(RawValue::from_string(text.to_owned()).unwrap());
    type Change<'c> = &'c dyn Fn(&mut AgentRequest);
    let content = |change: &dyn Fn(&mut Content)| {
        let mut content = Content::prompt("hi");
        change(&mut content);
        Arc::new(content)
    };
    let demands: [(Demand, Change<'_>); 3] = [
        (Demand::Choices, &|r| r.choices = 2),
        (Demand::ToolCall, &|r| {
            r.content = content(&|c| c.tool_choice = raw("\"required\""))
        }),
        (Demand::ResponseFormat, &|r| {
            r.content = content(&|c| c.response_format = raw(r#"{"type":"json_object"}"#));
        }),
    ];
    for (demand, change) in demands {
        let cannot = || Adapter::new("a").costs(1).declares(|c| c.lacks = vec![demand]);
        let can = || {
            Adapter::new("b")
                .costs(9)
                .declares(|c| c.lacks = Demand::ALL.iter().copied().filter(|of| *of != demand).collect())
        };
        assert_eq!(
            reason("", cannot(), change).as_deref(),
            Some("demand"),
            "{demand:?}"
        );
        assert_eq!(reason("", can(), change), None, "{demand:?}");
        assert_eq!(reason("", cannot(), |_| {}), None, "{demand:?}");
        let mut request = ask();
        change(&mut request);
        let world = World::with_default("", vec![cannot(), can()]);
        assert_eq!(
            written(&world.decide(&request))["plan"]["primary"],
            "b/b@eu-west",
            "{demand:?}"
        );
        let refusal = World::with_default("", vec![cannot()]).refusal(&request);
        assert_eq!(refusal.code, Code::BadInput, "{demand:?}");
        assert!(!refusal.fault().retry().is_retryable(), "{demand:?}");
    }
}

#[test]
fn each_constraint_rejects_with_its_own_reason() {
    type Change = fn(&mut AgentRequest);
    let same: Change = |_| {};
    let a = || Adapter::new("a");
    let cases: Vec<(&str, &str, Adapter, Change)> = vec![
        ("unhealthy", "", a().stands(|c| c.error_rate = Some(0.21)), same),
        ("paused", "", a().stands(|c| c.status = AgentStatus::Busy), same),
        (
            "draining",
            "",
            a().stands(|c| c.status = AgentStatus::Draining),
            same,
        ),
        (
            "breaker_open",
            "",
            a().stands(|c| c.breaker_open_ms = Some(5)),
            same,
        ),
        ("data_scope", "", a(), |r| r.meta.data_scope = vec!["phi".into()]),
        (
            "data_scope",
            "",
            a().declares(|c| c.safety_domains = vec!["x:forbidden".into()]),
            |r| {
                r.meta.data_scope = vec!["x:forbidden".into()];
            },
        ),
        (
            "region_residency",
            "constraints: {regions_any: [us-*]}",
            a(),
            same,
        ),
        (
            "region_residency",
            "constraints: {regions_not: [eu-*]}",
            a(),
            same,
        ),
        (
            "security_group",
            "constraints: {security_groups_any: [g]}",
            a(),
            same,
        ),
        ("security_group", "", a(), |r| {
            r.meta.security_groups = vec!["g".into()]
        }),
        ("safety_grade", "constraints: {safety_min: C}", a(), same),
        (
            "capability",
            "constraints: {capabilities_all: [chat, code]}",
            a(),
            same,
        ),
        (
            "capability",
            "",
            a().declares(|c| c.supported_languages = vec!["go".into()]),
            |r| {
                r.meta.languages = vec!["rust".into()];
            },
        ),
        (
            "tool_permission",
            "constraints: {tools_all: [fs.read]}",
            a(),
            same,
        ),
        (
            "tool_permission",
            "constraints: {tools_all: [fs.read]}",
            a().declares(|c| c.tools = vec!["fs.read".into()]),
            |r| r.meta.tool_permissions = vec!["fs.write".into()],
        ),
        // 10 + 512 tokens are just over 95 % of 549.
        (
            "context_overflow",
            "",
            a().declares(|c| c.max_tokens = Some(549)),
            same,
        ),
        ("qos_fit", "", a().declares(|c| c.qos = vec![Tier::Gold]), same),
        (
            "window",
            "",
            a().stands(|c| {
                c.window = PartialWindow {
                    max_parallel: Some(0),
                    ..PartialWindow::default()
                }
            }),
            same,
        ),
        ("window", "window: {max_tokens: 600}", a(), same),
        ("latency_slo", "", a().stands(|c| c.p95_ms = Some(2_500.1)), same),
        // Silver reserves 522 + 261.
        ("cost_ceiling", "", a(), |r| r.max_cost_usd_micros = Some(782)),
        ("cost_ceiling", "constraints: {max_cost_usd: 0.000782}", a(), same),
        ("budget", "budget: {usd: 0.000782}", a(), same),
        ("budget", "budget: {tokens: 782}", a(), same),
    ];
    for (expected, policy, adapter, change) in cases {
        assert_eq!(
            reason(policy, adapter, change).as_deref(),
            Some(expected),
            "{policy}"
        );
    }
}

#[test]
fn what_just_meets_a_constraint_passes() {
    let a = || Adapter::new("a");
    let passes = |policy: &str, adapter: Adapter, change: fn(&mut AgentRequest)| {
        assert_eq!(reason(policy, adapter, change), None, "{policy}");
    };
    passes("", a().stands(|c| c.error_rate = Some(0.2)), |_| {});
    passes("", a().stands(|c| c.p95_ms = Some(2_500.0)), |_| {});
    passes("", a().declares(|c| c.max_tokens = Some(550)), |_| {});
    passes("budget: {usd: 0.000783, tokens: 783}", a(), |_| {});
    passes("", a(), |r| r.max_cost_usd_micros = Some(783));
    passes("window: {max_tokens: 783, max_parallel: 1}", a(), |_| {});
    passes("constraints: {regions_any: [eu-*], safety_min: D}", a(), |_| {});
    passes("", a().declares(|c| c.safety_domains = vec!["phi".into()]), |r| {
        r.meta.data_scope = vec!["phi".into()];
    });
    passes(
        "constraints: {tools_all: [fs.read]}",
        a().declares(|c| c.tools = vec!["fs.read".into()]),
        |r| r.meta.tool_permissions = vec!["fs.read".into()],
    );
}

#[test]
fn the_operators_tables_feed_the_filters() {
    let tables = "models: { a: { safety_grade: B, quality_pred: 0.74 }, b: { lifecycle: shadow } }\nagents: { c: { tenants: [globex] } }\n";
    let world = |constraints: &str| {
        World::new(
            &format!("{tables}policies: [{{id: default, constraints: {{ {constraints} }} }}]"),
            vec![Adapter::new("a"), Adapter::new("b"), Adapter::new("c")],
        )
    };
    let filters = |constraints: &str, quality: Quality| {
        let mut request = ask();
        Arc::make_mut(&mut request.content).quality = quality;
        written(&world(constraints).decide(&request))["filters"].clone()
    };
    let both = serde_json::json!({"b/b@eu-west": "lifecycle", "c/c@eu-west": "tenant_vrf"});
    assert_eq!(filters("safety_min: B", Quality::Fast), both);
    assert_eq!(
        filters("safety_min: A", Quality::Fast)["a/a@eu-west"],
        "safety_grade"
    );
    assert_eq!(filters("", Quality::Balanced)["a/a@eu-west"], "quality_floor");
    assert_eq!(filters("quality_min: 0.74", Quality::High), both);
}

#[test]
fn the_first_constraint_in_the_specified_order_is_the_reason() {
    let hopeless = || {
        Adapter::new("a")
            .stands(|c| {
                c.breaker_open_ms = Some(1);
                c.p95_ms = Some(1e9);
                c.status = AgentStatus::Draining;
            })
            .declares(|c| c.qos = vec![Tier::Gold])
    };
    let expected = ["draining", "breaker_open", "qos_fit", "latency_slo"];
    let mut found = Vec::new();
    let mut mends: Vec<fn(&mut Adapter)> = vec![
        |_| {},
        |a| a.condition.status = AgentStatus::Ready,
        |a| a.condition.breaker_open_ms = None,
        |a| Arc::make_mut(&mut a.registered.capability).qos.clear(),
    ];
    for count in 1..=mends.len() {
        let mut adapter = hopeless();
        for mend in &mut mends[..count] {
            mend(&mut adapter);
        }
        found.push(reason("", adapter, |_| {}).unwrap());
    }
    assert_eq!(found, expected);
}

#[test]
fn gold_goes_on_past_the_grace_only_where_the_policy_says_so() {
    let paused = |past: Option<u64>| {
        Adapter::new("a").stands(|c| {
            c.status = AgentStatus::Pause;
            c.past_grace_ms = past;
        })
    };
    let gold: fn(&mut AgentRequest) = |r| r.tier = Tier::Gold;
    let silver: fn(&mut AgentRequest) = |_| {};
    assert_eq!(reason("", paused(None), silver), None);
    assert!(reason("", paused(Some(0)), gold).is_some());
    assert_eq!(reason("pause_override: true", paused(Some(9_999)), gold), None);
    assert!(reason("pause_override: true", paused(Some(10_000)), gold).is_some());
    assert!(reason("pause_override: true", paused(Some(0)), silver).is_some());
}

#[test]
fn constraints_give_way_in_order_and_only_where_listed() {
    let slow_and_dear = || Adapter::new("a").stands(|c| c.p95_ms = Some(4_000.0)).costs(2);
    let mut request = ask();
    request.max_cost_usd_micros = Some(1_000);
    let decide = |relax: &str| {
        World::with_default(&format!("relax: [{relax}]"), vec![slow_and_dear()]).decide(&request)
    };
    assert_eq!(decide("").outcome.unwrap_err().code, Code::NoRoute);
    assert_eq!(decide("latency_slo").outcome.unwrap_err().code, Code::NoRoute);
    let relaxed = decide("cost_ceiling, latency_slo, quality_floor");
    assert!(relaxed.outcome.is_ok());
    assert_eq!(
        written(&relaxed)["relaxations"],
        serde_json::json!(["latency_slo", "quality_floor", "cost_ceiling"])
    );
    let fine = World::with_default("relax: [latency_slo]", vec![Adapter::new("a")]).decide(&ask());
    assert_eq!(written(&fine)["relaxations"], serde_json::json!([]));
}

#[test]
fn a_refusal_counts_the_reasons_and_says_when_to_come_back() {
    let world = World::with_default(
        "",
        vec![
            Adapter::new("a").stands(|c| c.breaker_open_ms = Some(700)),
            Adapter::new("b").stands(|c| c.breaker_open_ms = Some(300)),
            Adapter::new("c").stands(|c| c.status = AgentStatus::Busy),
        ],
    );
    let refusal = world.refusal(&ask());
    assert_eq!(refusal.code, Code::NoRoute);
    assert!(
        refusal.detail.contains("left of 3: paused 1, breaker_open 2"),
        "{}",
        refusal.detail
    );
    assert_eq!(refusal.retry_after_ms, Some(300));
    assert_eq!(refusal.fault().retryable, Some(true));
}

#[test]
fn a_single_cause_names_its_own_code() {
    let world = World::with_default("", vec![Adapter::new("a"), Adapter::new("b")]);
    let request = ask();
    let code = |change: fn(&mut Input<'_>)| {
        let mut input = Input::new(Millis(0), "eu", &request);
        change(&mut input);
        world.decide_with(&input).outcome.unwrap_err().code
    };
    assert_eq!(code(|i| i.available = Amount::ZERO), Code::Budget);
    assert_eq!(
        code(|i| {
            i.window = Window {
                max_parallel: 0,
                ..Window::MAX
            }
        }),
        Code::Window
    );
    let short = Adapter::new("a").declares(|c| c.max_tokens = Some(100));
    assert_eq!(
        World::with_default("", vec![short]).refusal(&request).code,
        Code::Context
    );
    assert_eq!(
        World::with_default("", vec![]).refusal(&request).code,
        Code::NoRoute
    );
}

#[test]
fn only_a_window_that_may_have_room_later_is_worth_coming_back_for() {
    let refused = |policy: &str, adapter: Adapter, change: fn(&mut AgentRequest)| {
        let mut request = ask();
        change(&mut request);
        let refusal = World::with_default(policy, vec![adapter]).refusal(&request);
        (refusal.code, refusal.fault().retry().is_retryable())
    };
    let a = || Adapter::new("a");
    let busy = a().stands(|c| {
        c.window = PartialWindow {
            max_parallel: Some(0),
            ..PartialWindow::default()
        }
    });
    assert_eq!(refused("", busy, |_| {}), (Code::Window, true));
    let small = "window: {max_tokens: 600}";
    assert_eq!(refused(small, a(), |_| {}), (Code::Window, false));
    assert_eq!(
        refused("budget: {tokens: 600}", a(), |_| {}),
        (Code::Budget, false)
    );
    let free_only: fn(&mut AgentRequest) = |r| r.max_cost_usd_micros = Some(0);
    assert_eq!(refused("", a(), free_only), (Code::NoRoute, false));
}

#[test]
fn an_adapter_that_fell_silent_is_unhealthy() {
    let mut silent = Adapter::new("a");
    silent.registered.liveness = Liveness::Reported {
        health: Health::HEALTHY,
        at: Millis(1_000_000 - 60_001),
    };
    assert_eq!(reason("", silent, |_| {}).as_deref(), Some("unhealthy"));
}

#[test]
fn those_that_estimate_and_may_be_chosen_are_asked() {
    let estimating = |id: &str| Adapter::new(id).declares(|of| of.estimate = true);
    let lame = estimating("lame").declares(|of| of.capabilities = Vec::new());
    let world = World::with_default(
        "constraints: { max_cost_usd: 0.002, capabilities_all: [chat] }",
        vec![
            estimating("a"),
            estimating("dear").costs(100),
            lame,
            Adapter::new("silent"),
        ],
    );
    let asked = world.decide(&ask()).estimators();
    let asked: Vec<_> = asked.iter().map(|of| of.adapter.as_str()).collect();
    // Too dear as far as the router can tell, which it may be wrong about; lame whatever it costs.
    assert_eq!(asked, ["a", "dear"]);
}
