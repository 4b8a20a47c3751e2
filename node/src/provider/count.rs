//! Output tokens of an answer as it passes, for providers that report no usage.
//!
//! Providers mostly send a token in a piece, and a token is four bytes on average (atp.md 17.1): the larger of both counts
//! stands, so that neither many tokens in one piece nor many short ones go uncounted.

use std::sync::LazyLock;

use memchr::memchr2_iter;
use memchr::memmem::Finder;

/// Bytes of a token.
const TOKEN_BYTES: u64 = 4;

/// Counts the output of one stream.
#[derive(Debug, Default)]
pub(super) struct OutputCount {
    pieces: u64,
    bytes: u64,
    told: u64,
}

impl OutputCount {
    /// Takes a piece of `bytes`; how many tokens there are more than before.
    pub(super) fn piece(&mut self, bytes: usize) -> u32 {
        if bytes == 0 {
            return 0;
        }
        self.pieces += 1;
        self.bytes += bytes as u64;
        let tokens = self.pieces.max(self.bytes.div_ceil(TOKEN_BYTES));
        let more = tokens - self.told;
        self.told = tokens;
        u32::try_from(more).unwrap_or(u32::MAX)
    }
}

/// Tokens of an answer in one piece.
pub(super) fn whole(bytes: usize) -> u32 {
    OutputCount::default().piece(bytes)
}

/// A member's name, to be found without parsing.
pub(super) struct Key(LazyLock<Finder<'static>>);

impl Key {
    /// `finder` finds the name with its closing quote.
    pub(super) const fn new(finder: fn() -> Finder<'static>) -> Self {
        Self(LazyLock::new(finder))
    }

    /// Whether a member of this name has another value than null and the empty string. Quotes inside of texts are
    /// escaped, so that no text of the model can look like a member.
    pub(super) fn says_something(&self, data: &[u8]) -> bool {
        self.values(data).any(|value| value_bytes(value) > 0)
    }

    /// Bytes of the values of all members of this name, as they are written.
    pub(super) fn bytes(&self, data: &[u8]) -> usize {
        self.values(data).map(value_bytes).sum()
    }

    /// What follows the colon of each member of this name.
    fn values<'d>(&self, data: &'d [u8]) -> impl Iterator<Item = &'d [u8]> {
        self.0.find_iter(data).filter_map(move |at| {
            let rest = data[at + self.0.needle().len()..].trim_ascii_start();
            rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start)
        })
    }
}

/// Bytes of the text that `rest` begins with, without quotes and the backslashes of escapes; 1 for another value than null,
/// such as the probabilities of tokens, which are not output.
fn value_bytes(rest: &[u8]) -> usize {
    let Some(text) = rest.strip_prefix(b"\"") else {
        return usize::from(!rest.starts_with(b"null"));
    };
    let (mut escaped, mut escapes) = (None, 0);
    for at in memchr2_iter(b'"', b'\\', text) {
        match text[at] {
            _ if escaped == Some(at) => {}
            b'"' => return at - escapes,
            _ => {
                escaped = Some(at + 1);
                escapes += 1;
            }
        }
    }
    text.len() - escapes
}

#[cfg(test)]
mod tests {
    use super::*;

    static CONTENT: Key = Key::new(|| Finder::new("content\""));

    #[test]
    fn the_larger_of_pieces_and_bytes_counts() {
        let mut count = OutputCount::default();
        let short: u32 = (0..10).map(|_| count.piece(1)).sum();
        assert_eq!(short, 10, "ten tokens of a byte");
        assert_eq!(count.piece(30_000), 7_503 - 10, "and thousands in one piece");
        assert_eq!(count.piece(0), 0);
        assert_eq!(whole(30_000), 7_500);
    }

    #[test]
    fn values_end_at_the_quote_that_is_not_escaped() {
        let bytes = |data: &str| CONTENT.bytes(data.as_bytes());
        assert_eq!(bytes(r#"{"content":"four","x":"y"}"#), 4);
        assert_eq!(bytes(r#"{"content": "a\"b\\"}"#), 4);
        assert_eq!(bytes(r#"{"logprobs":{"content":[{"token":"a"}]}}"#), 1);
        assert_eq!(bytes(r#"{"content":"a","reasoning_content":"bc"}"#), 3);
        assert_eq!(bytes(r#"{"content":null,"role":"assistant"}"#), 0);
        assert_eq!(bytes(r#"{"content":"cut"#), 3);
        assert!(!CONTENT.says_something(br#"{"content":""}"#));
    }
}
