//! The measured values, one per round.

use std::collections::BTreeMap;

use super::{Figure, Gateway};

/// Values of all rounds by figure and gateway.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<Figure, BTreeMap<Gateway, Vec<f64>>>);

impl Samples {
    /// Adds the value of one round.
    pub fn add(&mut self, figure: Figure, gateway: Gateway, value: f64) {
        self.0
            .entry(figure)
            .or_default()
            .entry(gateway)
            .or_default()
            .push(value);
    }

    /// Adds a count to the one value that stands for all rounds.
    pub fn add_up(&mut self, figure: Figure, gateway: Gateway, count: u64) {
        let values = self
            .0
            .entry(figure)
            .or_default()
            .entry(gateway)
            .or_insert_with(|| vec![0.0]);
        values[0] += count as f64;
    }

    /// The figures that have values, in order.
    pub fn figures(&self) -> impl Iterator<Item = Figure> {
        self.0.keys().copied()
    }

    /// The gateways that have values, in order.
    pub fn gateways(&self) -> Vec<Gateway> {
        Gateway::ALL
            .into_iter()
            .filter(|gateway| self.0.values().any(|values| values.contains_key(gateway)))
            .collect()
    }

    /// The values of one figure, in the order of the rounds.
    pub fn rounds(&self, figure: Figure, gateway: Gateway) -> &[f64] {
        self.0
            .get(&figure)
            .and_then(|values| values.get(&gateway))
            .map_or(&[], Vec::as_slice)
    }

    /// The median over rounds; the mean of the middle two of an even number.
    pub fn median(&self, figure: Figure, gateway: Gateway) -> Option<f64> {
        let mut values = self.rounds(figure, gateway).to_vec();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() {
            0 => None,
            count if count % 2 == 1 => Some(values[middle]),
            _ => Some(f64::midpoint(values[middle - 1], values[middle])),
        }
    }

    /// A figure of one gateway over that of another; none where either is missing or the divisor is not positive.
    pub fn ratio(&self, figure: Figure, over: Gateway, under: Gateway) -> Option<f64> {
        let divisor = self.median(figure, under).filter(|divisor| *divisor > 0.0)?;
        Some(self.median(figure, over)? / divisor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_does_not_move_the_median() {
        let mut samples = Samples::default();
        for value in [10.0, 9000.0, 12.0] {
            samples.add(Figure::MaxRps, Gateway::Smg, value);
        }
        assert_eq!(samples.median(Figure::MaxRps, Gateway::Smg), Some(12.0));
        assert_eq!(samples.median(Figure::MaxRps, Gateway::Nginx), None);
        samples.add(Figure::MaxRps, Gateway::Smg, 14.0);
        assert_eq!(samples.median(Figure::MaxRps, Gateway::Smg), Some(13.0));
    }
}
