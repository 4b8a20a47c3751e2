//! Texts as sets of words (atp.md 21.2, "lexical agreement" and "pairwise similarity").

use std::collections::BTreeSet;

/// Words of one text that are compared; the rest of a longer text is not.
pub const MAX_WORDS: usize = 16_384;

/// The lower-cased, whitespace-separated words of an answer, as a set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(BTreeSet<String>);

impl Tokens {
    /// The words of `text`, at most the first [`MAX_WORDS`].
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(
            text.split_whitespace()
                .take(MAX_WORDS)
                .map(str::to_lowercase)
                .collect(),
        )
    }

    /// Adds one more; ignored once [`MAX_WORDS`] are held.
    pub fn insert(&mut self, token: String) {
        if self.0.len() < MAX_WORDS {
            self.0.insert(token);
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many of these words `other` holds too.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> usize {
        self.0.intersection(&other.0).count()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Size of the intersection of two sets over that of their union; 1 when both are empty.
#[must_use]
pub fn jaccard(a: &Tokens, b: &Tokens) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let shared = a.shared_with(b);
    shared as f64 / (a.len() + b.len() - shared) as f64
}

/// Size of the intersection of all sets over that of the union of all; 0 when the union is empty.
#[must_use]
pub fn lexical_agreement(texts: &[Tokens]) -> f64 {
    let all: BTreeSet<&str> = texts.iter().flat_map(Tokens::iter).collect();
    if all.is_empty() {
        return 0.0;
    }
    let common = all
        .iter()
        .filter(|word| texts.iter().all(|text| text.0.contains(**word)))
        .count();
    common as f64 / all.len() as f64
}

/// Mean of `similarity` over all pairs of `items`; `None` below two items.
pub fn mean_pairwise<T>(items: &[T], similarity: impl Fn(&T, &T) -> f64) -> Option<f64> {
    let mut sum = 0.0;
    let mut pairs = 0_u32;
    for (at, a) in items.iter().enumerate() {
        for b in &items[at + 1..] {
            sum += similarity(a, b);
            pairs += 1;
        }
    }
    (pairs > 0).then(|| sum / f64::from(pairs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_differ_by_more_than_case_and_order() {
        assert_eq!(Tokens::of("One  two\nTWO"), Tokens::of("two one"));
        assert!((jaccard(&Tokens::of("a b"), &Tokens::of("b c")) - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn emptiness_is_likeness_for_a_pair_and_no_agreement_for_a_group() {
        assert_eq!(jaccard(&Tokens::of(""), &Tokens::of(" ")), 1.0);
        assert_eq!(lexical_agreement(&[Tokens::of(""), Tokens::of("")]), 0.0);
    }

    proptest! {
        #[test]
        fn similarity_is_symmetric_and_within_bounds(a in "[a-d ]{0,12}", b in "[a-d ]{0,12}") {
            let (a, b) = (Tokens::of(&a), Tokens::of(&b));
            prop_assert_eq!(jaccard(&a, &b), jaccard(&b, &a));
            prop_assert!((0.0..=1.0).contains(&jaccard(&a, &b)));
            prop_assert_eq!(jaccard(&a, &a), 1.0);
        }

        #[test]
        fn one_more_text_never_raises_agreement(texts in prop::collection::vec("[a-d ]{1,12}", 1..5), more in "[a-d ]{1,12}") {
            let mut tokens: Vec<Tokens> = texts.iter().map(|text| Tokens::of(text)).collect();
            prop_assume!(tokens.iter().any(|text| !text.is_empty()));
            let before = lexical_agreement(&tokens);
            tokens.push(Tokens::of(&more));
            prop_assert!(lexical_agreement(&tokens) <= before);
        }
    }
}
