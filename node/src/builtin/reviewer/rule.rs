//! What a rule is.

use atp_protocol::finding::Severity;

use super::language::Language;
use super::mask::View;

/// One thing that is wrong with code.
///
/// In `pattern` the group `at` marks where the defect stands (else the match does), `arg` the expression that becomes
/// dangerous when it comes from outside, and `value` a secret, of which only the first characters are quoted.
pub(super) struct Rule {
    /// Taxonomy key.
    pub kind: &'static str,
    /// Languages it applies to; empty for all.
    pub languages: &'static [Language],
    /// What it looks at.
    pub view: View,
    /// What it matches, in verbose syntax.
    pub pattern: &'static str,
    /// Each must match in its region.
    pub requires: &'static [(Region, &'static str)],
    /// None may match in its region.
    pub unless: &'static [(Region, &'static str)],
    /// What the origin of the group `arg` decides.
    pub origin: Origin,
    /// Whether a comment beside the match excuses it.
    pub is_excused_by_comment: bool,
    /// Whether it applies to tests and examples, at half its confidence.
    pub in_tests: bool,
    /// A last look at the group `value`.
    pub accepts: fn(&str) -> bool,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the rule is, 0 to 1.
    pub confidence: f64,
    /// What is wrong.
    pub claim: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// Where a condition of a rule is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Region {
    /// In the matched text.
    Match,
    /// From the match to the parenthesis that closes its call. A call that the block cuts off decides nothing, so the
    /// rule is silent there.
    Call,
    /// In the matched lines, this many before and this many after.
    Lines(usize, usize),
    /// Anywhere in the file's path.
    Path,
}

/// What it means that the group `arg` comes from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Origin {
    /// Nothing.
    Ignored,
    /// The rule is this sure then, and the severity is high.
    Raises(f64),
    /// The rule applies only then.
    Required,
}

impl Rule {
    /// What rules have in common.
    pub(super) const DEFAULT: Self = Self {
        kind: "",
        languages: &[],
        view: View::Code,
        pattern: "",
        requires: &[],
        unless: &[],
        origin: Origin::Ignored,
        is_excused_by_comment: false,
        in_tests: false,
        accepts: |_| true,
        severity: Severity::Medium,
        confidence: 0.5,
        claim: "",
        fix: "",
    };
}
