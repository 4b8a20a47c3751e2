//! HTML and templates put together from data.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{Go, JavaScript, Markup, Php, Python, Ruby};
use crate::builtin::reviewer::rule::{Origin, Region, Rule};

const XSS: Rule = Rule {
    kind: "code.vuln.xss",
    origin: Origin::Raises(0.9),
    severity: Severity::Medium,
    confidence: 0.6,
    claim: "Data reaches the page without being escaped, so it can become markup and script.",
    fix: "Let the framework escape it, set text instead of HTML, or sanitise it.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[JavaScript],
        pattern: r#"\.(?:innerHTML|outerHTML)\s*\+?=\s*(?P<arg>[^"'\s;=][^\n;]*|["'][^\n;]*\+[^\n;]*)"#,
        unless: &[(Region::Match, r"(?i)sanitize|escape|purify|trusted|=\s*`[^$`]*`")],
        ..XSS
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"\bdangerouslySetInnerHTML\s*=\s*\{\{\s*__html\s*:\s*(?P<arg>[^\n}]*)|\bdocument\.write(?:ln)?\(\s*(?P<at>[^)\n]*[a-z]\w*[^)\n]*)",
        unless: &[(Region::Match, r"(?i)sanitize|escape|purify")],
        ..XSS
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"\bres\.(?:send|write|end)\(\s*(?P<arg>`[^`]*<\w+[^`]*\$\{[^`]*`)",
        unless: &[(Region::Match, r"(?i)escape|sanitize")],
        confidence: 0.65,
        ..XSS
    },
    Rule {
        languages: &[Python],
        pattern: r#"\b(?:Markup|mark_safe)\(\s*(?P<arg>[fF]["'][^\n]*\{[^\n]*|["'][^"'\n]*["']\s*(?:%|\+|\.format\()[^\n]*)"#,
        unless: &[(Region::Match, r"(?i)escape|clean|sanitize")],
        ..XSS
    },
    Rule {
        languages: &[Python],
        pattern: r"\b(?:Markup|mark_safe|HTMLResponse)\(\s*(?P<arg>[a-z_][^\n]*)",
        unless: &[(Region::Match, r"(?i)escape|clean|sanitize")],
        origin: Origin::Required,
        confidence: 0.85,
        ..XSS
    },
    Rule {
        languages: &[Go],
        pattern: r"\btemplate\.(?:HTML|JS|URL)\(\s*(?P<arg>[a-z][^\n)]*)\)",
        ..XSS
    },
    Rule {
        languages: &[Php],
        pattern: r"\b(?:echo|print)\b\s*(?P<arg>[^;\n]*\$_(?:GET|POST|REQUEST|COOKIE)[^;\n]*);",
        unless: &[(
            Region::Match,
            r"htmlspecialchars|htmlentities|intval|json_encode|urlencode",
        )],
        severity: Severity::High,
        confidence: 0.9,
        ..XSS
    },
    Rule {
        languages: &[Markup, Ruby],
        pattern: r"\{\{[^}\n]*\|\s*safe\b[^}\n]*\}\}|<%-\s*(?P<arg>\w[^%\n]*)%>|\b\w+\.html_safe\b|\bv-html=",
        confidence: 0.5,
        ..XSS
    },
    Rule {
        kind: "code.vuln.template_injection",
        languages: &[Python],
        pattern: r#"\b(?:render_template_string|Environment\([^)]*\)\.from_string|jinja2\.Template)\(\s*(?P<arg>[fF]["'][^\n]*|[a-z_][\w.\[\]"']*\s*[,)+%][^\n]*|["'][^"'\n]*["']\s*(?:\+|%)[^\n]*)"#,
        origin: Origin::Raises(0.95),
        severity: Severity::Medium,
        confidence: 0.5,
        claim: "Data becomes part of a template, whose expressions run on the server.",
        fix: "Keep templates constant and pass the data as variables.",
        ..Rule::DEFAULT
    },
];
