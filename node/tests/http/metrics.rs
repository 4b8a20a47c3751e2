//! What happens to requests, money and answers moves their figures, and every figure is explained.

use std::collections::BTreeMap;

use serde_json::json;

use super::fixture::{Ask, Manner, Scripted, Setup, TEXT, figure, on_node, on_node_with};

/// What a node exports.
struct Figures(String);

impl Figures {
    async fn of(node: &Setup) -> Self {
        Self(node.ask("GET", "/metrics").send().await.text().to_owned())
    }

    /// The figure of a series, written as it is exported.
    fn get(&self, series: &str) -> Option<f64> {
        figure(&self.0, series)
    }

    /// Families with their kinds.
    fn families(&self) -> BTreeMap<&str, &str> {
        self.0
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
            .collect()
    }
}

async fn counts(node: &Setup, series: &str, is_so: impl Fn(f64) -> bool) {
    super::fixture::until(series, async || {
        node.figure(series).filter(|figure| is_so(*figure))
    })
    .await;
}

#[test]
fn figures_are_the_operators_where_they_are_not_open() {
    on_node_with(
        |config| config.metrics.open = Some(false),
        async |node| {
            for path in ["/metrics", "/v1/metrics"] {
                let nobody = Ask::new(node.node.api, "GET", path).send().await;
                nobody.is_problem(401, "EAUTH");
                node.ask("GET", path).send().await.is_problem(403, "ESEC");
                assert_eq!(node.admin("GET", path).send().await.status(), 200);
            }
        },
    );
}

#[test]
fn a_request_is_counted_from_acceptance_to_settlement() {
    on_node(async |node| {
        let asked = json!({ "prompt": TEXT, "model": "summarizer.local" });
        let ask = node.ask("POST", "/v1/ask").header("x-atp-qos", "gold");
        assert_eq!(ask.json(&asked).send().await.status(), 200);
        node.settled_tokens().await;
        counts(&node, "parallel_sessions_active", |figure| figure == 0.0).await;
        let figures = Figures::of(&node).await;
        for (series, wanted) in [
            ("atp_router_requests_total", 1.0),
            (r#"request_latency_ms_count{qos="gold",outcome="ok"}"#, 1.0),
            (
                r#"atp_router_request_duration_seconds_count{qos="gold",outcome="ok"}"#,
                1.0,
            ),
            (
                r#"time_to_first_chunk_ms_count{qos="gold",adapter="summarizer.local"}"#,
                1.0,
            ),
            ("dispatch_targets_total", 1.0),
            ("budget_holds_total", 1.0),
            ("router_estimate_tokens_count", 1.0),
            ("router_estimate_mape_usd_count", 1.0),
            ("cost_usd_total_qos_gold", 0.0),
            (r#"reconciliation_strategy_counts{strategy="first-win"}"#, 1.0),
            ("consensus_strategy_used_first_win_total", 1.0),
            (r#"fair_sched_grants_total{qos="gold"}"#, 1.0),
        ] {
            assert_eq!(figures.get(series), Some(wanted), "{series}\n{}", figures.0);
        }
    });
}

#[test]
fn refusals_are_counted_by_code_and_by_what_was_short() {
    on_node(async |node| {
        let refused = node.ask("POST", "/v1/ask").body("{").send().await;
        refused.is_problem(400, "EPROTO");
        let limits = json!({ "limit_tokens": 1 });
        let put = node.admin("PUT", "/v1/admin/accounts/dev");
        assert_eq!(put.json(&limits).send().await.status(), 200);
        let asked = json!({ "prompt": TEXT, "model": "summarizer.local" });
        let refused = node.ask("POST", "/v1/ask").json(&asked).send().await;
        refused.is_problem(402, "EBUDGET");
        let figures = Figures::of(&node).await;
        for series in [
            "error_code_invalid_request_total",
            "error_code_budget_exhausted_total",
            r#"atp_errors_total{code="EBUDGET",scope="stream"}"#,
            r#"budget_refusals_total{component="tokens"}"#,
        ] {
            assert_eq!(figures.get(series), Some(1.0), "{series}");
        }
        assert_eq!(figures.get("atp_router_errors_total"), Some(2.0));
        counts(&node, r#"budget_remaining_tokens{tenant="dev"}"#, |left| {
            left == 1.0
        })
        .await;
        assert_eq!(
            Figures::of(&node).await.get("atp_router_window_tokens_remaining"),
            Some(1.0)
        );
    });
}

#[test]
fn what_a_tenant_spends_shows_in_its_gauges() {
    on_node_with(
        |config| {
            let price = config.prices.get_mut("summarizer.local").expect("a price");
            (price.in_usd_micros_per_million, price.out_usd_micros_per_million) = (1_000_000, 1_000_000);
        },
        async |node| {
            let put = node.admin("PUT", "/v1/admin/accounts/dev");
            let limits = json!({ "limit_usd_micros": 1_000_000 });
            assert_eq!(put.json(&limits).send().await.status(), 200);
            let asked = json!({ "prompt": TEXT, "model": "summarizer.local" });
            assert_eq!(
                node.ask("POST", "/v1/ask").json(&asked).send().await.status(),
                200
            );
            let tokens = node.settled_tokens().await as f64;
            let left = 1_000_000.0 - tokens;
            counts(&node, r#"budget_remaining_usd_micros{tenant="dev"}"#, |figure| {
                figure == left
            })
            .await;
            counts(&node, r#"budget_burn_rate_usd_per_min{tenant="dev"}"#, |rate| {
                rate > 0.0
            })
            .await;
            let figures = Figures::of(&node).await;
            assert_eq!(figures.get("cost_usd_total_qos_silver"), Some(tokens));
            let dollars = figures.get(r#"budget_remaining_usd{tenant="dev"}"#).unwrap();
            assert!((dollars - left / 1e6).abs() < 1e-9, "{dollars}");
        },
    );
}

/// Puts a policy in force that asks two built-ins at once.
async fn two_lanes(node: &Setup, more: &str) {
    let policy = format!(
        "policies:\n  - id: default\n    fanout: [summarizer.local, keywords.local]\n    k: 2\n    \
         constraints: {{ latency_slo_ms: 60000 }}\n    {more}\n"
    );
    let applied = node.admin("PUT", "/v1/admin/policy").body(policy).send().await;
    assert_eq!(applied.status(), 200, "{}", applied.text());
}

#[test]
fn answers_of_several_lanes_are_measured() {
    on_node(async |node| {
        two_lanes(&node, "strategy: weighted_merge").await;
        let ask = node.ask("POST", "/v1/ask").json(&json!({ "prompt": TEXT }));
        ask.send().await;
        node.settled_tokens().await;
        let figures = Figures::of(&node).await;
        for series in [
            "agreement_pct_count",
            "disagreement_regions_avg_count",
            "consensus_strategy_used_weighted_merge_total",
        ] {
            assert_eq!(figures.get(series), Some(1.0), "{series}\n{}", figures.0);
        }
        assert!(figures.get("atp_router_consensus_agreement_pct").is_some());
    });
}

#[test]
fn escalations_are_counted_by_reason_and_go_no_deeper_than_the_policy_says() {
    on_node(async |node| {
        let more = "strategy: consensus\n    \
            escalation: { on: [disagreement, low_conf], to: [reviewer.local, \"*\"], max_depth: 1 }";
        two_lanes(&node, more).await;
        node.ask("POST", "/v1/ask")
            .json(&json!({ "prompt": TEXT }))
            .send()
            .await;
        node.settled_tokens().await;
        let figures = Figures::of(&node).await;
        assert!(
            figures.get("dispatch_targets_total") >= Some(2.0),
            "{}",
            figures.0
        );
        let escalated = ["low_conf", "disagreement"]
            .map(|reason| figures.get(&format!("escalations_total_{reason}")).unwrap());
        assert_eq!(escalated.iter().sum::<f64>(), 1.0, "{}", figures.0);
    });
}

#[test]
fn a_better_lane_that_is_not_worth_its_cost_is_not_asked_and_counted() {
    on_node(async |node| {
        let more = "strategy: consensus\n    value_usd: 0\n    \
            escalation: { on: [disagreement, low_conf], to: [reviewer.local], max_depth: 1 }";
        two_lanes(&node, more).await;
        let ask = node.ask("POST", "/v1/ask").json(&json!({ "prompt": TEXT }));
        ask.send().await;
        node.settled_tokens().await;
        let figures = Figures::of(&node).await;
        let withheld = ["low_conf", "disagreement"].map(|reason| {
            let series = format!(r#"escalations_withheld_total{{reason="{reason}",because="uneconomic"}}"#);
            figures.get(&series).unwrap_or_default()
        });
        assert_eq!(withheld.iter().sum::<f64>(), 1.0, "{}", figures.0);
        assert_eq!(figures.get("dispatch_targets_total"), Some(2.0));
    });
}

#[test]
fn the_adaptive_strategy_leaves_what_fails_and_says_so() {
    on_node_with(
        |config| config.breaker.fail_threshold = 100,
        async |node| {
            Scripted::join(&node, "broken", Manner::Fails).await;
            let policy = "policies: [{id: default, fanout: [broken], strategy: adaptive}]";
            let applied = node.admin("PUT", "/v1/admin/policy").body(policy).send().await;
            assert_eq!(applied.status(), 200, "{}", applied.text());
            let ask = async |quality: &str| {
                let asked = json!({ "prompt": TEXT, "quality": quality });
                node.ask("POST", "/v1/ask").json(&asked).send().await;
            };
            let switched = r#"strategy_switch_total{from="first-win",to="consensus"}"#;
            ask("balanced").await;
            for _ in 0..4 {
                ask("high").await;
            }
            assert_eq!(node.figure(switched), None, "four more are asked first");
            counts(&node, "parallel_sessions_active", |figure| figure == 0.0).await;
            ask("high").await;
            assert_eq!(node.figure(switched), Some(1.0));
            ask("balanced").await;
            let back = r#"strategy_switch_total{from="consensus",to="first-win"}"#;
            assert_eq!(node.figure(back), None, "not twice in five minutes");
        },
    );
}

#[test]
fn second_names_can_be_left_out() {
    on_node_with(
        |config| config.metrics.aliases = false,
        async |node| {
            let figures = Figures::of(&node).await;
            assert!(figures.families().contains_key("jains_index"));
            assert!(!figures.families().contains_key("fair_sched_jains_index"));
        },
    );
}

/// The rows of the operators' page: name, kind where it is told.
fn explained() -> BTreeMap<String, Option<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operators.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let kind = rest.split(" |").next()?;
        let is_kind = ["counter", "gauge", "histogram"].contains(&kind);
        Some((name.to_owned(), is_kind.then(|| kind.to_owned())))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn every_exported_family_is_explained_with_its_kind() {
    on_node(async |node| {
        let asked = json!({ "prompt": TEXT, "model": "summarizer.local" });
        assert_eq!(
            node.ask("POST", "/v1/ask").json(&asked).send().await.status(),
            200
        );
        let (figures, rows) = (Figures::of(&node).await, explained());
        for (family, kind) in figures.families() {
            let named = match family {
                _ if family.starts_with("error_code_") => "error_code_<error>_total",
                _ if family.starts_with("consensus_strategy_used_") => {
                    "consensus_strategy_used_<strategy>_total"
                }
                _ if family.starts_with("fair_sched_wait_ms_p") => "fair_sched_wait_ms_p50",
                _ => family,
            };
            let told = rows
                .get(named)
                .unwrap_or_else(|| panic!("{family} is on no page"));
            assert!(
                told.as_deref().is_none_or(|told| told == kind),
                "{family} is a {kind}"
            );
        }
    });
}
