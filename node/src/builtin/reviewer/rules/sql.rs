//! SQL put together from strings.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{
    CSharp, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust,
};
use crate::builtin::reviewer::rule::{Origin, Rule};

const SQL: Rule = Rule {
    kind: "code.vuln.sql_injection",
    origin: Origin::Raises(0.95),
    severity: Severity::High,
    confidence: 0.7,
    claim: "SQL is put together from strings, so a value can become part of the statement.",
    fix: "Keep the statement constant and pass values as bound parameters.",
    ..Rule::DEFAULT
};

// In every pattern a statement is a verb and a later keyword, so that prose with "select" in it is none; an argument
// holds a lower-case letter, so that constants in capitals are left alone.
pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r#"\b[rR]?[fF][rR]?(?:"{3}|"|')\s*(?i:(?-i:SELECT|select)\b[^"']*?\bfrom\b|insert\s+into\b|update\b[^"']*?\bset\b|delete\s+from\b|(?:where|and|or)\s+[\w.]+\s*(?:[=<>]|like\b|in\b))[^"{}]*?\{(?P<arg>[^}"']*[a-z][^}"']*)\}"#,
        ..SQL
    },
    Rule {
        languages: &[Python],
        pattern: r#"["']\s*(?i:(?-i:SELECT|select)\b[^"']*\bfrom|insert\s+into|update\b[^"']*\bset|delete\s+from)\b[^"\n]*["']{1,3}\s*(?:%\s*|\.format\(|\+\s*)(?P<arg>[^\n]*[a-z][^\n]*)"#,
        ..SQL
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"(?:^|[^\w`.])`\s*(?i:(?-i:SELECT|select)\b[^`]*?\bfrom|insert\s+into|update\b[^`]*?\bset|delete\s+from)\b[^`]*?\$\{(?P<arg>[^}`]*[a-z][^}`]*)\}",
        ..SQL
    },
    Rule {
        languages: &[Java, Kotlin, CSharp, JavaScript, Go],
        pattern: r#"["']\s*(?i:(?-i:SELECT|select)\b[^"\n]*\bfrom|insert\s+into|update\b[^"\n]*\bset|delete\s+from)\b[^"\n]*["']\s*\+\s*(?P<arg>[^\n;]*[a-z][^\n;]*)"#,
        ..SQL
    },
    Rule {
        languages: &[CSharp],
        pattern: r#"\$@?"\s*(?i:(?-i:SELECT|select)\b[^"]*\bfrom|insert\s+into|update\b[^"]*\bset|delete\s+from)\b[^"]*\{(?P<arg>[^}"]+)\}"#,
        ..SQL
    },
    Rule {
        languages: &[Kotlin],
        pattern: r#""{1,3}\s*(?i:(?-i:SELECT|select)\b[^"]*\bfrom|insert\s+into|update\b[^"]*\bset|delete\s+from)\b[^"]*\$\{?(?P<arg>[a-z]\w*)"#,
        ..SQL
    },
    Rule {
        languages: &[Go, Rust],
        pattern: r#"\b(?:fmt\.Sprintf\(|format!\()\s*r?\#?["`]\s*(?i:(?-i:SELECT|select)\b[^"`]*\bfrom|insert\s+into|update\b[^"`]*\bset|delete\s+from)\b[^"`]*(?:%[sv]|\{\w*\})(?P<arg>[^)\n]*)"#,
        ..SQL
    },
    Rule {
        languages: &[Php],
        pattern: r#""\s*(?i:(?-i:SELECT|select)\b[^"]*\bfrom|insert\s+into|update\b[^"]*\bset|delete\s+from)\b[^"]*(?:\{?(?P<arg>\$[a-zA-Z_]\w*)[^"]*"|"\s*\.\s*)"#,
        ..SQL
    },
    Rule {
        languages: &[Ruby],
        pattern: r#"["'][^"'\n]*\b(?i:(?-i:SELECT|select)\b[^"\n]*\bfrom|insert\s+into|update\b[^"\n]*\bset|delete\s+from)\b[^"\n]*\#\{(?P<arg>[^}]+)\}|\.where\(\s*"[^"\n]*\#\{(?:[^}]+)\}"#,
        ..SQL
    },
];
