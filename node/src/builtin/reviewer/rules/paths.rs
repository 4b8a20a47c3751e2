//! File paths from outside.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{Go, Java, JavaScript, Kotlin, Php, Python, Ruby};
use crate::builtin::reviewer::rule::{Origin, Region, Rule};

const PATH: Rule = Rule {
    kind: "code.vuln.path_traversal",
    origin: Origin::Required,
    severity: Severity::High,
    confidence: 0.8,
    claim: "A caller's data becomes part of a file path, so it can leave the intended folder.",
    fix: "Resolve the path and refuse it unless it lies inside the folder, or look files up by an id.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r"(?:(?:^|[^.\w])open|\bsend_file|\bFileResponse|\bos\.path\.join|\bos\.(?:remove|unlink|listdir|makedirs)|\bshutil\.\w+|\bPath|\bread_text|\bjoinpath)\(\s*(?P<arg>[^\n]*)",
        unless: &[
            (
                Region::Lines(2, 6),
                r"secure_filename|safe_join|is_relative_to|commonpath|\.resolve\(\)|basename\(",
            ),
            (Region::Lines(0, 0), r"^\s*(?:async\s+)?def\s"),
        ],
        ..PATH
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"(?:\bfs(?:\.promises|Promises)?\.(?:readFile|writeFile|createReadStream|createWriteStream|unlink|readdir|rm|access|stat)\w*|\bpath\.(?:join|resolve)|\bres\.(?:sendFile|download))\(\s*(?P<arg>[^\n]*)",
        unless: &[(
            Region::Lines(2, 6),
            r"\.startsWith\(|path\.basename\(|normalize|path\.relative\(",
        )],
        ..PATH
    },
    Rule {
        languages: &[Go],
        pattern: r"\b(?:os\.(?:Open|OpenFile|ReadFile|Create|Remove|RemoveAll)|ioutil\.ReadFile|filepath\.Join|path\.Join|http\.ServeFile)\((?P<arg>[^\n]*)",
        unless: &[(
            Region::Lines(3, 6),
            r"strings\.HasPrefix|filepath\.(Base|Rel|IsLocal)|http\.Dir|os\.OpenInRoot",
        )],
        ..PATH
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r"(?:\bnew\s+File(?:InputStream|OutputStream|Reader|Writer)?|\bPaths\.get|\bPath\.of|\bFile)\((?P<arg>[^\n]*)",
        unless: &[(
            Region::Lines(2, 6),
            r"getCanonicalPath|normalize\(\)|startsWith\(|getFileName",
        )],
        ..PATH
    },
    Rule {
        languages: &[Php],
        pattern: r"\b(?:include|include_once|require|require_once|file_get_contents|fopen|readfile|unlink)\b\s*\(?(?P<arg>[^;\n]*\$[^;\n]*)",
        unless: &[(Region::Match, r"basename\(|realpath\(")],
        ..PATH
    },
    Rule {
        languages: &[Ruby],
        pattern: r"\b(?:File\.(?:open|read|join|delete)|send_file|IO\.read)\(?\s*(?P<arg>[^\n]*)",
        unless: &[(Region::Match, r"File\.basename|expand_path")],
        ..PATH
    },
    Rule {
        languages: &[Python],
        pattern: r"\.extractall\(",
        requires: &[(
            Region::Lines(12, 0),
            r"\btarfile\b|\bzipfile\b|\btar\b|\bzip\w*\b",
        )],
        unless: &[(Region::Call, r"\bfilter\s*=|\bmembers\s*=")],
        origin: Origin::Ignored,
        severity: Severity::Medium,
        confidence: 0.65,
        claim: "An archive is unpacked without looking at its paths, which may lead out of the folder.",
        fix: "Pass filter=\"data\" or check each member's path first.",
        ..PATH
    },
];
