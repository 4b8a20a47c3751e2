//! Slips that compile: bounds, defaults, panics.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{
    C, CSharp, Go, Java, JavaScript, Kotlin, Php, Python, Rust,
};
use crate::builtin::reviewer::mask::View;
use crate::builtin::reviewer::rule::{Region, Rule};

const BOUND: Rule = Rule {
    kind: "code.bug.off_by_one",
    view: View::Bare,
    confidence: 0.8,
    claim: "The loop runs one step past the end.",
    fix: "Stop before the length, or iterate over the elements.",
    ..Rule::DEFAULT
};

const PANIC: Rule = Rule {
    kind: "code.bug.panic_on_request",
    languages: &[Rust],
    view: View::Bare,
    confidence: 0.7,
    claim: "A bad or missing value from the request panics the handler.",
    fix: "Return an error response; match, or use `?` with an error type that becomes one.",
    ..Rule::DEFAULT
};

/// What tells that a function serves requests.
const SERVES: &str = r"\bHttpRequest\b|\bRequest<|\b(?:web|extract|axum)::\w*(?:Query|Json|Path|Form|Data|State)\b|\b(?:Query|Json|Path|Form|State)\(\w+\)\s*:|\bimpl\s+(?:Responder|IntoResponse)\b|\bHttpResponse\b|\breq\.(?:headers|uri|body|query_string|match_info)\(|\#\[(?:get|post|put|patch|delete)\(";

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[C, Java, CSharp, JavaScript, Php, Kotlin],
        pattern: r"\bfor\s*\([^;\n)]*;\s*\$?(\w+)\s*<=\s*(?:[\w.>\-\[\]]+\.(?:length|size\(\)|Length|Count|count)|count\(\$\w+\)|sizeof\([^)]*\)|strlen\([^)]*\))\s*;",
        requires: &[(
            Region::Lines(0, 8),
            r"\[\s*\$?\w+\s*\]|\.(?:get|at|charAt)\(\s*\w+\s*\)",
        )],
        ..BOUND
    },
    Rule {
        languages: &[Go],
        pattern: r"\bfor\s+\w+\s*:=\s*\d+\s*;\s*\w+\s*<=\s*len\([^)]*\)\s*;",
        requires: &[(Region::Lines(0, 8), r"\[\s*\w+\s*\]")],
        ..BOUND
    },
    Rule {
        languages: &[Rust],
        pattern: r"\bfor\s+\w+\s+in\s+\d+\s*\.\.=\s*\w+(?:\.\w+)*\.len\(\)\s*\{",
        requires: &[(Region::Lines(0, 8), r"\[\s*\w+\s*\]")],
        ..BOUND
    },
    Rule {
        languages: &[Python],
        pattern: r"\bfor\s+\w+\s+in\s+range\(\s*(?:0\s*,\s*)?len\(\w+(?:\.\w+)*\)\s*\+\s*1\s*\)\s*:",
        requires: &[(Region::Lines(0, 8), r"\w\[\s*\w+\s*\]")],
        unless: &[(Region::Lines(0, 8), r"\[[^\]\n]*:[^\]\n]*\]")],
        confidence: 0.7,
        ..BOUND
    },
    Rule {
        languages: &[Rust],
        pattern: r"\.(?:parse(?:::<[^>\n]*>)?\(\)|to_str\(\)|headers\(\)\s*\.get\([^)\n]*\)|query\(\)|get\([^)\n]*\)|query_string\(\)|json(?:::<[^>\n]*>)?\(\)\s*\.await|body\(\)\s*\.await|bytes\(\)\s*\.await)\s*\.(?:unwrap|expect)\(",
        requires: &[(Region::Lines(25, 2), SERVES)],
        ..PANIC
    },
    Rule {
        languages: &[Rust],
        pattern: r"\b(?:serde_json|serde_urlencoded|toml)::from_(?:str|slice|reader|bytes|value)(?:::<[^>\n]*>)?\([^;\n]*\)\s*\.(?:unwrap|expect)\(",
        requires: &[(Region::Lines(25, 2), SERVES)],
        confidence: 0.8,
        ..PANIC
    },
    Rule {
        kind: "code.bug.mutable_default",
        languages: &[Python],
        view: View::Bare,
        pattern: r"^[\ \t]*(?:async\s+)?def\s+\w+\([^)]*(?::\s*[\w\[\], .]+)?=\s*(?:\[\]|\{\}|list\(\)|dict\(\)|set\(\))[^)]*\)[^:\n]*:",
        severity: Severity::Low,
        confidence: 0.8,
        claim: "The default value is shared by all calls.",
        fix: "Default to None and make the value inside the function.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.bug.identity_compare",
        languages: &[Python],
        view: View::Bare,
        pattern: r#"\bis[\ \t]+(?:not[\ \t]+)?(?:["'][\ ]*["']|\d+)(?:\s|:|\)|$)"#,
        severity: Severity::Low,
        confidence: 0.85,
        claim: "Identity with a literal depends on the interpreter's caching.",
        fix: "Compare with ==.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.bug.assignment_in_condition",
        languages: &[JavaScript, C, Java, Php],
        view: View::Bare,
        pattern: r#"\bif\s*\(\s*\$?[\w.]+\s*=\s*(?:true|false|null|\d+|["']\s*["'])\s*\)"#,
        confidence: 0.85,
        claim: "The condition assigns instead of comparing.",
        fix: "Compare with ==.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.vuln.unbounded_copy",
        languages: &[C],
        view: View::Bare,
        pattern: r"(?:^|[^\w:>.])(?P<at>(?:gets|strcpy|strcat|sprintf|vsprintf)\()",
        confidence: 0.65,
        claim: "The copy does not know how large its target is.",
        fix: "Use a bounded function, or std::string.",
        ..Rule::DEFAULT
    },
];
