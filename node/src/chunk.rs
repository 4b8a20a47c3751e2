//! One chunk of an agent's answer as lane events (atp.md 7.2 and 22.2), however the agent is attached.

use atp_actors::adapter::{LaneEvent, LaneFinal, Metered, Partial, Question};
use atp_protocol::adapter::UsageSource;
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::payload::{AgentFinal, Body, Kind, LogLevel, Payload};
use atp_protocol::value::Value;
use serde_json::json;

/// A chunk as received.
#[derive(Debug, Clone)]
pub(crate) struct Chunk<'a> {
    /// Type of its content, canonical or an alias.
    pub name: &'a str,
    /// Its content; what is not JSON was made `{"text": raw}`.
    pub content: serde_json::Value,
    /// The agent's confidence; ignored unless from 0 to 1.
    pub confidence: Option<f64>,
    /// Usage of the call so far, if the agent has said.
    pub usage: Option<Metered>,
}

/// The content a JSON text holds; a text that does not parse is the text of a result.
pub(crate) fn content(raw: &str) -> serde_json::Value {
    serde_json::from_str(raw).unwrap_or_else(|_| json!({ "text": raw }))
}

impl Chunk<'_> {
    /// The events of the chunk, in order. After [`LaneEvent::Final`] the answer is over.
    ///
    /// A content that is not of its type's shape, a type without meaning here and findings that are not well-formed are
    /// left out and said in a log; they do not end the lane.
    ///
    /// # Errors
    /// `EADAPTER` when the agent reports that it failed, or when its final is not readable.
    pub(crate) fn events(self) -> Result<Vec<LaneEvent>, Fault> {
        let kind = Kind::parse(self.name);
        let content = match (kind, self.content) {
            (Some(Kind::AgentPartial), serde_json::Value::String(text)) => json!({ "text": text }),
            (_, content) => content,
        };
        let Some(kind) = kind else {
            return Ok(vec![ignored(self.name, "its type is not known")]);
        };
        let read = Body::read(&Payload::new(kind, Value::of(&content)));
        let confidence = self.confidence.filter(|share| (0.0..=1.0).contains(share));
        Ok(match read {
            Ok(Body::Partial(partial)) => vec![LaneEvent::Partial(Partial {
                text: partial.text.unwrap_or_default(),
                data: partial.data,
                confidence,
                usage: self.usage,
                out_tokens: None,
            })],
            Ok(Body::Final(end)) => ended(*end, confidence, self.usage),
            Ok(Body::LaneError(error)) => return Err(error.fault()),
            Ok(Body::Question(question)) => vec![LaneEvent::Question(Question {
                question_id: question.question_id,
                text: question.text,
                options: question.options,
                is_required: question.required,
                timeout_ms: question.timeout_ms,
            })],
            Ok(Body::Log(log)) => vec![LaneEvent::Log {
                level: level(log.level).to_owned(),
                text: log.text,
            }],
            Ok(Body::Status(status)) => vec![LaneEvent::Status(status.status)],
            Ok(_) => vec![ignored(self.name, "it has no place in an answer")],
            Err(fault) if matches!(kind, Kind::AgentFinal | Kind::AgentError) => {
                return Err(
                    Fault::new(Code::Adapter, format!("{}: {}", self.name, fault.detail)).scoped(Scope::Lane),
                );
            }
            Err(fault) => vec![ignored(self.name, &fault.detail)],
        })
    }
}

fn ended(end: AgentFinal, confidence: Option<f64>, usage: Option<Metered>) -> Vec<LaneEvent> {
    let mut events: Vec<LaneEvent> = end
        .invalid_findings
        .iter()
        .map(|why| ignored("finding", why))
        .collect();
    // What the final says of the whole call outweighs what the chunks added up to.
    let said = end.usage.map(|usage| Metered {
        in_tokens: usage.in_tokens,
        out_tokens: usage.out_tokens,
        usd_micros: usage.usd_micros,
        source: UsageSource::Reported,
    });
    events.push(LaneEvent::Final(Box::new(LaneFinal {
        text: end.text,
        data: end.data,
        findings: end.findings,
        confidence,
        usage: said.or(usage),
        model: end.model,
        finish_reason: end.finish_reason,
        ..LaneFinal::default()
    })));
    events
}

fn ignored(name: &str, why: &str) -> LaneEvent {
    LaneEvent::Log {
        level: "warn".to_owned(),
        text: format!("{name} ignored: {why}"),
    }
}

const fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::adapter::AgentStatus;

    use super::*;

    fn events(name: &str, raw: &str) -> Result<Vec<LaneEvent>, Fault> {
        Chunk {
            name,
            content: content(raw),
            confidence: Some(0.5),
            usage: None,
        }
        .events()
    }

    fn only(name: &str, raw: &str) -> LaneEvent {
        let mut events = events(name, raw).unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    #[test]
    fn partials_carry_text_data_and_confidence() {
        for raw in [r#"{"text":"hi"}"#, r#""hi""#] {
            let LaneEvent::Partial(partial) = only("agent.result.partial", raw) else {
                panic!("not a partial");
            };
            assert_eq!((partial.text.as_str(), partial.confidence), ("hi", Some(0.5)));
        }
        let LaneEvent::Partial(partial) = only("partial", "{not json") else {
            panic!("not a partial");
        };
        assert_eq!(partial.text, "{not json");
    }

    #[test]
    fn a_final_keeps_what_is_well_formed_and_names_what_is_not() {
        let raw = r#"{"text":"done","findings":[{"id":"F-1","type":"a","claim":"c","severity":"critical",
                     "confidence":0.5},{"id":"x"}],"usage":{"in_tokens":1,"out_tokens":2,"usd_micros":3}}"#;
        let events = events("agent.result.final", raw).unwrap();
        let [LaneEvent::Log { text, .. }, LaneEvent::Final(end)] = &events[..] else {
            panic!("{events:?}");
        };
        assert!(text.starts_with("finding ignored: finding 1:"), "{text}");
        assert!(end.findings.len() == 1 && end.findings[0].critical);
        assert_eq!(end.text.as_deref(), Some("done"));
        let usage = end.usage.unwrap();
        assert_eq!(
            (usage.in_tokens, usage.out_tokens, usage.usd_micros),
            (1, 2, Some(3))
        );
    }

    #[test]
    fn what_agents_say_beside_the_result_is_passed_on() {
        assert!(matches!(
            only("agent.log", r#"{"level":"info","text":"x"}"#),
            LaneEvent::Log { level, .. } if level == "info"
        ));
        assert!(matches!(
            only("agent.question", r#"{"question_id":"q","text":"which?","required":true}"#),
            LaneEvent::Question(question) if question.is_required && question.timeout_ms == 60_000
        ));
        assert!(matches!(
            only("control.status", r#"{"status":"BUSY"}"#),
            LaneEvent::Status(AgentStatus::Busy)
        ));
    }

    #[test]
    fn what_cannot_be_read_is_said_and_only_a_bad_end_ends_the_lane() {
        for (name, raw) in [
            ("agent.result.partial", "{}"),
            ("agent.log", r#"{"level":"loud","text":"x"}"#),
            ("agent.dance", "{}"),
            ("tool.request", r#"{"tool":"t","args":{}}"#),
        ] {
            assert!(
                matches!(only(name, raw), LaneEvent::Log { level, .. } if level == "warn"),
                "{name}"
            );
        }
        let bad = events("agent.result.final", r#"{"text":7}"#).unwrap_err();
        assert_eq!((bad.code, bad.scope), (Code::Adapter, Scope::Lane));
        let failed = events("agent.result.error", r#"{"error":"no disk","retryable":false}"#).unwrap_err();
        assert_eq!(
            (failed.code, failed.retryable, &*failed.detail),
            (Code::Adapter, Some(false), "no disk")
        );
    }
}
