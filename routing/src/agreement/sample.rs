//! Self-consistency: how alike several samples of one model are (atp.md 21.2, GAP-102).

use super::tokens::{Tokens, jaccard, mean_pairwise};

/// How consistent samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Mean similarity of 0.7 or more.
    High,
    /// 0.42 or more.
    Medium,
    /// Less, or a single sample.
    Low,
}

/// What several samples say together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Consistency {
    /// Mean pairwise similarity; 0 for a single sample, which is evidence of nothing.
    pub mean: f64,
    /// Its level.
    pub level: Level,
    /// Position of the sample that occurs most often after whitespace is normalised; the first on ties.
    pub best: usize,
}

/// Compares samples; `None` when there are none.
#[must_use]
pub fn self_consistency(samples: &[&str]) -> Option<Consistency> {
    let normal: Vec<String> = samples
        .iter()
        .map(|sample| sample.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let times = |at: usize| normal.iter().filter(|other| **other == normal[at]).count();
    let best = (0..normal.len()).max_by_key(|&at| (times(at), std::cmp::Reverse(at)))?;
    let tokens: Vec<Tokens> = samples.iter().map(|sample| Tokens::of(sample)).collect();
    let mean = mean_pairwise(&tokens, jaccard).unwrap_or(0.0);
    let level = match mean {
        high if high >= 0.7 => Level::High,
        medium if medium >= 0.42 => Level::Medium,
        _ => Level::Low,
    };
    Some(Consistency { mean, level, best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_sample_wins_whatever_its_spacing() {
        let verdict = self_consistency(&["no", "yes  it is", "yes it\nis"]).unwrap();
        assert_eq!(verdict.best, 1);
        assert_eq!(verdict.level, Level::Low);
        assert_eq!(self_consistency(&["a b", "a b"]).unwrap().level, Level::High);
        assert_eq!(self_consistency(&["a"]).unwrap().level, Level::Low);
        assert_eq!(self_consistency(&[]), None);
    }
}
