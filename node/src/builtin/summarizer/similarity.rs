//! TF-IDF vectors of sentences and the graph of their cosines.

use super::document::Document;
use crate::builtin::text::Edges;

/// Cosines below this are chance.
const MIN_SIMILARITY: f64 = 0.05;

/// Edges that one sentence brings in; what is farther away does not change its rank.
const MAX_NEIGHBOURS: usize = 64;

/// Sentences from which on frequent terms join nothing.
const LONG: usize = 400;

/// A sparse vector of length 1, or without components; ordered by term.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vector(Vec<(usize, f64)>);

impl Vector {
    /// Counts of sorted `terms`, each times its weight, scaled to length 1.
    pub(super) fn of(terms: &[usize], weight: impl Fn(usize) -> f64) -> Self {
        let mut vector: Vec<(usize, f64)> = terms
            .chunk_by(|a, b| a == b)
            .map(|same| (same[0], same.len() as f64 * weight(same[0])))
            .collect();
        let length = vector.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
        for (_, value) in &mut vector {
            *value /= length;
        }
        Self(vector)
    }
}

/// Cosine of two vectors, 0 to 1.
pub(super) fn cosine(a: &Vector, b: &Vector) -> f64 {
    let (mut left, mut right, mut sum) = (a.0.iter().peekable(), b.0.iter().peekable(), 0.0);
    while let (Some(&&(term, x)), Some(&&(other, y))) = (left.peek(), right.peek()) {
        match term.cmp(&other) {
            std::cmp::Ordering::Less => _ = left.next(),
            std::cmp::Ordering::Greater => _ = right.next(),
            std::cmp::Ordering::Equal => {
                sum += x * y;
                left.next();
                right.next();
            }
        }
    }
    sum
}

/// One vector per sentence, terms weighted by how few sentences hold them.
pub(super) fn vectors(document: &Document) -> Vec<Vector> {
    let mut holders = vec![0_usize; document.terms];
    for sentence in &document.sentences {
        for same in sentence.terms.chunk_by(|a, b| a == b) {
            holders[same[0]] += 1;
        }
    }
    let total = document.sentences.len() as f64;
    let weight = |term: usize| (1.0 + total / (1.0 + holders[term] as f64)).ln();
    document
        .sentences
        .iter()
        .map(|sentence| Vector::of(&sentence.terms, weight))
        .collect()
}

/// Joins sentences whose cosine is not chance, each with at least its [`MAX_NEIGHBOURS`] nearest. Works term by term, so
/// that sentences without a common term cost nothing.
pub(super) fn edges(vectors: &[Vector]) -> Edges {
    let holders = holders(vectors);
    let mut edges: Edges = vec![Vec::new(); vectors.len()];
    let mut sums = vec![0.0; vectors.len()];
    for (at, vector) in vectors.iter().enumerate() {
        let mut touched = Vec::new();
        for &(term, value) in &vector.0 {
            for &(other, weight) in &holders[term] {
                if sums[other] == 0.0 {
                    touched.push(other);
                }
                sums[other] += value * weight;
            }
        }
        let mut nearest: Vec<(usize, f64)> = touched
            .into_iter()
            .map(|other| (other, std::mem::take(&mut sums[other])))
            .filter(|&(other, similarity)| other != at && similarity >= MIN_SIMILARITY)
            .collect();
        nearest.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        nearest.truncate(MAX_NEIGHBOURS);
        for (other, similarity) in nearest {
            edges[at].push((other, similarity));
            edges[other].push((at, similarity));
        }
    }
    for out in &mut edges {
        // Two that are near each other joined themselves twice.
        out.sort_unstable_by_key(|&(other, _)| other);
        out.dedup_by_key(|&mut (other, _)| other);
    }
    edges
}

/// For each term the sentences that hold it and its weight there; none for a term of every fourth sentence in a long text,
/// which joins everything to everything.
fn holders(vectors: &[Vector]) -> Vec<Vec<(usize, f64)>> {
    let terms = vectors
        .iter()
        .flat_map(|vector| vector.0.last())
        .map(|&(term, _)| term + 1);
    let mut holders = vec![Vec::new(); terms.max().unwrap_or(0)];
    for (at, vector) in vectors.iter().enumerate() {
        for &(term, value) in &vector.0 {
            holders[term].push((at, value));
        }
    }
    if vectors.len() >= LONG {
        for holders in &mut holders {
            if holders.len() > vectors.len() / 4 {
                holders.clear();
            }
        }
    }
    holders
}

/// How much of the text the chosen sentences cover, 0 to 1: the cosine of their sum and the sum of all.
pub(super) fn coverage(vectors: &[Vector], chosen: &[usize]) -> f64 {
    let whole = sum(vectors.iter());
    let part = sum(chosen.iter().map(|&at| &vectors[at]));
    cosine(&part, &whole).clamp(0.0, 1.0)
}

fn sum<'a>(vectors: impl Iterator<Item = &'a Vector>) -> Vector {
    let mut all: Vec<(usize, f64)> = vectors.flat_map(|vector| vector.0.iter().copied()).collect();
    all.sort_by_key(|&(term, _)| term);
    let sums: Vec<(usize, f64)> = all
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| (same[0].0, same.iter().map(|(_, value)| value).sum()))
        .collect();
    let length = sums.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
    Vector(
        sums.into_iter()
            .map(|(term, value)| (term, value / length))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_those_of_the_counts() {
        let (a, b) = (Vector::of(&[1, 1, 2], |_| 1.0), Vector::of(&[2, 3], |_| 1.0));
        assert!((cosine(&a, &b) - 1.0 / (5_f64.sqrt() * 2_f64.sqrt())).abs() < 1e-12);
        assert!((cosine(&a, &a) - 1.0).abs() < 1e-12);
        assert_eq!(cosine(&a, &Vector::of(&[], |_| 1.0)), 0.0);
    }

    #[test]
    fn the_graph_agrees_with_the_pairwise_cosines() {
        let texts: [&[usize]; 4] = [&[0, 1, 2], &[2, 3], &[4], &[0, 0, 2]];
        let vectors: Vec<Vector> = texts.iter().map(|terms| Vector::of(terms, |_| 1.0)).collect();
        let edges = edges(&vectors);
        for (a, out) in edges.iter().enumerate() {
            for b in 0..vectors.len() {
                let joined = out.iter().find(|(to, _)| *to == b).map_or(0.0, |(_, w)| *w);
                let expected = if a == b {
                    0.0
                } else {
                    cosine(&vectors[a], &vectors[b])
                };
                assert!((joined - expected).abs() < 1e-12, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_text_of_one_word_joins_no_more_than_its_share() {
        let alike = edges(&vec![Vector::of(&[0], |_| 1.0); 300]);
        let all: usize = alike.iter().map(Vec::len).sum();
        assert!(all <= 2 * MAX_NEIGHBOURS * 300);
        assert!(alike.iter().all(|out| out.len() >= MAX_NEIGHBOURS));
        let frequent = edges(&vec![Vector::of(&[0], |_| 1.0); LONG]);
        assert!(frequent.iter().all(Vec::is_empty));
    }
}
