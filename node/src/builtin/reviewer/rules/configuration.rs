//! Settings that open a door.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{
    Config, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust, Shell,
};
use crate::builtin::reviewer::rule::{Region, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        kind: "code.vuln.debug_enabled",
        languages: &[Python],
        pattern: r"\bapp\.run\([^)\n]*\bdebug\s*=\s*True\b|\bapp\.debug\s*=\s*True\b",
        severity: Severity::High,
        confidence: 0.85,
        claim: "The debugger of the web framework runs code for whoever reaches it.",
        fix: "Take the mode from the environment, off by default.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.vuln.debug_enabled",
        languages: &[Python],
        pattern: r#"^DEBUG\s*=\s*True\b|^ALLOWED_HOSTS\s*=\s*\[\s*["']\*["']"#,
        requires: &[(Region::Path, r"settings")],
        unless: &[(Region::Path, r"local|dev|debug")],
        severity: Severity::Medium,
        confidence: 0.75,
        claim: "The production settings are open: debug pages or every host.",
        fix: "Take the value from the environment, closed by default.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.vuln.cors_wildcard",
        pattern: r#"(?i)Access-Control-Allow-Origin["']?\]?\s*[,:=]\s*["']?\*|\ballow_origins\s*=\s*\[\s*["']\*["']|\bcors\(\s*\{[^}]*origin\s*:\s*(?:["']\*["']|true)|\bAllowAllOrigins\s*:\s*true|\bCorsLayer::permissive\("#,
        languages: &[Python, JavaScript, Go, Java, Kotlin, Php, Ruby, Rust, Config],
        severity: Severity::Medium,
        confidence: 0.6,
        claim: "Pages of every origin may read the answers.",
        fix: "Name the origins that need to.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.vuln.cookie_insecure",
        languages: &[Python, JavaScript, Go, Java, Kotlin],
        pattern: r"(?i)\b(?:httponly|http_only|samesite_none|session_cookie_(?:secure|httponly))\b\s*[:=]\s*false\b|\bset_?cookie\([^)\n]*\bsecure\s*[:=]\s*false\b|\bsetHttpOnly\(\s*false\s*\)|\bsetSecure\(\s*false\s*\)",
        confidence: 0.75,
        claim: "The cookie can be read by scripts or travels unencrypted.",
        fix: "Set Secure and HttpOnly.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.vuln.permissions_too_wide",
        languages: &[Python, Shell, Go, Rust, Config, Ruby, Php, JavaScript],
        pattern: r"\bchmod\s+(?:-R\s+)?(?:a\+rwx|0?777)\b|\b(?:chmod|OpenFile|MkdirAll|WriteFile|from_mode|chmodSync)\([^)\n]*\b0o?777\s*\)",
        confidence: 0.75,
        claim: "Everyone on the machine may change the file.",
        fix: "Give the owner alone the right to write.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.vuln.unverified_download",
        languages: &[Shell, Config],
        pattern: r"\b(?:curl|wget)\b[^\n|;]*https?://[^\n|;]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b",
        confidence: 0.6,
        claim: "A script from the network is run unseen.",
        fix: "Pin a version, download it, check its hash, then run it.",
        ..Rule::DEFAULT
    },
];
