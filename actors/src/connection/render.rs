//! From what a session says to the payload a client is sent.

use atp_protocol::payload::{
    Agreement, CostEst, Event, Final, Kind, Log, LogLevel, Partial, Payload, Provisional, Reconciled,
    Telemetry,
};

use crate::session::{Answer, Output};

/// The payload of an output; `None` for one that ATP clients are told otherwise or not at all.
pub(crate) fn payload(output: Output) -> Option<Payload<'static>> {
    Some(match output {
        Output::Text(text) => Payload::of(
            Kind::AgentPartial,
            &Partial {
                text: Some(text),
                ..Partial::default()
            },
        ),
        Output::Lane { lane, text } => {
            let partial = Partial {
                text: Some(text),
                ..Partial::default()
            };
            Payload::of(Kind::AgentPartial, &partial).in_lane(&lane)
        }
        Output::Event { name, data } => event(name, *data),
        Output::Restart => event("restart", serde_json::Value::Null),
        Output::Log { level, text } => {
            let level = match &*level {
                "debug" => LogLevel::Debug,
                "warn" => LogLevel::Warn,
                "error" => LogLevel::Error,
                _ => LogLevel::Info,
            };
            Payload::of(
                Kind::AgentLog,
                &Log {
                    level,
                    text: text.into(),
                    fields: None,
                },
            )
        }
        Output::Provisional {
            answer,
            revision,
            status,
            is_incremental,
            expiry_ms,
        } => {
            let confidence = answer.confidence;
            let provisional = Provisional {
                result: result(*answer),
                revision: u64::from(revision),
                status,
                incremental: is_incremental,
            };
            let mut payload = Payload::of(Kind::AgentProvisional, &provisional);
            payload.confidence = confidence;
            payload.expiry_ms = Some(expiry_ms);
            payload
        }
        Output::Final(answer) => {
            let confidence = answer.confidence;
            let mut payload = Payload::of(Kind::AgentFinal, &result(*answer));
            payload.confidence = confidence;
            payload
        }
        Output::Failed(_) | Output::Forward(_) | Output::Congested => return None,
    })
}

fn event(name: &str, data: serde_json::Value) -> Payload<'static> {
    let event = Event {
        event: name.to_owned(),
        model: None,
        reason: None,
        data: Some(data),
        ts: None,
    };
    Payload::of(Kind::AgentEvent, &event)
}

fn result(answer: Answer) -> Final {
    let told = &answer.telemetry;
    let cost = CostEst {
        in_tokens: told.in_tokens,
        out_tokens: told.out_tokens,
        usd_micros: told.usd_micros,
    };
    let telemetry = Telemetry {
        latency_ms: told.latency_ms,
        model_used: told.model_used.clone().unwrap_or_default(),
        escalations: told.escalations,
        route_path: told.route_path.clone(),
        idempotent_replay: told.is_replay.then_some(true),
        ..Telemetry::of(cost)
    };
    Final {
        result: Reconciled {
            text: answer.text,
            data: answer.data,
            findings: answer.findings,
            parts: answer.parts,
            agreement: answer.consensus.map(|consensus| Agreement {
                strategy: consensus.strategy.into_owned(),
                agreement: consensus.agreement,
                uncertainties: consensus.uncertainties,
                lanes_used: consensus.lanes_used,
                lanes_failed: consensus.lanes_failed,
            }),
        },
        telemetry,
        partial_failure: answer.partial_failure,
        aborted: answer.aborted.is_some().then_some(true),
        error: answer.aborted.map(|fault| fault.to_string()),
    }
}
