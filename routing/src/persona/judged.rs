//! One lane's outcome, in the figures a reputation is made of.

use atp_protocol::error::Code;
use atp_protocol::estimate::ape;
use atp_protocol::ids::AdapterId;
use atp_protocol::units::Amount;

use crate::breaker::Outcome;

/// How a lane of a persona ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// Who carried the persona out.
    pub adapter: AdapterId,
    /// Why it ended without an answer; `None` with one.
    pub fault: Option<Code>,
    /// How far its answer agrees with those of the other lanes, 0 to 1; `None` without others.
    pub agreement: Option<f64>,
    /// Its confidence, penalties included.
    pub confidence: Option<f64>,
    /// From dispatch to the first chunk, or to the end where there was none, in milliseconds.
    pub first_chunk_ms: u64,
    /// What the request hoped for, in milliseconds.
    pub slo_ms: u64,
    /// What it was expected to use, and what it reported.
    pub cost: Option<(Amount, Amount)>,
}

/// A lane in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Who carried the persona out.
    pub adapter: AdapterId,
    /// 0 to 1.
    pub accuracy: f64,
    /// 0 to 1.
    pub quality: f64,
    /// Time to its first chunk, in milliseconds.
    pub latency_ms: u64,
    /// Whether that is within the request's objective.
    pub is_in_time: bool,
}

impl Judged {
    /// The figures of a lane; `None` for an end that says nothing of the persona, as when the client left or the lane was
    /// not needed any more.
    ///
    /// A failure is wrong and worth nothing. An answer is as right as it agrees with the *other* lanes, for its own vote
    /// proves nothing; alone it is right. Its quality is its confidence and how well its cost had been estimated, as far as
    /// they are known.
    #[must_use]
    pub fn of(ending: &Ending) -> Option<Self> {
        let (accuracy, quality) = match ending.fault.map(Outcome::of) {
            None => {
                let accuracy = share(ending.agreement.unwrap_or(1.0));
                let known = [
                    ending.confidence.map(share),
                    ending
                        .cost
                        .map(|(estimate, actual)| predictability(estimate, actual)),
                ];
                (accuracy, mean(known).unwrap_or(accuracy))
            }
            Some(Outcome::Failure(_)) => (0.0, 0.0),
            Some(Outcome::Success | Outcome::Neutral) => return None,
        };
        Some(Self {
            adapter: ending.adapter.clone(),
            accuracy,
            quality,
            latency_ms: ending.first_chunk_ms,
            is_in_time: ending.fault.is_none() && ending.first_chunk_ms <= ending.slo_ms,
        })
    }
}

/// 1 when estimate and use are the same, 0.5 when the error is as large as the use.
fn predictability(estimate: Amount, actual: Amount) -> f64 {
    let error = ape(estimate.tokens, actual.tokens).max(ape(estimate.usd_micros, actual.usd_micros));
    1.0 / (1.0 + error)
}

fn share(figure: f64) -> f64 {
    if figure.is_finite() {
        figure.clamp(0.0, 1.0)
    } else {
        0.0
    }
}

fn mean(known: [Option<f64>; 2]) -> Option<f64> {
    let known: Vec<f64> = known.into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending() -> Ending {
        Ending {
            adapter: AdapterId::new("a").unwrap(),
            fault: None,
            agreement: None,
            confidence: None,
            first_chunk_ms: 100,
            slo_ms: 100,
            cost: None,
        }
    }

    #[test]
    fn an_answer_is_as_right_as_others_agree_and_alone_it_is_right() {
        let alone = Judged::of(&ending()).unwrap();
        assert_eq!(
            (alone.accuracy, alone.quality, alone.is_in_time),
            (1.0, 1.0, true)
        );
        let lonely = Ending {
            agreement: Some(0.25),
            confidence: Some(0.9),
            first_chunk_ms: 101,
            ..ending()
        };
        let judged = Judged::of(&lonely).unwrap();
        assert_eq!(
            (judged.accuracy, judged.quality, judged.is_in_time),
            (0.25, 0.9, false)
        );
    }

    #[test]
    fn a_failure_is_worth_nothing_and_a_lane_that_was_called_off_says_nothing() {
        let ended = |fault| {
            Judged::of(&Ending {
                fault: Some(fault),
                ..ending()
            })
        };
        let failed = ended(Code::Timeout).unwrap();
        assert_eq!(
            (failed.accuracy, failed.quality, failed.is_in_time),
            (0.0, 0.0, false)
        );
        assert_eq!(ended(Code::Cancel), None);
        assert_eq!(ended(Code::WindowAgent), None);
    }

    #[test]
    fn a_cost_that_was_well_estimated_is_a_quality() {
        let of = |tokens| Amount {
            tokens,
            usd_micros: 0,
        };
        let costly = Ending {
            confidence: Some(1.0),
            cost: Some((of(100), of(200))),
            ..ending()
        };
        assert!((Judged::of(&costly).unwrap().quality - (1.0 + 1.0 / 1.5) / 2.0).abs() < 1e-12);
    }
}
