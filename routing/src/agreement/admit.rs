//! Which reported findings count (atp.md 21.1, routing.md section 14).

use atp_protocol::finding::{Evidence, Finding};

use super::alias::Aliases;
use super::lines::parse_lines;

/// Findings one lane may report; the rest are rejected.
pub const MAX_FINDINGS: usize = 200;
const MAX_CLAIM_CHARS: usize = 2_000;
const MAX_CONTENT_CHARS: usize = 500;
const MAX_TYPE_BYTES: usize = 256;
const MAX_LIST: usize = 50;

/// Why a finding does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Rejection {
    /// Beyond [`MAX_FINDINGS`].
    #[error("more than 200 findings in one lane")]
    TooMany,
    /// Not `F-` and 1 to 64 of `[A-Za-z0-9_-]`.
    #[error("id is not F- and 1 to 64 letters, digits, _ or -")]
    Id,
    /// Empty, or over 256 bytes.
    #[error("type is empty or over 256 bytes")]
    Type,
    /// Empty, or over 2 000 characters.
    #[error("claim is empty or over 2000 characters")]
    Claim,
    /// Not within 0 to 1.
    #[error("confidence is not within 0 to 1")]
    Confidence,
    /// Not `a-b` with 1 ≤ a ≤ b.
    #[error("span is not a-b with 1 <= a <= b")]
    Span,
    /// Too many items, lines that are no range, or content over 500 characters.
    #[error("evidence has over 50 items, malformed lines or content over 500 characters")]
    Evidence,
    /// More than 50.
    #[error("more than 50 tests")]
    Tests,
}

/// A finding that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its id, cut to 66 characters.
    pub id: String,
    /// What is wrong with it.
    pub why: Rejection,
}

/// What a lane reported, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Admitted {
    /// Well-formed findings under their canonical types, in the order reported.
    pub findings: Vec<Finding>,
    /// The others, to be named in `uncertainties`; never silently skipped.
    pub rejected: Vec<Rejected>,
}

/// Checks findings of one lane and replaces their types by the canonical ones.
#[must_use]
pub fn admit(findings: Vec<Finding>, aliases: &Aliases) -> Admitted {
    let mut admitted = Admitted::default();
    for mut finding in findings {
        let verdict = if admitted.findings.len() >= MAX_FINDINGS {
            Err(Rejection::TooMany)
        } else {
            check(&finding)
        };
        match verdict {
            Ok(()) => {
                finding.kind = aliases.canonical(&finding.kind).to_owned();
                admitted.findings.push(finding);
            }
            Err(why) => admitted.rejected.push(Rejected {
                id: finding.id.chars().take(66).collect(),
                why,
            }),
        }
    }
    admitted
}

fn check(finding: &Finding) -> Result<(), Rejection> {
    let is_id = finding.id.strip_prefix("F-").is_some_and(|rest| {
        (1..=64).contains(&rest.len())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    });
    let is_evidence = |item: &Evidence| {
        item.lines
            .as_deref()
            .is_none_or(|lines| parse_lines(lines).is_some())
            && item
                .content
                .as_deref()
                .is_none_or(|content| content.chars().count() <= MAX_CONTENT_CHARS)
    };
    let rules = [
        (is_id, Rejection::Id),
        (
            !finding.kind.trim().is_empty() && finding.kind.len() <= MAX_TYPE_BYTES,
            Rejection::Type,
        ),
        (
            !finding.claim.trim().is_empty() && finding.claim.chars().count() <= MAX_CLAIM_CHARS,
            Rejection::Claim,
        ),
        ((0.0..=1.0).contains(&finding.confidence), Rejection::Confidence),
        (
            finding
                .span
                .as_deref()
                .is_none_or(|span| parse_lines(span).is_some()),
            Rejection::Span,
        ),
        (
            finding.evidence.len() <= MAX_LIST && finding.evidence.iter().all(is_evidence),
            Rejection::Evidence,
        ),
        (finding.tests.len() <= MAX_LIST, Rejection::Tests),
    ];
    rules
        .into_iter()
        .find(|(holds, _)| !holds)
        .map_or(Ok(()), |(_, why)| Err(why))
}

#[cfg(test)]
pub(crate) mod tests {
    use atp_protocol::finding::Severity;

    use super::*;

    /// A well-formed finding about `file`.
    pub(crate) fn finding(id: &str, kind: &str, file: &str) -> Finding {
        Finding {
            id: id.to_owned(),
            kind: kind.to_owned(),
            claim: "the audience claim is not checked".to_owned(),
            severity: Severity::Medium,
            critical: false,
            confidence: 0.8,
            file: Some(file.to_owned()),
            span: Some("10-20".to_owned()),
            evidence: Vec::new(),
            proposed_fix: None,
            tests: Vec::new(),
            provenance: Vec::new(),
        }
    }

    #[test]
    fn malformed_findings_are_named_with_the_reason() {
        let good = finding("F-1", "No Aud Check", "a.rs");
        let bad = |spoil: fn(&mut Finding)| {
            let mut finding = good.clone();
            spoil(&mut finding);
            finding
        };
        let admitted = admit(
            vec![
                good.clone(),
                bad(|f| f.id = "1".to_owned()),
                bad(|f| f.claim = " ".to_owned()),
                bad(|f| f.confidence = f64::NAN),
                bad(|f| f.span = Some("9-3".to_owned())),
                bad(|f| f.tests = vec![String::new(); 51]),
                bad(|f| {
                    f.evidence = vec![Evidence {
                        kind: "code".to_owned(),
                        file: None,
                        lines: Some("0-1".to_owned()),
                        content: None,
                    }];
                }),
            ],
            &Aliases::default(),
        );
        assert_eq!(admitted.findings.len(), 1);
        assert_eq!(admitted.findings[0].kind, "code.vuln.aud_check_missing");
        assert_eq!(
            admitted.rejected.iter().map(|r| r.why).collect::<Vec<_>>(),
            [
                Rejection::Id,
                Rejection::Claim,
                Rejection::Confidence,
                Rejection::Span,
                Rejection::Tests,
                Rejection::Evidence,
            ]
        );
    }

    #[test]
    fn findings_beyond_the_limit_are_rejected_not_forgotten() {
        let many = vec![finding("F-1", "t", "a.rs"); MAX_FINDINGS + 3];
        let admitted = admit(many, &Aliases::default());
        assert_eq!(admitted.findings.len(), MAX_FINDINGS);
        assert_eq!(admitted.rejected.len(), 3);
    }
}
