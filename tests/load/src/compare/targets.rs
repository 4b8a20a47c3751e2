//! What our own gateway has to reach, absolutely and against SMG.

use serde::Serialize;

use super::quiet::DISTURBANCE;
use super::{Figure, Gateway, Samples};

/// One target and whether it was met.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    /// Who, what and how much.
    pub(super) target: String,
    /// What was measured.
    pub(super) measured: f64,
    /// Whether that is good enough.
    pub(super) met: bool,
}

/// The bound on a figure, if it has one. All bounded figures are better when smaller.
fn limit(gateway: Gateway, figure: Figure) -> Option<f64> {
    match (gateway, figure) {
        (Gateway::Direct | Gateway::Nginx | Gateway::Smg, _) => None,
        (Gateway::Plain, Figure::AddedP50(_)) => Some(150.0),
        (Gateway::Governed, Figure::AddedP50(_)) => Some(300.0),
        (Gateway::Governed, Figure::AddedP99(2000)) => Some(1500.0),
        (_, Figure::LagP99(500)) => Some(2000.0),
        (_, Figure::RssPerStream | Figure::RssIdle) => Some(40.0),
        (_, Figure::FirstAnswer) => Some(300.0),
        (_, Figure::Others) => Some(DISTURBANCE),
        (_, Figure::Failed) => Some(0.0),
        _ => None,
    }
}

/// Every target that could be measured.
pub(super) fn verdicts(samples: &Samples) -> Vec<Verdict> {
    let ours = [Gateway::Plain, Gateway::Governed];
    let bounds = ours.into_iter().flat_map(|gateway| {
        samples.figures().filter_map(move |figure| {
            let (limit, measured) = (limit(gateway, figure)?, samples.median(figure, gateway)?);
            let target = format!("{gateway}: {figure} ≤ {limit}");
            Some(Verdict {
                target,
                measured,
                met: measured <= limit,
            })
        })
    });
    let against_smg = samples
        .figures()
        .filter(|figure| figure.is_comparable())
        .filter_map(|figure| {
            let measured = samples.median(figure, Gateway::Plain)?;
            let smg = samples.median(figure, Gateway::Smg)?;
            let (sign, met) = if figure.more_is_better() {
                ("≥", measured >= smg)
            } else {
                ("≤", measured <= smg)
            };
            let target = format!(
                "{}: {figure} {sign} {}",
                Gateway::Plain,
                crate::table::figure(smg)
            );
            Some(Verdict {
                target: target + " (SMG)",
                measured,
                met,
            })
        });
    bounds.chain(against_smg).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_held_to_its_bounds_and_to_smg() {
        let mut samples = Samples::default();
        samples.add(Figure::AddedP50(500), Gateway::Plain, 120.0);
        samples.add(Figure::AddedP50(500), Gateway::Smg, 100.0);
        samples.add(Figure::MaxRps, Gateway::Plain, 9000.0);
        samples.add(Figure::MaxRps, Gateway::Smg, 8000.0);
        let met: Vec<bool> = verdicts(&samples).iter().map(|verdict| verdict.met).collect();
        assert_eq!(met, [true, false, true]);
    }
}
