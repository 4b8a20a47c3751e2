//! Errors that nobody hears of.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{
    CSharp, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust,
};
use crate::builtin::reviewer::mask::View;
use crate::builtin::reviewer::rule::{Region, Rule};

const SWALLOWED: Rule = Rule {
    kind: "code.bug.swallowed_error",
    view: View::Bare,
    is_excused_by_comment: true,
    severity: Severity::Medium,
    confidence: 0.85,
    claim: "The error is caught and dropped, so a failure looks like success.",
    fix: "Handle it, pass it on, or log it with a reason for going on.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r"^[\ \t]*except\s*(?:\(?\s*(?:Base)?Exception\b[^\n:]*)?:\s*(?:pass|\.\.\.|continue)[\ \t]*$",
        ..SWALLOWED
    },
    Rule {
        languages: &[Python],
        pattern: r"\bcontextlib\.suppress\(\s*(?:Base)?Exception\s*\)",
        confidence: 0.7,
        ..SWALLOWED
    },
    Rule {
        kind: "code.quality.broad_except",
        languages: &[Python],
        pattern: r"^[\ \t]*except\s*:[\ \t]*$",
        unless: &[(Region::Lines(0, 8), r"\braise\b|^\s*(?:pass|\.\.\.|continue)\s*$")],
        severity: Severity::Low,
        confidence: 0.6,
        claim: "A bare except also catches interrupts and exits.",
        fix: "Catch Exception, or the errors that are expected here.",
        ..SWALLOWED
    },
    Rule {
        languages: &[JavaScript, Java, Kotlin, CSharp, Php],
        pattern: r"\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}",
        ..SWALLOWED
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"\.catch\(\s*(?:\(\s*\w*\s*\)|\w+)\s*=>\s*(?:\{\s*\}|null|undefined|void\s+0)\s*\)|\.catch\(\s*function\s*\(\w*\)\s*\{\s*\}\s*\)",
        ..SWALLOWED
    },
    Rule {
        languages: &[Go],
        pattern: r"\bif\s+err\s*!=\s*nil\s*\{\s*\}|^[\ \t]*_\s*=\s*err\b",
        ..SWALLOWED
    },
    Rule {
        languages: &[Go],
        pattern: r"^[\ \t]*\w+\s*,\s*_\s*:?=\s*(?:json\.(?:Marshal|Unmarshal)|strconv\.\w+|os\.\w+|io\.(?:ReadAll|Copy)|ioutil\.\w+|http\.\w+|url\.Parse|time\.Parse|sql\.Open|db\.\w+|tx\.\w+|client\.\w+|base64\.\S+|hex\.\w+|jwt\.\w+|bcrypt\.\w+)\(",
        confidence: 0.7,
        claim: "The error result is thrown away, and the value beside it used all the same.",
        ..SWALLOWED
    },
    Rule {
        languages: &[Go],
        pattern: r"^[\ \t]*_\s*=\s*(?:json\.Unmarshal|(?:db|tx|stmt|conn)\.(?:Exec|Query|Commit|Rollback)\w*|os\.(?:Remove|Rename|WriteFile|Mkdir)\w*)\(",
        severity: Severity::Low,
        confidence: 0.6,
        ..SWALLOWED
    },
    Rule {
        languages: &[Rust],
        pattern: r"^[\ \t]*let\s+_\s*=\s*[^;]*[.:](?:execute|commit|rollback|write_all|flush|sync_all|sync_data|save|persist|remove_file|rename|copy)\([^;]*\)(?:\.await)?\s*;",
        unless: &[(Region::Match, r"\?\s*;|\bwrite!|writeln!|timeout\(")],
        severity: Severity::Low,
        confidence: 0.6,
        ..SWALLOWED
    },
    Rule {
        languages: &[Rust],
        pattern: r"^[^\n=]*[.:](?:execute|commit|rollback|write_all|flush|sync_all|sync_data|save|persist|remove_file|rename|copy)\([^;\n]*\)(?:\.await)?\s*\.ok\(\)\s*;",
        unless: &[(Region::Match, r"\breturn\b|\blet\b")],
        severity: Severity::Low,
        confidence: 0.6,
        ..SWALLOWED
    },
    Rule {
        languages: &[Rust],
        pattern: r"\bErr\(_\w*\)\s*=>\s*(?:\{\s*\}|\(\))|\bif\s+let\s+Err\(_\w*\)\s*=[^{;]*\{\s*\}",
        confidence: 0.75,
        ..SWALLOWED
    },
    Rule {
        languages: &[Ruby],
        pattern: r"\brescue\b(?:\s+(?:StandardError|Exception))?(?:\s*=>\s*\w+)?[\ \t]*\n[\ \t]*(?:nil[\ \t]*\n[\ \t]*)?end\b|\S[\ \t]+rescue[\ \t]+nil\b",
        ..SWALLOWED
    },
];
