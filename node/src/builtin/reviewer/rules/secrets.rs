//! Credentials in source text.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::mask::View;
use crate::builtin::reviewer::rule::{Region, Rule};

const FIX: &str = "Revoke it, then read it from the environment or a secret store.";

/// A token of a known format: nothing else looks like it.
const TOKEN: Rule = Rule {
    kind: "code.vuln.hardcoded_secret",
    view: View::Raw,
    in_tests: true,
    accepts: is_no_placeholder,
    severity: Severity::High,
    confidence: 0.95,
    fix: FIX,
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        pattern: r"\b(?P<value>(?:AKIA|ASIA)[A-Z2-7]{16})\b",
        claim: "An AWS access key id is written into the source.",
        ..TOKEN
    },
    Rule {
        pattern: r"\b(?P<value>gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,}|glpat-[\w-]{20,})\b",
        claim: "A GitHub or GitLab token is written into the source.",
        ..TOKEN
    },
    Rule {
        pattern: r"\b(?P<value>xox[abprs]-[A-Za-z0-9-]{16,})|(?:hooks\.slack\.com/services/)(?P<at>T\w+/B\w+/\w{16,})",
        claim: "A Slack token or webhook is written into the source.",
        ..TOKEN
    },
    Rule {
        pattern: r"\b(?P<value>[sr]k_live_[A-Za-z0-9]{16,}|AIza[\w-]{35}|SG\.[\w-]{22}\.[\w-]{43}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,}|hf_[A-Za-z0-9]{30,})\b",
        claim: "An API key of a well-known service is written into the source.",
        ..TOKEN
    },
    Rule {
        pattern: r"\b(?P<value>sk-(?:ant-|proj-|svcacct-)[\w-]{24,}|sk-[A-Za-z0-9]{40,})\b",
        claim: "An API key of a model provider is written into the source.",
        ..TOKEN
    },
    Rule {
        pattern: r"(?P<at>-----BEGIN[\ ](?:[A-Z]+[\ ])*PRIVATE[\ ]KEY-----)\s*(?:\\n)?[A-Za-z0-9+/=]{20}",
        claim: "A private key is written into the source.",
        ..TOKEN
    },
    Rule {
        pattern: r"\b(?P<value>eyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,})",
        in_tests: false,
        severity: Severity::Medium,
        confidence: 0.7,
        claim: "A signed token is written into the source.",
        ..TOKEN
    },
    Rule {
        pattern: r#"\b[a-z][a-z0-9+.-]*://[^\s:/@"'{}$<>]+:(?P<value>[^\s/@"'{}$<>,]{6,})@[\w.-]+"#,
        unless: &[(Region::Match, r"@(localhost|127\.0\.0\.1|example\.)")],
        in_tests: false,
        accepts: is_password,
        confidence: 0.85,
        claim: "A connection URL carries its password.",
        ..TOKEN
    },
    Rule {
        pattern: r#"(?i)(?:^|[^\w:.-])(?P<at>(?P<name>[\w.-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key|credentials?|auth[_-]?key)\w*)["']?\]?
                     (?:\s*:\s*&?(?:'static\s+)?(?:str|String|string)\b)?
                     \s*(?::=|=>|[:=])\s*[bru]{0,2}["'`](?P<value>[^"'`\s]{8,})["'`])"#,
        unless: &[(
            Region::Match,
            r#"(?i)^[\w.-]*(_?(type|field|name|url|uri|path|file|header|env|id|prefix|suffix|label|regex|pattern|format|key_?name|hint|arn|ref|column|param|placeholder|message|error))["']?\]?(\s*:\s*\w+)?\s*(:=|=>|[:=])"#,
        )],
        view: View::Code,
        in_tests: false,
        accepts: is_random,
        confidence: 0.85,
        claim: "A credential is written into the source.",
        ..TOKEN
    },
    Rule {
        pattern: r#"(?i)(?P<at>\b(?P<name>\w*(?:password|passwd))["']?\]?(?:\s*:\s*&?(?:'static\s+)?(?:str|String|string)\b)?\s*(?::=|=>|[:=])\s*[bru]{0,2}["'`](?P<value>[^"'`\s]{6,})["'`])"#,
        view: View::Code,
        in_tests: false,
        accepts: is_password,
        confidence: 0.7,
        claim: "A password is written into the source.",
        ..TOKEN
    },
];

/// Bits per character below which a text is words rather than chance.
const MIN_ENTROPY: f64 = 3.3;

/// Words of values that stand for a secret.
const STAND_INS: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "your",
    "dummy",
    "sample",
    "placeholder",
    "redacted",
    "insert",
    "replace",
    "xxxx",
    "1234567",
    "fake",
    "foobar",
    "<",
    "${",
    "{{",
    "%s",
    "%(",
    "...",
    "****",
    "todo",
    "none",
];

fn is_no_placeholder(value: &str) -> bool {
    let lower = value.to_lowercase();
    !STAND_INS.iter().any(|word| lower.contains(word)) && distinct(value) > 4
}

/// Whether a value is too irregular to be a name, a path or a sentence.
fn is_random(value: &str) -> bool {
    let has = |class: fn(&char) -> bool| value.chars().any(|c| class(&c));
    let mixes = has(char::is_ascii_digit) && has(char::is_ascii_alphabetic);
    is_no_placeholder(value)
        && value.len() >= 12
        && mixes
        && value.chars().any(|c| c.is_ascii_lowercase())
        && !value.contains('\\')
        && entropy(value) >= MIN_ENTROPY
        && !value.contains("://")
        && !value.starts_with(['/', '.', '$'])
}

/// Whether a value is a password somebody chose: of more than one kind of character and not a name.
fn is_password(value: &str) -> bool {
    let has = |class: fn(&char) -> bool| value.chars().any(|c| class(&c));
    let kinds = [
        has(char::is_ascii_lowercase),
        has(char::is_ascii_uppercase),
        has(char::is_ascii_digit),
        value.chars().any(|c| "!@#$%^&*+?~;,".contains(c)),
    ];
    is_no_placeholder(value)
        && kinds.iter().filter(|kind| **kind).count() >= 2
        && value.chars().any(|c| !c.is_ascii_alphabetic() && c != '_')
        && !value.contains("://")
        && !value.to_lowercase().contains("password")
}

fn distinct(value: &str) -> usize {
    let mut characters: Vec<char> = value.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    characters.len()
}

/// Shannon entropy in bits per character.
fn entropy(value: &str) -> f64 {
    let mut characters: Vec<char> = value.chars().collect();
    characters.sort_unstable();
    let total = characters.len() as f64;
    characters
        .chunk_by(|a, b| a == b)
        .map(|same| same.len() as f64 / total)
        .map(|share| -share * share.log2())
        .sum()
}
