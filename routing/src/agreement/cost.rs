//! Contributors that cost far more than the others (atp.md 21.2, "cost").

/// What such a contributor's confidence loses, unless the finding is of high severity.
pub const COST_PENALTY: f64 = 0.1;

/// For each contributor, whether it costs more than twice the median of all.
#[must_use]
pub fn costs_too_much(usd_micros: &[u64]) -> Vec<bool> {
    let mut sorted = usd_micros.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    let median = match sorted.len() {
        0 => return Vec::new(),
        odd if odd % 2 == 1 => sorted[middle] as f64,
        _ => f64::midpoint(sorted[middle - 1] as f64, sorted[middle] as f64),
    };
    usd_micros
        .iter()
        .map(|&cost| cost as f64 > 2.0 * median)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_twice_the_median_is_too_much() {
        assert_eq!(costs_too_much(&[10, 10, 20, 21]), [false; 4]);
        assert_eq!(costs_too_much(&[10, 10, 10, 21]), [false, false, false, true]);
        assert_eq!(costs_too_much(&[5]), [false]);
        assert_eq!(costs_too_much(&[]), Vec::<bool>::new());
    }
}
