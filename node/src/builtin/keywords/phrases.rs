//! Runs of words to ranked phrases.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{Runs, Word};
use crate::builtin::text::page_rank;

/// Words a phrase may have; longer runs are lists or names of no use as a keyword.
const MAX_PHRASE: usize = 3;

/// Words that stand at most this far apart are joined.
const WINDOW: usize = 3;

/// A phrase and its worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Keyword {
    /// As most often written.
    pub text: String,
    /// Relative to the best, which has 1.
    pub score: f64,
    /// How often it occurs.
    pub count: usize,
    /// Its words' terms, sorted.
    pub terms: Vec<usize>,
}

/// Phrases, best first; none consists mostly of terms that better ones have.
pub(super) fn rank(runs: &Runs) -> Vec<Keyword> {
    let ranks = word_ranks(runs);
    let phrases = occurrences(runs);
    let within = counts_within_longer(&phrases);
    let mut found: Vec<Keyword> = phrases
        .into_iter()
        .map(|(terms, writings)| {
            let count = count(&writings);
            // What a word does within a longer phrase speaks for that phrase.
            let alone = count - within.get(&terms).map_or(0, |&within| within.min(count - 1));
            let sum: f64 = terms.iter().map(|&term| ranks[term]).sum();
            Keyword {
                text: usual(&writings),
                // A longer phrase says more, but not as much more as it has words.
                score: sum / (terms.len() as f64).powf(0.25) * (1.0 + (alone as f64).ln()),
                count,
                terms,
            }
        })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.terms.cmp(&b.terms)));
    let best = found.first().map_or(1.0, |keyword| keyword.score);
    let mut named = BTreeSet::new();
    found.retain_mut(|keyword| {
        keyword.score /= best;
        let fresh = keyword.terms.iter().filter(|term| !named.contains(*term)).count();
        named.extend(keyword.terms.iter().copied());
        2 * fresh >= keyword.terms.len()
    });
    found
}

/// Of each phrase, how often the longer phrase that holds it most does so.
fn counts_within_longer(phrases: &BTreeMap<Vec<usize>, Writings>) -> BTreeMap<Vec<usize>, usize> {
    let mut within: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    for (terms, writings) in phrases.iter().filter(|(terms, _)| terms.len() > 1) {
        for left_out in 0..terms.len() {
            let mut rest = terms.clone();
            let single = vec![rest.remove(left_out)];
            for part in [rest, single] {
                let most = within.entry(part).or_default();
                *most = count(writings).max(*most);
            }
        }
    }
    within
}

/// Share of all words that belong to the chosen phrases.
pub(super) fn coverage(runs: &Runs, keywords: &[Keyword]) -> f64 {
    let named: BTreeSet<usize> = keywords
        .iter()
        .flat_map(|keyword| keyword.terms.iter().copied())
        .collect();
    let words = || runs.runs.iter().flatten();
    words().filter(|word| named.contains(&word.term)).count() as f64 / words().count().max(1) as f64
}

fn word_ranks(runs: &Runs) -> Vec<f64> {
    let mut joined: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let words: Vec<&Word> = runs.runs.iter().flatten().collect();
    for (at, word) in words.iter().enumerate() {
        for (distance, other) in words[at + 1..].iter().take(WINDOW).enumerate() {
            if word.term != other.term {
                let pair = (word.term.min(other.term), word.term.max(other.term));
                *joined.entry(pair).or_default() += 1.0 / (1 + distance) as f64;
            }
        }
    }
    let mut edges = vec![Vec::new(); runs.terms];
    for ((a, b), weight) in joined {
        edges[a].push((b, weight));
        edges[b].push((a, weight));
    }
    page_rank(&edges, &vec![1.0; runs.terms])
}

/// How each phrase is written, how often, and where first.
type Writings = BTreeMap<String, (usize, usize)>;

/// Every phrase of up to three words, by its terms.
///
/// Phrases of several words must occur as a whole run, or twice: parts of a long run are not phrases by themselves.
fn occurrences(runs: &Runs) -> BTreeMap<Vec<usize>, Writings> {
    let mut found: BTreeMap<Vec<usize>, (bool, Writings)> = BTreeMap::new();
    for (at, run) in runs.runs.iter().enumerate() {
        for length in 1..=MAX_PHRASE.min(run.len()) {
            for words in run.windows(length) {
                let mut terms: Vec<usize> = words.iter().map(|word| word.term).collect();
                terms.sort_unstable();
                terms.dedup();
                if terms.len() < length {
                    continue;
                }
                let mut text = words[0].text.clone();
                for word in &words[1..] {
                    text.push(if word.is_hyphenated { '-' } else { ' ' });
                    text.push_str(&word.text);
                }
                let (is_run, writings) = found.entry(terms).or_default();
                *is_run |= length == run.len();
                writings.entry(text).or_insert((0, at)).0 += 1;
            }
        }
    }
    found
        .into_iter()
        .filter(|(terms, (is_run, writings))| {
            let count = count(writings);
            terms.len() == 1 || *is_run && count > 1 || count > 2
        })
        .map(|(terms, (_, writings))| (terms, writings))
        .collect()
}

fn count(writings: &Writings) -> usize {
    writings.values().map(|(count, _)| count).sum()
}

/// The most frequent writing, the earliest among equals.
fn usual(writings: &Writings) -> String {
    writings
        .iter()
        .min_by_key(|(_, (count, first))| (usize::MAX - count, *first))
        .map(|(text, _)| text.clone())
        .unwrap_or_default()
}
