//! Canonical finding types and the key findings are grouped by (atp.md 21.1, "Canonicaliser").

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use atp_protocol::finding::Finding;

/// Other words for a finding type, looked up without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aliases(BTreeMap<String, String>);

impl Default for Aliases {
    /// The built-in table.
    fn default() -> Self {
        let mut table = Self(BTreeMap::new());
        for alias in [
            "audience claim missing",
            "no aud check",
            "missing aud",
            "missing audience check",
        ] {
            table.add(alias, "code.vuln.aud_check_missing");
        }
        table
    }
}

impl Aliases {
    /// The built-in table, made once.
    #[must_use]
    pub fn built_in() -> Arc<Self> {
        static TABLE: LazyLock<Arc<Aliases>> = LazyLock::new(Arc::default);
        Arc::clone(&TABLE)
    }

    /// Makes `alias` another word for the type `to`; a later entry replaces an earlier one.
    pub fn add(&mut self, alias: &str, to: &str) {
        self.0.insert(alias.trim().to_lowercase(), to.to_owned());
    }

    /// The type meant by `kind`; a type without an alias stays as it is.
    #[must_use]
    pub fn canonical<'a>(&'a self, kind: &'a str) -> &'a str {
        self.0
            .get(&kind.trim().to_lowercase())
            .map_or(kind, String::as_str)
    }
}

/// Findings of equal key speak of the same thing: `file : span : type`, with `unknown` for what is absent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    file: String,
    span: String,
    kind: String,
}

impl GroupKey {
    /// The key of a finding whose type is canonical already.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        let or_unknown = |part: &Option<String>| part.clone().unwrap_or_else(|| "unknown".to_owned());
        Self {
            file: or_unknown(&finding.file),
            span: or_unknown(&finding.span),
            kind: finding.kind.clone(),
        }
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.span, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_alias_wins_over_the_built_in_one() {
        let mut aliases = Aliases::default();
        assert_eq!(aliases.canonical("Missing AUD"), "code.vuln.aud_check_missing");
        aliases.add("missing aud", "code.vuln.jwt");
        assert_eq!(aliases.canonical("missing aud"), "code.vuln.jwt");
        assert_eq!(aliases.canonical("Own.Type"), "Own.Type");
    }
}
