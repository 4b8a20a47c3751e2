//! The end of a request as the cluster keeps it. A disk format: members are added with a default, and a later format is refused.

use atp_protocol::error::{Code, Fault, FaultRecord};
use atp_protocol::ids::RequestId;
use atp_protocol::units::Amount;
use serde::{Deserialize, Serialize};

use crate::session::{Answer, Facts, Output, Telemetry, Unanswered};

/// The format.
const FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u16,
    request: RequestId,
    policy_version: u64,
    route_reason: String,
    hold: Amount,
    said: Option<Said>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Answered {
        /// The provider's stream, which holds the answer.
        forwarded: Option<String>,
        answer: Box<Answer>,
    },
    Failed {
        fault: FaultRecord,
        partial: Option<String>,
        telemetry: Telemetry,
    },
}

/// As JSON; `None` for an answer that has none, as bytes that are not text.
pub(super) fn encode(facts: &Facts, said: Option<Vec<Output>>) -> Option<Vec<u8>> {
    let said = match said {
        None => None,
        Some(said) => Some(Said::of(said)?),
    };
    let kept = Kept {
        format: FORMAT,
        request: facts.request.clone(),
        policy_version: facts.policy_version,
        route_reason: facts.route_reason.to_string(),
        hold: facts.hold,
        said,
    };
    serde_json::to_vec(&kept).ok()
}

/// What was encoded.
///
/// # Errors
/// `EIDEM` for what this release cannot read.
pub(super) fn decode(bytes: &[u8]) -> Result<(Facts, Option<Vec<Output>>), Fault> {
    let kept: Option<Kept> = serde_json::from_slice(bytes).ok();
    let kept = kept.filter(|kept| kept.format == FORMAT).ok_or_else(|| {
        let detail = "the request was answered, and a later release kept its answer; ask a node of that, or use a new key";
        Fault::new(Code::Idem, detail)
    })?;
    let facts = Facts {
        request: kept.request,
        policy_version: kept.policy_version,
        route_reason: kept.route_reason.into(),
        hold: kept.hold,
        flow: None,
    };
    Ok((facts, kept.said.map(Said::outputs)))
}

impl Said {
    /// Of an end and the bytes that went before it.
    fn of(said: Vec<Output>) -> Option<Self> {
        let mut bytes = None;
        for output in said {
            match output {
                Output::Forward(piece) => bytes = Some(String::from_utf8(piece.to_vec()).ok()?),
                Output::Final(answer) => {
                    return Some(Self::Answered {
                        forwarded: bytes,
                        answer,
                    });
                }
                Output::Failed(failure) => {
                    let Unanswered {
                        fault,
                        partial,
                        telemetry,
                    } = *failure;
                    return Some(Self::Failed {
                        fault: fault.into(),
                        partial,
                        telemetry,
                    });
                }
                Output::Text(_)
                | Output::Restart
                | Output::Lane { .. }
                | Output::Event { .. }
                | Output::Log { .. }
                | Output::Congested
                | Output::Provisional { .. } => {}
            }
        }
        None
    }

    fn outputs(self) -> Vec<Output> {
        match self {
            Self::Answered { forwarded, answer } => {
                let forwarded = forwarded.map(|text| Output::Forward(text.into()));
                forwarded.into_iter().chain([Output::Final(answer)]).collect()
            }
            Self::Failed {
                fault,
                partial,
                telemetry,
            } => vec![Output::Failed(Box::new(Unanswered {
                fault: fault.into(),
                partial,
                telemetry,
            }))],
        }
    }
}

/// A body as text; bytes that are none are not kept.
pub(in crate::session) mod text {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

    pub(in crate::session) fn serialize<S: Serializer>(
        body: &Option<Bytes>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        let text = body.as_deref().map(std::str::from_utf8).transpose();
        text.map_err(ser::Error::custom)?.serialize(out)
    }

    pub(in crate::session) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Bytes>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Bytes::from))
    }
}

/// An error by what is specific to it.
pub(in crate::session) mod fault {
    use atp_protocol::error::{Fault, FaultRecord};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::session) fn serialize<S: Serializer>(
        fault: &Option<Fault>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        fault.clone().map(FaultRecord::from).serialize(out)
    }

    pub(in crate::session) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Fault>, D::Error> {
        Ok(Option::<FaultRecord>::deserialize(from)?.map(Fault::from))
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::adapter::UsageSource;
    use bytes::Bytes;

    use super::*;

    fn facts() -> Facts {
        Facts {
            request: RequestId::new("req_1").unwrap(),
            policy_version: 3,
            route_reason: "default: cheapest".into(),
            hold: Amount::ZERO,
            flow: None,
        }
    }

    fn answer() -> Answer {
        Answer {
            body: Some(Bytes::from_static(b"{}")),
            is_forwarded: true,
            text: Some("Yes.".to_owned()),
            data: Some(serde_json::json!({ "a": 1 })),
            aborted: Some(Fault::new(Code::Budget, "no more")),
            telemetry: Telemetry {
                out_tokens: 2,
                source: Some(UsageSource::Reported),
                is_replay: true,
                ..Telemetry::default()
            },
            ..Answer::default()
        }
    }

    #[test]
    fn an_answer_is_told_again_as_it_was() {
        let forwarded = Output::Forward(Bytes::from_static(b"data: x\n\n"));
        let said = vec![forwarded, Output::Final(Box::new(answer()))];
        let bytes = encode(&facts(), Some(said)).unwrap();
        let (again, said) = decode(&bytes).unwrap();
        assert_eq!(
            (again.request, again.policy_version),
            (facts().request, facts().policy_version)
        );
        match &said.unwrap()[..] {
            [Output::Forward(bytes), Output::Final(last)] => {
                assert_eq!((&**bytes, &**last), (&b"data: x\n\n"[..], &answer()));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failure_is_told_again_as_it_was() {
        let failure = Unanswered::of(Fault::new(Code::Budget, "no room").terminal());
        let bytes = encode(&facts(), Some(vec![Output::Failed(Box::new(failure))])).unwrap();
        match decode(&bytes).unwrap().1.unwrap().pop() {
            Some(Output::Failed(failure)) => {
                assert_eq!(failure.fault, Fault::new(Code::Budget, "no room").terminal());
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_text_is_not_kept_and_what_is_of_a_later_release_not_read() {
        let body = Answer {
            body: Some(Bytes::from_static(b"\xff")),
            ..answer()
        };
        assert!(encode(&facts(), Some(vec![Output::Final(Box::new(body))])).is_none());
        let text = String::from_utf8(encode(&facts(), None).unwrap()).unwrap();
        let later = text.replace("\"format\":1", "\"format\":2");
        for bytes in [later.as_bytes(), b"", b"{}"] {
            assert_eq!(decode(bytes).unwrap_err().code, Code::Idem);
        }
    }
}
