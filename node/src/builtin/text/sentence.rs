//! Running text to sentences.

use unicode_segmentation::UnicodeSegmentation;

/// Abbreviations after which a sentence goes on although a capital follows, without their last dot.
const ABBREVIATIONS: &[&str] = &[
    "approx", "art", "cf", "co", "corp", "dept", "dr", "e.g", "ed", "eq", "est", "fig", "i.e", "inc", "jr",
    "ltd", "mr", "mrs", "ms", "no", "nr", "pp", "prof", "ref", "sec", "sr", "st", "vol", "vs", "z.b", "bzw",
];

/// The sentences of one block, in order, each without surrounding white space.
///
/// Boundaries of Unicode annex 29, less those after abbreviations, initials and list numbers.
pub(in crate::builtin) fn sentences(block: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, piece) in block.split_sentence_bound_indices() {
        let end = at + piece.len();
        if end < block.len() && goes_on(&block[start..end]) {
            continue;
        }
        let sentence = block[start..end].trim();
        if !sentence.is_empty() {
            found.push(sentence);
        }
        start = end;
    }
    found
}

fn goes_on(piece: &str) -> bool {
    let Some(body) = piece.trim_end().strip_suffix('.') else {
        return false;
    };
    let last = body
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default();
    let is_initial = last.chars().count() == 1 && last.chars().all(char::is_uppercase);
    let is_number = last.len() == body.len() && !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    is_initial || is_number || ABBREVIATIONS.contains(&last.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_stops_and_not_at_abbreviations() {
        assert_eq!(
            sentences("Dr. Smith measured 3.5 ms (cf. Fig. 2). It held! Did it? J. R. Doe agreed."),
            [
                "Dr. Smith measured 3.5 ms (cf. Fig. 2).",
                "It held!",
                "Did it?",
                "J. R. Doe agreed."
            ]
        );
        assert_eq!(sentences("1. First step."), ["1. First step."]);
        assert_eq!(sentences("   "), Vec::<&str>::new());
        assert_eq!(sentences("He waited for Dr."), ["He waited for Dr."]);
    }
}
