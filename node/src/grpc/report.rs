//! What an adapter says of a call's cost and of itself.

use atp_protocol::adapter::{Capability, Health, HealthStatus};
use atp_protocol::estimate::Estimate;
use atp_protocol::payload::EstimateReply;
use serde_json::{Value, json};

use super::v1::{EstimateResponse, HealthResponse};

/// The estimate, checked as one that came over ATP would be; what is 0 where 0 means nothing is absent.
///
/// # Errors
/// Says which figure is out of range; the router falls back to its own estimate then.
pub(super) fn estimate(response: EstimateResponse) -> Result<Estimate, String> {
    let known = |figure: u64| (figure != 0).then_some(figure);
    let has_variance = response.variance_tokens != 0.0 || response.variance_usd != 0.0;
    let reply: EstimateReply = serde_json::from_value(json!({
        "request_id": "",
        "in_tokens": response.in_tokens,
        "out_tokens": response.out_tokens,
        "usd_micros": response.usd_micros,
        "p95_tokens": known(response.p95_tokens),
        "p95_usd_micros": known(response.p95_usd_micros),
        "variance": has_variance.then(|| json!({
            "tokens": response.variance_tokens,
            "usd": response.variance_usd,
        })),
        "confidence": (response.confidence != 0.0).then_some(response.confidence),
        "tool_cost_breakdown": serde_json::from_str::<Value>(&response.tool_cost_breakdown_json).ok(),
        "assumptions": response.assumptions,
    }))
    .map_err(|error| error.to_string())?;
    Ok(reply.estimate)
}

/// Its condition. Figures out of range are unknown, an unknown status is a degraded one.
pub(super) fn health(response: &HealthResponse) -> Health {
    Health {
        status: match response.status.to_ascii_lowercase().as_str() {
            "" | "healthy" => HealthStatus::Healthy,
            "unhealthy" => HealthStatus::Unhealthy,
            _ => HealthStatus::Degraded,
        },
        p95_latency_ms: (response.p95_ms > 0.0).then_some(response.p95_ms),
        error_rate: match response.error_rate {
            share @ 0.0..=1.0 => Some(share),
            percent @ 1.0..=100.0 => Some(percent / 100.0),
            _ => None,
        },
        queue_depth: Some(response.queue_depth),
        ..Health::HEALTHY
    }
}

/// `known` with what the adapter declares of itself. What it may see, what it costs and under which names it is reached
/// are the operator's to say.
pub(super) fn capability(known: &Capability, response: &HealthResponse) -> Option<Capability> {
    let mut members: Value = serde_json::from_str(&response.capability_json).ok()?;
    members["adapter_id"] = known.adapter_id.as_str().into();
    members["adapter_type"] = known.adapter_type.as_str().into();
    let declared: Capability = serde_json::from_value(members).ok()?;
    declared.check().ok()?;
    Some(Capability {
        adapter_id: known.adapter_id.clone(),
        adapter_type: known.adapter_type.clone(),
        capabilities: known.capabilities.clone(),
        models: known.models.clone(),
        personas: known.personas.clone(),
        safety_domains: known.safety_domains.clone(),
        cost_per_token_micros: known.cost_per_token_micros,
        lacks: known.lacks.iter().chain(&declared.lacks).copied().collect(),
        ..declared
    })
}

#[cfg(test)]
mod tests {
    use atp_protocol::adapter::UsageMode;

    use super::*;
    use crate::grpc::testing;

    #[test]
    fn estimates_are_checked_and_nothing_known_is_absent() {
        let bare = estimate(EstimateResponse {
            in_tokens: 10,
            out_tokens: 20,
            usd_micros: 30,
            ..EstimateResponse::default()
        });
        assert_eq!(
            bare,
            Ok(Estimate {
                in_tokens: 10,
                out_tokens: 20,
                usd_micros: 30,
                ..Estimate::default()
            })
        );
        let full = estimate(EstimateResponse {
            p95_tokens: 40,
            variance_tokens: 4.0,
            confidence: 0.5,
            tool_cost_breakdown_json: r#"[{"tool":"a","usd_micros":5},{"tool":"b","usd_micros":6}]"#
                .to_owned(),
            ..EstimateResponse::default()
        })
        .unwrap();
        assert_eq!(
            (full.p95_tokens, full.confidence, full.tools_usd_micros),
            (Some(40), Some(0.5), 11)
        );
        assert_eq!(full.variance.unwrap().tokens, 4.0);
        for wrong in [
            EstimateResponse {
                confidence: 1.5,
                ..EstimateResponse::default()
            },
            EstimateResponse {
                variance_usd: -1.0,
                ..EstimateResponse::default()
            },
        ] {
            assert!(estimate(wrong).is_err());
        }
    }

    #[test]
    fn health_reads_percent_as_share_and_silence_as_healthy() {
        let of = |status: &str, error_rate: f64| {
            let health = health(&HealthResponse {
                status: status.to_owned(),
                error_rate,
                ..HealthResponse::default()
            });
            (health.status, health.error_rate, health.p95_latency_ms)
        };
        assert_eq!(of("", 0.0), (HealthStatus::Healthy, Some(0.0), None));
        assert_eq!(
            of("UNHEALTHY", 12.5),
            (HealthStatus::Unhealthy, Some(0.125), None)
        );
        assert_eq!(of("odd", f64::NAN), (HealthStatus::Degraded, None, None));
    }

    #[test]
    fn an_adapter_declares_how_it_works_and_not_what_it_may() {
        let known = testing::capability();
        let said = |json: &str| {
            capability(
                &known,
                &HealthResponse {
                    capability_json: json.to_owned(),
                    ..HealthResponse::default()
                },
            )
        };
        let declared = said(
            r#"{"adapter_id":"other","adapter_type":"x","capabilities":["all"],"models":["m"],"usage_mode":"cumulative",
                "max_tokens":8192,"safety_domains":["secret"],"cost_per_token_micros":0.1}"#,
        )
        .unwrap();
        assert_eq!(
            (declared.usage_mode, declared.max_tokens),
            (UsageMode::Cumulative, Some(8_192))
        );
        assert_eq!(
            Capability {
                usage_mode: known.usage_mode,
                max_tokens: known.max_tokens,
                estimate: known.estimate,
                ..declared
            },
            known
        );
        let absurd = r#"{"capabilities":[],"models":["m"],"max_tokens":0}"#;
        assert_eq!(said(absurd), None);
        assert_eq!(said("not json"), None);
        assert_eq!(said("{}"), None);
    }
}
