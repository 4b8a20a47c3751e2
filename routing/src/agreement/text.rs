//! Text strategies (atp.md 21.2, "text strategies").

use super::tokens::{Tokens, jaccard};

/// All words of all texts, sorted, joined by one space.
#[must_use]
pub fn union(texts: &[&str]) -> String {
    let words: std::collections::BTreeSet<String> = texts
        .iter()
        .flat_map(|text| text.split_whitespace())
        .map(str::to_lowercase)
        .collect();
    words.into_iter().collect::<Vec<_>>().join(" ")
}

/// Position of the first text that occurs at least `max(1, quorum)` times, by first appearance.
#[must_use]
pub fn quorum(texts: &[&str], quorum: usize) -> Option<usize> {
    let enough = quorum.max(1);
    texts
        .iter()
        .position(|text| texts.iter().filter(|other| *other == text).count() >= enough)
}

/// Position and mean of the text most like the others, if that mean reaches `threshold`; the first on ties.
///
/// Two empty texts are not alike here, and a single text is like no other.
#[must_use]
pub fn two_phase(texts: &[Tokens], threshold: f64) -> Option<(usize, f64)> {
    let likeness = |a: &Tokens, b: &Tokens| {
        if a.is_empty() && b.is_empty() {
            0.0
        } else {
            jaccard(a, b)
        }
    };
    let mut best: Option<(usize, f64)> = None;
    for (at, text) in texts.iter().enumerate() {
        let sum: f64 = texts
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, other)| likeness(text, other))
            .sum();
        let mean = if texts.len() > 1 {
            sum / (texts.len() - 1) as f64
        } else {
            0.0
        };
        if best.is_none_or(|(_, highest)| mean > highest) {
            best = Some((at, mean));
        }
    }
    best.filter(|(_, mean)| *mean >= threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_counts_equal_texts_only() {
        assert_eq!(quorum(&["b", "a", "a"], 2), Some(1));
        assert_eq!(quorum(&["a ", "a"], 2), None);
    }

    #[test]
    fn the_proposal_is_the_text_nearest_to_all() {
        let texts = ["x y z", "x y", "x q"].map(Tokens::of);
        assert_eq!(two_phase(&texts, 0.3).map(|(at, _)| at), Some(1));
        assert_eq!(two_phase(&texts, 0.9), None);
    }
}
