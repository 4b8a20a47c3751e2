//! Which of the ranked sentences are said.

use super::document::Document;
use super::similarity::{Vector, cosine};

/// Share of rank in a sentence's value; the rest is novelty (maximal marginal relevance).
const RELEVANCE: f64 = 0.7;

/// Positions of the sentences to say, ascending, that together fit `budget` bytes; at least one.
///
/// Room is left unused rather than filled with sentences that rank below the average.
pub(super) fn choose(document: &Document, vectors: &[Vector], ranks: &[f64], budget: usize) -> Vec<usize> {
    let top = ranks.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut open = candidates(document, ranks);
    let length = |at: usize| document.sentences[at].text.len();
    if open.iter().any(|&at| length(at) <= budget) {
        open.retain(|&at| length(at) <= budget);
    }
    // Of each open sentence, its likeness to the nearest one chosen.
    let mut repeats = vec![0.0_f64; ranks.len()];
    let value = |at: usize, repeat: f64| RELEVANCE * ranks[at] / top - (1.0 - RELEVANCE) * repeat;
    let (mut chosen, mut room) = (Vec::new(), budget);
    loop {
        let best = open.iter().copied().reduce(|best, at| {
            if value(at, repeats[at]) > value(best, repeats[best]) {
                at
            } else {
                best
            }
        });
        let Some(best) = best else { break };
        // Two bytes for what stands between sentences.
        room = room.saturating_sub(length(best) + 2);
        chosen.push(best);
        open.retain(|&at| at != best && length(at) <= room);
        for &at in &open {
            repeats[at] = repeats[at].max(cosine(&vectors[at], &vectors[best]));
        }
    }
    chosen.sort_unstable();
    chosen
}

/// The sentences that can stand alone and rank above the average; every sentence, if there are none.
fn candidates(document: &Document, ranks: &[f64]) -> Vec<usize> {
    let mean = 1.0 / ranks.len() as f64;
    let good: Vec<usize> = (0..ranks.len())
        .filter(|&at| document.sentences[at].is_whole && ranks[at] > mean)
        .collect();
    if good.is_empty() {
        (0..ranks.len()).collect()
    } else {
        good
    }
}

/// The chosen sentences as they are streamed, and whether the only one had to be cut to fit.
///
/// A blank line stands between sentences of different sections.
pub(super) fn pieces(document: &Document, chosen: &[usize], budget: usize) -> (Vec<String>, bool) {
    let mut pieces = Vec::with_capacity(chosen.len());
    let mut section = None;
    for &at in chosen {
        let sentence = &document.sentences[at];
        let before = match section {
            None => "",
            Some(section) if section == sentence.section => " ",
            Some(_) => "\n\n",
        };
        section = Some(sentence.section);
        pieces.push(format!("{before}{}", sentence.text));
    }
    match &mut pieces[..] {
        [only] if only.len() > budget => {
            cut(only, budget);
            (pieces, true)
        }
        _ => (pieces, false),
    }
}

/// Shortens to at most `budget` bytes, at the end of a word if there is one.
fn cut(text: &mut String, budget: usize) {
    let room = text.floor_char_boundary(budget.saturating_sub("…".len()));
    let end = text[..room].rfind(' ').unwrap_or(room);
    text.truncate(end);
    text.push('…');
}
