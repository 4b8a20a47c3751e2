//! What was left behind while writing: debuggers, dumps, secrets in logs, notes.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{
    CSharp, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust,
};
use crate::builtin::reviewer::mask::View;
use crate::builtin::reviewer::rule::{Region, Rule};

const LEFTOVER: Rule = Rule {
    kind: "code.quality.debug_leftover",
    view: View::Bare,
    severity: Severity::Low,
    confidence: 0.85,
    claim: "A debugging aid was left in the code.",
    fix: "Remove it.",
    ..Rule::DEFAULT
};

const LOGGED: Rule = Rule {
    kind: "code.vuln.secret_logged",
    view: View::Bare,
    severity: Severity::Medium,
    confidence: 0.7,
    claim: "A credential is written to the log, where many can read it.",
    fix: "Log who and what, never the credential; a hash prefix tells two apart.",
    ..Rule::DEFAULT
};

/// Names that only sound like credentials.
const NO_SECRET: &str = r"(?i)\b\w*(?:tokens\b|token_?(?:count|type|id|len|name|limit|usage|expir\w*|ttl|url)|(?:max|num|n|total|input|output|prompt|completion)_?tokens?|password_?(?:field|length|policy|reset|hint|changed)|secret_?(?:name|id|arn|path)|has_?\w+|is_?\w+|tokeni[sz]er?)\b|len\(|\.length\b|mask|redact";

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r"(?:^|[^.\w])(?P<at>breakpoint\(\)|(?:i?pdb|pudb)\.set_trace\(\)|import\s+(?:ipdb|pudb)\b)",
        ..LEFTOVER
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"^[\ \t]*debugger\s*;?[\ \t]*$",
        ..LEFTOVER
    },
    Rule {
        languages: &[JavaScript, Go, Python],
        view: View::Code,
        pattern: r#"\b(?:console\.(?:log|debug)|fmt\.Print(?:ln|f)|print)\(\s*f?["'`](?i:debug|here|xxx|>>>|test[\ ]?\d+)\b"#,
        confidence: 0.6,
        ..LEFTOVER
    },
    Rule {
        languages: &[Rust],
        pattern: r"(?:^|[^\w])(?P<at>dbg!\(|todo!\()",
        ..LEFTOVER
    },
    Rule {
        languages: &[Php],
        pattern: r"(?:^|[^\w>:])(?P<at>(?:var_dump|print_r|dd)\()",
        confidence: 0.75,
        ..LEFTOVER
    },
    Rule {
        languages: &[Ruby],
        pattern: r"\b(?:binding\.(?:pry|irb)|byebug)\b",
        ..LEFTOVER
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r"\.printStackTrace\(\s*\)",
        confidence: 0.6,
        claim: "The stack trace goes to the error stream and to no log.",
        fix: "Log the exception.",
        ..LEFTOVER
    },
    Rule {
        languages: &[Python, JavaScript, Go, Java, Kotlin, CSharp, Ruby],
        pattern: r"(?i)\b(?:(?:log(?:ger|ging)?|console|_logger|slog|fmt)\.(?:log|print\w*|info\w*|debug\w*|warn\w*|error\w*|critical|exception|fatal\w*|trace)|print)\([^\n=]*[^\w\n=](?:\w+\.)*(?:\w*password|passwd|secret(?:_key)?|api_?key|(?:access_?|refresh_?|id_?|auth_?|bearer_?|session_?|reset_?|api_?|jwt_?)?token|authorization|private_?key)\s*[,)]",
        unless: &[(Region::Match, NO_SECRET)],
        ..LOGGED
    },
    Rule {
        languages: &[Python, JavaScript],
        view: View::Code,
        pattern: r#"(?i)\b(?:(?:log(?:ger|ging)?|console|_logger)\.\w+|print)\(\s*f?["'`][^"'`\n]*\{(?:\w+\.)*(?:\w*password|passwd|secret(?:_key)?|api_?key|(?:access_?|refresh_?|id_?|auth_?|bearer_?|session_?|reset_?|api_?|jwt_?)?token|authorization|private_?key)[}!:]"#,
        unless: &[(Region::Match, NO_SECRET)],
        ..LOGGED
    },
    Rule {
        languages: &[Rust],
        view: View::Code,
        pattern: r#"(?i)\b(?:info|debug|warn|error|trace|println|eprintln)!\([^;]*(?:\{(?:password|secret|api_?key|token|authorization)(?::\??)?\}|,\s*[%?&]?(?:\w+\.)*(?:password|secret|api_?key|access_?token|authorization)\s*[,)])"#,
        unless: &[(Region::Match, NO_SECRET)],
        ..LOGGED
    },
    Rule {
        kind: "code.quality.security_todo",
        view: View::Comments,
        pattern: r"(?i)\b(?:TODO|FIXME|XXX|HACK)\b[^\n]*\b(?:(?:in)?secur(?:e|ity)|password\w*|saniti[sz]\w*|authenticat\w*|authori[sz]\w*|(?:add|check|missing)\s+(?:auth|permissions?)|encrypt\w*|csrf|xss|injection|vulnerab\w*|rate.?limit\w*|(?:verify|validate|check)\b[^\n]*\b(?:signature|token|user|owner|input|audience|role|certificate|expiry)s?)\b[^\n]*",
        severity: Severity::Low,
        confidence: 0.6,
        claim: "A note says that a protection is still missing.",
        fix: "Do it before release, or track it where it will be seen.",
        ..Rule::DEFAULT
    },
];
