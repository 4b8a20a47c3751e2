//! The text as sentences with their terms and places.

use std::collections::BTreeMap;

use super::similarity::{Vector, cosine};
use crate::builtin::text::{BlockKind, Lexicon, blocks, sentences};

/// Terms a sentence needs to say something by itself.
const MIN_TERMS: usize = 5;

/// A text made ready for ranking.
pub(super) struct Document {
    /// ISO 639-1 code.
    pub language: &'static str,
    /// Sentences in order.
    pub sentences: Vec<Sentence>,
    /// Terms of all headings, by number, sorted.
    pub headings: Vec<usize>,
    /// How many different terms there are.
    pub terms: usize,
}

/// One sentence.
pub(super) struct Sentence {
    /// As it stands in the text, white space made single.
    pub text: String,
    /// Its terms by number, sorted, repeats kept.
    pub terms: Vec<usize>,
    /// The section it stands in, from 0.
    pub section: usize,
    /// Whether it opens its block.
    pub is_opening: bool,
    /// Whether it can stand alone: long enough, closed, and not an introduction to what follows.
    pub is_whole: bool,
}

impl Document {
    /// Reads a Markdown or plain text.
    pub(super) fn read(body: &str) -> Self {
        let lexicon = Lexicon::of(body);
        let mut numbers = BTreeMap::new();
        let mut number = |text: &str| {
            let mut terms: Vec<usize> = lexicon
                .terms(text)
                .into_iter()
                .map(|term| {
                    let next = numbers.len();
                    *numbers.entry(term).or_insert(next)
                })
                .collect();
            terms.sort_unstable();
            terms
        };
        let (mut found, mut headings, mut section) = (Vec::new(), Vec::new(), 0);
        for block in blocks(body) {
            if block.kind == BlockKind::Heading {
                section += 1;
                headings.extend(number(&block.text));
                continue;
            }
            for (at, sentence) in sentences(&block.text).into_iter().enumerate() {
                let terms = number(sentence);
                found.push(Sentence {
                    is_whole: is_whole(sentence, &terms),
                    text: sentence.to_owned(),
                    terms,
                    section,
                    is_opening: at == 0,
                });
            }
        }
        headings.sort_unstable();
        Self {
            language: lexicon.language(),
            sentences: found,
            headings,
            terms: numbers.len(),
        }
    }

    /// Where the reader's eye goes: to the lead, to what opens a paragraph, and to what the headings name.
    pub(super) fn prior(&self, vectors: &[Vector]) -> Vec<f64> {
        let headings = Vector::of(&self.headings, |_| 1.0);
        self.sentences
            .iter()
            .zip(vectors)
            .enumerate()
            .map(|(at, (sentence, vector))| {
                let lead = 1.0 / (1 + at) as f64;
                let opening = if sentence.is_opening { 0.3 } else { 0.0 };
                let weight = 1.0 + lead + opening + 2.0 * cosine(vector, &headings);
                if sentence.is_whole { weight } else { 0.1 * weight }
            })
            .collect()
    }
}

fn is_whole(sentence: &str, terms: &[usize]) -> bool {
    let is_closed = sentence
        .trim_end_matches(['"', '\'', ')', ']', '”', '’', '»', '*'])
        .ends_with(['.', '!', '?', '…', '。', '！', '？']);
    is_closed && terms.len() >= MIN_TERMS && !sentence.ends_with('?')
}
