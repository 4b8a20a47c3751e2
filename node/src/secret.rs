//! Secrets in memory (design section 11): wiped on drop, and a type that cannot be formatted or serialised by accident.

use zeroize::Zeroizing;

/// A secret text, such as a provider key.
///
/// Deliberately without `Debug`, `Display` and `Serialize`: a structure that holds one cannot be logged either.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text; the buffer it came in is the one that will be wiped.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that sends or compares it. Never for a log line or an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_only_where_it_is_exposed() {
        assert_eq!(Secret::new("k-1".to_owned()).expose(), "k-1");
    }
}
