//! Words to terms: the text's language, its stop words and its stems.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

/// Languages with both a stop list and a stemmer; the first wins ties and stands for any other.
const LANGUAGES: &[(&str, Algorithm)] = &[
    ("en", Algorithm::English),
    ("de", Algorithm::German),
    ("fr", Algorithm::French),
    ("es", Algorithm::Spanish),
    ("it", Algorithm::Italian),
    ("pt", Algorithm::Portuguese),
    ("nl", Algorithm::Dutch),
    ("sv", Algorithm::Swedish),
    ("da", Algorithm::Danish),
    ("fi", Algorithm::Finnish),
    ("hu", Algorithm::Hungarian),
    ("ro", Algorithm::Romanian),
    ("ru", Algorithm::Russian),
    ("tr", Algorithm::Turkish),
];

/// Words looked at to tell the language.
const SAMPLE: usize = 2_000;

/// Turns words of one language into terms.
pub(in crate::builtin) struct Lexicon {
    language: &'static str,
    stop_words: Vec<&'static str>,
    stemmer: Stemmer,
}

impl Lexicon {
    /// The lexicon of the language whose stop words are most frequent at the start of `text`.
    pub(in crate::builtin) fn of(text: &str) -> Self {
        let sample: Vec<String> = text.unicode_words().take(SAMPLE).map(str::to_lowercase).collect();
        let mut best: Option<(usize, &'static str, Algorithm, Vec<&'static str>)> = None;
        for &(language, algorithm) in LANGUAGES {
            let stop_words = stop_words(language);
            let hits = sample
                .iter()
                .filter(|word| stop_words.binary_search(&word.as_str()).is_ok())
                .count();
            if best.as_ref().is_none_or(|&(most, ..)| hits > most) {
                best = Some((hits, language, algorithm, stop_words));
            }
        }
        let (_, language, algorithm, stop_words) = best.expect("LANGUAGES is not empty");
        Self {
            language,
            stop_words,
            stemmer: Stemmer::create(algorithm),
        }
    }

    /// ISO 639-1 code.
    pub(in crate::builtin) const fn language(&self) -> &'static str {
        self.language
    }

    /// Whether `word`, in lower case, carries no meaning of its own.
    pub(in crate::builtin) fn is_stop_word(&self, word: &str) -> bool {
        self.stop_words.binary_search(&word).is_ok()
    }

    /// The stem of a word in lower case.
    pub(in crate::builtin) fn stem(&self, word: &str) -> String {
        self.stemmer.stem(word).into_owned()
    }

    /// Stems of the words that carry meaning, in order, repeats kept.
    pub(in crate::builtin) fn terms(&self, text: &str) -> Vec<String> {
        text.unicode_words()
            .map(str::to_lowercase)
            .filter(|word| carries_meaning(word) && !self.is_stop_word(word))
            .map(|word| self.stem(&word))
            .collect()
    }
}

/// Numbers and single Latin letters say nothing about the topic; a single ideograph does.
pub(in crate::builtin) fn carries_meaning(word: &str) -> bool {
    word.chars().any(char::is_alphabetic) && (word.chars().count() > 1 || !word.is_ascii())
}

fn stop_words(language: &str) -> Vec<&'static str> {
    let mut words = stop_words::lookup(language).unwrap_or_default().to_vec();
    words.sort_unstable();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_stop_list() {
        for (language, _) in LANGUAGES {
            assert!(stop_words(language).len() > 50, "{language}");
        }
    }

    #[test]
    fn the_language_is_told_by_its_stop_words() {
        assert_eq!(
            Lexicon::of("The router holds the budget of a request.").language(),
            "en"
        );
        assert_eq!(
            Lexicon::of("Der Router hält das Budget für eine Anfrage und gibt es zurück.").language(),
            "de"
        );
        assert_eq!(
            Lexicon::of("Le routeur réserve le budget de la requête et le rend.").language(),
            "fr"
        );
        assert_eq!(Lexicon::of("").language(), "en");
    }

    #[test]
    fn terms_are_stems_of_words_with_meaning() {
        let lexicon = Lexicon::of("the and of it is");
        assert_eq!(
            lexicon.terms("The routers are routing 42 requests to a router"),
            ["router", "rout", "request", "router"]
        );
    }
}
