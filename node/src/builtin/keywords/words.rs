//! Text to runs of words that carry meaning.

use std::collections::BTreeMap;

use unicode_segmentation::UnicodeSegmentation;

use super::MAX_WORDS;
use crate::builtin::text::{Lexicon, blocks, carries_meaning};

/// Words, by stem, that English stop lists lack and that name no topic; sorted.
pub(super) const FILLERS: &[&str] = &[
    "also", "anoth", "differ", "done", "due", "each", "end", "etc", "even", "everi", "exampl", "first",
    "five", "four", "get", "give", "go", "includ", "inde", "instead", "know", "last", "least", "like",
    "look", "made", "make", "mani", "may", "might", "much", "must", "need", "new", "next", "one", "onli",
    "per", "put", "second", "see", "sever", "shall", "sinc", "six", "still", "take", "ten", "thing", "third",
    "three", "time", "two", "unless", "use", "via", "want", "way", "well", "whether", "within", "without",
    "would", "yet",
];

/// A word as it stands.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// As written.
    pub text: String,
    /// Number of its stem.
    pub term: usize,
    /// Whether a hyphen joins it to the word before.
    pub is_hyphenated: bool,
}

/// A text as runs of words, broken by stop words, punctuation and the ends of blocks.
pub(super) struct Runs {
    /// ISO 639-1 code.
    pub language: &'static str,
    /// In order; none is empty.
    pub runs: Vec<Vec<Word>>,
    /// How many different terms there are.
    pub terms: usize,
}

/// Reads a Markdown or plain text.
pub(super) fn runs(body: &str) -> Runs {
    let lexicon = Lexicon::of(body);
    let mut numbers = BTreeMap::new();
    let mut runs = Vec::new();
    let mut count = 0;
    for block in blocks(body) {
        let mut run = Vec::new();
        let mut is_hyphenated = false;
        for piece in block.text.split_word_bounds() {
            let lower = piece.to_lowercase();
            let stem = lexicon.stem(&lower);
            let is_filler = lexicon.language() == "en" && FILLERS.binary_search(&stem.as_str()).is_ok();
            if count < MAX_WORDS && carries_meaning(&lower) && !lexicon.is_stop_word(&lower) && !is_filler {
                let next = numbers.len();
                let term = *numbers.entry(stem).or_insert(next);
                run.push(Word {
                    text: piece.to_owned(),
                    term,
                    is_hyphenated,
                });
                count += 1;
            } else if piece != "-" && !piece.chars().all(char::is_whitespace) && !run.is_empty() {
                runs.push(std::mem::take(&mut run));
            }
            is_hyphenated = piece == "-";
        }
        if !run.is_empty() {
            runs.push(run);
        }
    }
    Runs {
        language: lexicon.language(),
        runs,
        terms: numbers.len(),
    }
}
