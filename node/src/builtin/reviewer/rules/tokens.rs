//! Signed tokens: audience, signature, algorithm.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{
    CSharp, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust,
};
use crate::builtin::reviewer::mask::View;
use crate::builtin::reviewer::rule::{Region, Rule};

/// A later look at the claim counts as a check.
const LOOKS_AT_AUD: (Region, &str) = (
    Region::Lines(2, 10),
    r#"["']aud["']|\.aud\b|\.Audience\b|(?i)verify_?aud"#,
);

const AUDIENCE: Rule = Rule {
    kind: "code.vuln.aud_check_missing",
    severity: Severity::High,
    confidence: 0.85,
    claim: "The token is accepted whoever it was issued for: its audience is not checked.",
    fix: "Pass the expected audience to the call that verifies the token, and refuse tokens without one.",
    ..Rule::DEFAULT
};

const SIGNATURE: Rule = Rule {
    kind: "code.vuln.token_signature_unverified",
    severity: Severity::High,
    confidence: 0.9,
    claim: "The token's signature is not verified, so anyone can write one.",
    fix: "Verify the signature with a fixed algorithm and the issuer's key.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r"\bjwt\.decode\(",
        unless: &[
            (
                Region::Call,
                r#"\baudience\s*=|verify_signature["']?\s*:\s*False|verify\s*=\s*False"#,
            ),
            LOOKS_AT_AUD,
        ],
        ..AUDIENCE
    },
    Rule {
        languages: &[Python, Rust, JavaScript],
        pattern: r#"["']?\b(?:verify_aud|validate_aud)["']?\s*[:=]\s*(?:False|false)\b"#,
        confidence: 0.95,
        ..AUDIENCE
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"\b(?:jwt|jsonwebtoken)\.verify\(|\bjwtVerify\(",
        unless: &[
            (
                Region::Call,
                r"\baudience\b|\.\.\.|,\s*\w*[oO]pt(ion)?s\w*\s*[,)]",
            ),
            LOOKS_AT_AUD,
        ],
        ..AUDIENCE
    },
    Rule {
        languages: &[Go],
        pattern: r"\bjwt\.Parse(?:WithClaims)?\(",
        unless: &[
            (Region::Call, r"WithAudience|opts\.\.\.|options\.\.\."),
            (
                Region::Lines(0, 20),
                r"VerifyAudience|WithAudience|\.Audience\b|ClaimStrings",
            ),
        ],
        confidence: 0.75,
        ..AUDIENCE
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r"\bJwts\.parser(?:Builder)?\(\)|\bJWT\.require\(",
        unless: &[(
            Region::Lines(0, 12),
            r"requireAudience|withAudience|withAnyOfAudience|getAudience",
        )],
        confidence: 0.75,
        ..AUDIENCE
    },
    Rule {
        languages: &[CSharp],
        pattern: r"\bValidateAudience\s*=\s*false\b",
        confidence: 0.95,
        ..AUDIENCE
    },
    Rule {
        languages: &[Php, Ruby],
        pattern: r"\bJWT(?:::|\.)decode\(",
        unless: &[(Region::Lines(2, 10), r"\baud\b|verify_aud")],
        confidence: 0.6,
        ..AUDIENCE
    },
    Rule {
        languages: &[Python],
        pattern: r#"["']verify_signature["']\s*:\s*False|\bjwt\.decode\([^)]*\bverify\s*=\s*False"#,
        ..SIGNATURE
    },
    Rule {
        view: View::Code,
        languages: &[Python, JavaScript, Java, Php, Ruby],
        pattern: r#"(?i)\balgorithms?["']?\s*[:=]\s*\[?\s*["']none["']"#,
        ..SIGNATURE
    },
    Rule {
        languages: &[Go],
        pattern: r"\.ParseUnverified\(",
        ..SIGNATURE
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"\b(?:jwt|jsonwebtoken)\.decode\(|\bjwt_?[dD]ecode\(",
        unless: &[(Region::Lines(8, 8), r"\.verify\(|jwtVerify\(")],
        severity: Severity::Medium,
        confidence: 0.6,
        ..SIGNATURE
    },
    Rule {
        languages: &[Rust],
        pattern: r"\binsecure_disable_signature_validation\(|\bdangerous_insecure_decode\w*\(",
        ..SIGNATURE
    },
];
