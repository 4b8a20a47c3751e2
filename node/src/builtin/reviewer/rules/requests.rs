//! Requests and redirects to where a caller says.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{Go, Java, JavaScript, Kotlin, Php, Python, Ruby};
use crate::builtin::reviewer::rule::{Origin, Region, Rule};

const SSRF: Rule = Rule {
    kind: "code.vuln.ssrf",
    origin: Origin::Required,
    severity: Severity::High,
    confidence: 0.8,
    claim: "The server fetches an address that a caller chooses, internal addresses included.",
    fix: "Accept only known hosts, resolve them first and refuse private addresses.",
    ..Rule::DEFAULT
};

const REDIRECT: Rule = Rule {
    kind: "code.vuln.open_redirect",
    origin: Origin::Required,
    severity: Severity::Medium,
    confidence: 0.75,
    claim: "The browser is sent to an address that a caller chooses.",
    fix: "Redirect to paths of this site or to known hosts only.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r"\b(?:requests|httpx|session|client|aiohttp|urllib\.request)\.(?:get|post|put|patch|delete|head|request|urlopen|stream)\(\s*(?P<arg>[^,\n]*(?:,\s*url\s*=[^\n]*)?)|\burlopen\((?P<at>\s*request\.[^\n]*)",
        ..SSRF
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"(?:^|[^\w.])(?:fetch|axios(?:\.\w+)?|got(?:\.\w+)?|request(?:\.\w+)?|https?\.(?:get|request)|needle\.\w+)\(\s*(?P<arg>[^,\n]*)",
        ..SSRF
    },
    Rule {
        languages: &[Go],
        pattern: r"\b(?:http\.(?:Get|Post|Head|NewRequest(?:WithContext)?)|client\.(?:Get|Post))\((?P<arg>[^\n]*)",
        ..SSRF
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r"\b(?:new\s+URL|URI\.create|restTemplate\.\w+|HttpRequest\.newBuilder)\((?P<arg>[^\n]*)",
        ..SSRF
    },
    Rule {
        languages: &[Php],
        pattern: r"\b(?:curl_init|file_get_contents)\(\s*(?P<arg>\$_(?:GET|POST|REQUEST)[^)\n]*)|CURLOPT_URL\s*,\s*(?P<at>\$_(?:GET|POST|REQUEST)[^)\n]*)",
        ..SSRF
    },
    Rule {
        languages: &[Ruby],
        pattern: r"\b(?:Net::HTTP\.\w+|URI\.open|HTTParty\.\w+|Faraday\.\w+)\(?\s*(?P<arg>[^\n]*)",
        ..SSRF
    },
    Rule {
        languages: &[Python],
        pattern: r"\b(?:redirect|RedirectResponse|HttpResponseRedirect)\(\s*(?P<arg>[^\n]*)",
        unless: &[(
            Region::Lines(4, 1),
            r"url_has_allowed_host|is_safe_url|url_for\(|urlparse",
        )],
        ..REDIRECT
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"\bres\.redirect\(\s*(?P<arg>[^\n]*)|\b(?:window\.)?location(?:\.href)?\s*=\s*(?P<at>[^=\n]*searchParams[^\n]*)",
        ..REDIRECT
    },
    Rule {
        languages: &[Go],
        pattern: r"\bhttp\.Redirect\(\s*\w+\s*,\s*\w+\s*,\s*(?P<arg>[^\n]*)",
        ..REDIRECT
    },
];
