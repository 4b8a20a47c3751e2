//! Confidence of a session, and the guard against many copies of one opinion (atp.md 21.2, last paragraph).

use std::collections::BTreeMap;

/// `Σ w·c / Σ w` over the lanes behind an answer, times their agreement if there is one.
///
/// Lanes that state no confidence are left out; `None` when none states any or they weigh nothing.
#[must_use]
pub fn session_confidence(
    lanes: impl IntoIterator<Item = (f64, Option<f64>)>,
    agreement: Option<f64>,
) -> Option<f64> {
    let (mut weighted, mut weights) = (0.0, 0.0);
    for (weight, confidence) in lanes {
        if let Some(confidence) = confidence {
            weighted += weight * confidence;
            weights += weight;
        }
    }
    (weights > 0.0).then(|| (weighted / weights * agreement.unwrap_or(1.0)).clamp(0.0, 1.0))
}

/// Lets lanes of one source (same model family and prompt) share one weight: each keeps its weight over their number.
///
/// `sources` runs parallel to `weights`; a lane without a source stands for itself.
pub fn share_weights(weights: &mut [f64], sources: &[Option<&str>]) {
    let mut members: BTreeMap<&str, f64> = BTreeMap::new();
    for source in sources.iter().flatten() {
        *members.entry(source).or_default() += 1.0;
    }
    for (weight, source) in weights.iter_mut().zip(sources) {
        if let Some(source) = source {
            *weight /= members.get(source).copied().unwrap_or(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_about_confidence_is_not_confidence_zero() {
        let lanes = [(1.0, Some(0.8)), (3.0, None)];
        assert_eq!(session_confidence(lanes, None), Some(0.8));
        assert_eq!(session_confidence(lanes, Some(0.5)), Some(0.4));
        assert_eq!(session_confidence([(1.0, None)], None), None);
        assert_eq!(session_confidence([(0.0, Some(0.9))], None), None);
    }

    #[test]
    fn copies_of_one_source_weigh_as_one() {
        let mut weights = [1.0, 1.0, 1.0];
        share_weights(&mut weights, &[Some("m#1"), None, Some("m#1")]);
        assert_eq!(weights, [0.5, 1.0, 0.5]);
    }
}
