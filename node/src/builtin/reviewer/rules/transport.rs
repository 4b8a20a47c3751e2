//! Encrypted connections that trust everyone.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{
    CSharp, Config, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust, Shell,
};
use crate::builtin::reviewer::rule::{Region, Rule};

const TLS: Rule = Rule {
    kind: "code.vuln.tls_verification_disabled",
    severity: Severity::High,
    confidence: 0.9,
    claim: "The certificate of the other side is not verified, so anyone in between can read and change the traffic.",
    fix: "Verify certificates; trust a private authority by adding its root.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r"\b(?:requests|httpx|session|client|self\.\w+|aiohttp)\.?\w*\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\bverify\s*=\s*False\b|\b\w+\.verify\s*=\s*False\b",
        unless: &[(Region::Match, r"jwt\.|decode\(|(?i)signature")],
        ..TLS
    },
    Rule {
        languages: &[Python],
        pattern: r"\bssl\._create_unverified_context\b|\b(?:verify_mode|cert_reqs)\s*=\s*(?:ssl\.)?CERT_NONE\b|\b\w*(?:ctx|context|ssl)\w*\.check_hostname\s*=\s*False\b|\bverify_ssl\s*=\s*False\b",
        unless: &[(Region::Lines(0, 0), r"\bdef\b")],
        ..TLS
    },
    Rule {
        languages: &[JavaScript],
        pattern: r#"\brejectUnauthorized\s*:\s*false\b|\bNODE_TLS_REJECT_UNAUTHORIZED\b["'\]]*\s*=\s*["']?0|\bstrictSSL\s*:\s*false\b"#,
        ..TLS
    },
    Rule {
        languages: &[Go],
        pattern: r"\bInsecureSkipVerify\s*[:=]\s*true\b",
        ..TLS
    },
    Rule {
        languages: &[Rust],
        pattern: r"\.danger_accept_invalid_(?:certs|hostnames)\(\s*true\s*\)|\bset_verify\(\s*SslVerifyMode::NONE",
        ..TLS
    },
    Rule {
        languages: &[Rust],
        pattern: r"\.dangerous\(\)\s*\.(?:set_certificate_verifier|with_custom_certificate_verifier)\(",
        severity: Severity::Medium,
        confidence: 0.5,
        claim: "A certificate verifier of its own takes the place of the library's.",
        fix: "Check that it verifies chain, name and time, or use the library's.",
        ..TLS
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r"\bNoopHostnameVerifier\b|\bALLOW_ALL_HOSTNAME_VERIFIER\b|\bsetHostnameVerifier\(\s*\(?[^)\n]*\)?\s*->\s*true|\bcheckServerTrusted\([^)]*\)\s*(?:throws\s+\w+\s*)?\{\s*\}|\bTrustAllStrategy\b",
        unless: &[(Region::Lines(0, 0), r"^import\b")],
        ..TLS
    },
    Rule {
        languages: &[CSharp],
        pattern: r"\bServerCertificate\w*Callback\s*\+?=\s*(?:delegate\s*\{\s*return\s+true|\([^)]*\)\s*=>\s*true)|\bDangerousAcceptAnyServerCertificateValidator\b",
        ..TLS
    },
    Rule {
        languages: &[Php],
        pattern: r"\bCURLOPT_SSL_VERIFY(?:PEER|HOST)\b\s*(?:,|=>)\s*(?:false|0)\b",
        ..TLS
    },
    Rule {
        languages: &[Ruby],
        pattern: r"\bOpenSSL::SSL::VERIFY_NONE\b|\bverify_ssl\s*(?:=|:|=>)\s*false\b",
        ..TLS
    },
    Rule {
        languages: &[Shell, Config],
        pattern: r"\bcurl\b[^\n|;]*\s(?:-[a-zA-Z]*k[a-zA-Z]*|--insecure)\b|\bwget\b[^\n|;]*--no-check-certificate\b|\bsslVerify\s*=?\s*false\b",
        confidence: 0.85,
        severity: Severity::Medium,
        ..TLS
    },
    Rule {
        kind: "code.vuln.host_key_unverified",
        languages: &[Python, Go, Shell, Config],
        pattern: r"\bAutoAddPolicy\(|\bssh\.InsecureIgnoreHostKey\(|\bStrictHostKeyChecking[=\ ]no\b",
        severity: Severity::Medium,
        confidence: 0.8,
        claim: "The host key of the other side is not verified, so anyone in between can answer.",
        fix: "Ship the known host keys and refuse others.",
        ..Rule::DEFAULT
    },
];
