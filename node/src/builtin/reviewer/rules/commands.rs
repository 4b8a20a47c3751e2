//! Command lines and code put together from data.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{
    Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust, Shell,
};
use crate::builtin::reviewer::rule::{Origin, Region, Rule};

const COMMAND: Rule = Rule {
    kind: "code.vuln.command_injection",
    origin: Origin::Raises(0.95),
    severity: Severity::High,
    confidence: 0.75,
    claim: "A shell reads a command line put together from data, so a value can become a command.",
    fix: "Run the program directly with a list of arguments, without a shell.",
    ..Rule::DEFAULT
};

const CODE: Rule = Rule {
    kind: "code.vuln.code_injection",
    origin: Origin::Raises(0.95),
    severity: Severity::High,
    confidence: 0.7,
    claim: "Data is executed as code.",
    fix: "Parse the data, or choose among known functions by name.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r#"\bos\.(?:system|popen)\(\s*(?P<arg>[fF]["'][^"'\n]*\{[^\n]*|["'][^"'\n]*["']\s*(?:%|\+|\.format\()[^\n]*|[a-z_]\w*\s*\+[^\n]*)"#,
        ..COMMAND
    },
    Rule {
        languages: &[Python],
        pattern: r"\bos\.(?:system|popen)\(\s*(?P<arg>[a-z_][\w.]*)\s*\)",
        origin: Origin::Raises(0.95),
        severity: Severity::Medium,
        confidence: 0.5,
        ..COMMAND
    },
    Rule {
        languages: &[Python],
        pattern: r#"\bsubprocess\.(?:run|call|Popen|check_call|check_output|getoutput|getstatusoutput)\(\s*(?P<arg>[fF]["'][^\n]*\{[^\n]*|["'][^"'\n]*["']\s*(?:%|\+|\.format\()[^\n]*|[a-z_][^\n]*)"#,
        requires: &[(Region::Call, r"\bshell\s*=\s*True\b")],
        ..COMMAND
    },
    Rule {
        languages: &[JavaScript],
        pattern: r#"(?:^|[^.\w])(?P<at>(?:exec|execSync|child_process\.exec\w*|cp\.exec\w*)\(\s*(?P<arg>`[^`]*\$\{[^`]*`|["'][^"'\n]*["']\s*\+[^\n]*))"#,
        ..COMMAND
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r#"\bgetRuntime\(\)\.exec\(\s*(?P<arg>"[^"\n]*"\s*\+[^\n]*|[a-z]\w*\s*[+)][^\n]*)|new\s+ProcessBuilder\(\s*"(?:sh|bash|cmd)[^\n]*\+[^\n]*"#,
        ..COMMAND
    },
    Rule {
        languages: &[Go],
        pattern: r#"\bexec\.Command(?:Context)?\([^\n]*"(?:sh|bash|/bin/sh|/bin/bash|cmd)"\s*,\s*"(?:-l?c|/c)"\s*,\s*(?P<arg>fmt\.Sprintf[^\n]*|"[^"\n]*"\s*\+[^\n]*|[a-z]\w*[^\n]*)"#,
        ..COMMAND
    },
    Rule {
        languages: &[Rust],
        pattern: r#"\bCommand::new\(\s*"(?:sh|bash|/bin/sh)"\s*\)(?s:.{0,80}?)\.args?\([^\n]*-c(?s:.{0,80}?)(?P<arg>format!\([^\n]*)"#,
        ..COMMAND
    },
    Rule {
        languages: &[Php],
        pattern: r"\b(?:shell_exec|exec|system|passthru|popen|proc_open)\(\s*(?P<arg>[^)\n]*\$\w+[^)\n]*)\)",
        unless: &[(Region::Match, r"escapeshell(arg|cmd)\(")],
        ..COMMAND
    },
    Rule {
        languages: &[Ruby],
        pattern: r#"(?:\bsystem|\bexec|\bspawn|IO\.popen)[(\ ]\s*(?P<arg>"[^"\n]*\#\{[^"\n]*")|`[^`\n]*\#\{[^`\n]*`"#,
        ..COMMAND
    },
    Rule {
        languages: &[Shell],
        pattern: r#"^[\ \t]*eval\s+(?P<arg>"?[^\n]*\$[^\n]*)"#,
        kind: "code.vuln.command_injection",
        severity: Severity::Medium,
        confidence: 0.55,
        ..COMMAND
    },
    Rule {
        languages: &[Python],
        pattern: r#"(?:^|[^.\w])(?P<at>(?:eval|exec)\(\s*(?P<arg>[^"'\s)][^\n)]*))"#,
        unless: &[
            (Region::Match, r"\bcompile\("),
            (Region::Lines(0, 0), r"\bdef\s+(?:eval|exec)\b"),
        ],
        severity: Severity::Medium,
        confidence: 0.55,
        ..CODE
    },
    Rule {
        languages: &[JavaScript],
        pattern: r#"(?:^|[^.\w])(?P<at>(?:eval\(|new\s+Function\()\s*(?P<arg>[^"'\s)][^\n)]*))"#,
        ..CODE
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"\bvm\.(?:runIn\w*Context|Script)\(\s*(?P<arg>[^\n)]*)",
        claim: "Code runs in node's vm module, which is no security boundary.",
        fix: "Run untrusted code in a separate process without privileges, or not at all.",
        ..CODE
    },
    Rule {
        languages: &[Php, Ruby],
        pattern: r"(?:^|[^.\w:>])(?P<at>eval\(?\s*(?P<arg>[^\n)]*\$?\w+[^\n)]*))",
        confidence: 0.65,
        ..CODE
    },
];
