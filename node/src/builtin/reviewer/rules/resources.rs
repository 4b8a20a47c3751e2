//! What is opened and not closed, and what may wait for ever.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{Go, Java, Python};
use crate::builtin::reviewer::mask::View;
use crate::builtin::reviewer::rule::{Region, Rule};

const LEAK: Rule = Rule {
    kind: "code.bug.resource_leak",
    view: View::Bare,
    severity: Severity::Low,
    confidence: 0.6,
    claim: "What is opened here is not closed when something fails in between.",
    fix: "Close it on every way out.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r"^[\ \t]*\w+\s*=\s*(?:open|socket\.socket|sqlite3\.connect|urlopen|psycopg2?\.connect)\(",
        unless: &[(
            Region::Lines(2, 25),
            r"\.close\(|\bclosing\(|\breturn\b|\byield\b|\bwith\b|enter_context|self\.\w+\s*=",
        )],
        fix: "Open it in a with statement.",
        ..LEAK
    },
    Rule {
        languages: &[Python],
        pattern: r"(?:^|[^.\w])(?P<at>open\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)\.(?:read|readlines|write|writelines)\()",
        fix: "Open it in a with statement, or use pathlib's read_text and write_text.",
        ..LEAK
    },
    Rule {
        languages: &[Go],
        pattern: r"^[\ \t]*\w+\s*,\s*\w+\s*:?=\s*(?:http\.(?:Get|Post|Head|PostForm)|\w*[cC]lient\.(?:Do|Get|Post))\(",
        unless: &[(
            Region::Lines(0, 25),
            r"\.Body\.Close\(|\breturn\s+\w*(?:resp|res|r)\b\s*,",
        )],
        severity: Severity::Medium,
        confidence: 0.75,
        claim: "The body of the response is not closed, which leaks its connection.",
        fix: "Add defer resp.Body.Close() after the error check.",
        ..LEAK
    },
    Rule {
        languages: &[Go],
        pattern: r"^[\ \t]*(?:\w+\s*,\s*\w+)\s*:?=\s*(?:os\.(?:Open|Create|OpenFile)|net\.Dial\w*|sql\.Open|\w+\.Query(?:Context)?)\(",
        unless: &[(
            Region::Lines(0, 25),
            r"\.Close\(|\breturn\s+&?\w+(?:\{[^}\n]*\})?\s*,\s*nil\b",
        )],
        fix: "Add a deferred Close after the error check.",
        ..LEAK
    },
    Rule {
        languages: &[Java],
        pattern: r"^[\ \t]*(?:final\s+)?\w+(?:<[^>]*>)?\s+\w+\s*=\s*new\s+(?:File(?:Input|Output)Stream|FileReader|FileWriter|BufferedReader|Socket|Scanner|PrintWriter)\(",
        unless: &[(
            Region::Lines(2, 25),
            r"\.close\(\)|\btry\s*\(|\breturn\b|IOUtils\.closeQuietly",
        )],
        fix: "Open it in the parentheses of a try statement.",
        ..LEAK
    },
    Rule {
        kind: "code.quality.no_timeout",
        languages: &[Python],
        pattern: r"\brequests\.(?:get|post|put|patch|delete|head|request)\(",
        unless: &[(Region::Call, r"\btimeout\s*=|\*\*\w+")],
        view: View::Bare,
        severity: Severity::Low,
        confidence: 0.75,
        claim: "The request has no timeout, so a silent server holds this thread for ever.",
        fix: "Pass timeout=.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.quality.no_timeout",
        languages: &[Go],
        pattern: r"\bhttp\.(?:Get|Post|Head|PostForm|ListenAndServe(?:TLS)?)\(|&http\.(?:Server|Client)\{\s*\}",
        view: View::Bare,
        severity: Severity::Low,
        confidence: 0.55,
        claim: "The default client and server of net/http wait for ever.",
        fix: "Use a client or server with its timeouts set.",
        ..Rule::DEFAULT
    },
];
