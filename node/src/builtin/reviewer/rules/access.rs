//! Who may do what: missing checks in front of privileged work.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{Java, JavaScript, Kotlin, Python};
use crate::builtin::reviewer::rule::{Region, Rule};

const MISSING: Rule = Rule {
    kind: "code.vuln.authz_missing",
    severity: Severity::High,
    confidence: 0.65,
    claim: "A privileged route is served without an authorisation check in sight.",
    fix: "Require a permission for the route, as its neighbours do, or say why everyone may call it.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r#"(?P<at>^[\ \t]*@\w+\.(?:route|get|post|put|patch|delete)\(\s*["'][^"']*\b(?:admin|internal|manage|sudo|impersonate)\b[^\n]*|^[\ \t]*@\w+\.delete\([^\n]*)"#,
        unless: &[(
            Region::Lines(4, 8),
            r"(?i)login_required|\brequires?\b|requires?_|permission|authori[sz]|authenticat|Depends\(|Security\(|current_user|is_admin|has_role|jwt_required|roles?_|\babort\(40[13]|dependencies\s*=|Forbidden",
        )],
        ..MISSING
    },
    Rule {
        languages: &[JavaScript],
        pattern: r#"\b(?:app|router)\.(?:get|post|put|patch|delete|all)\(\s*["'`][^"'`]*\b(?:admin|internal|manage|impersonate)\b[^"'`]*["'`]\s*,\s*(?:async\s*)?(?:function\b[^(]*)?\(\s*\w*req\w*"#,
        unless: &[(
            Region::Lines(1, 8),
            r"(?i)requireAuth|isAdmin|is_admin|authori[sz]|authenticat|permission|hasRole|req\.user|session\.user|status\(40[13]\)",
        )],
        ..MISSING
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r#"@(?:Get|Post|Put|Patch|Delete|Request)Mapping\([^)\n]*\b(?:admin|internal)\b[^)\n]*\)"#,
        unless: &[(
            Region::Lines(4, 8),
            r"@PreAuthorize|@Secured|@RolesAllowed|hasRole|checkPermission|SecurityContext",
        )],
        confidence: 0.55,
        ..MISSING
    },
    Rule {
        kind: "code.vuln.csrf_disabled",
        languages: &[Python],
        pattern: r"^[\ \t]*@csrf_exempt\b|\bWTF_CSRF_ENABLED\b[^\n=]*=\s*False",
        severity: Severity::Medium,
        confidence: 0.7,
        claim: "Protection against cross-site request forgery is switched off.",
        fix: "Keep the protection on; exempt only endpoints that take no cookies.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.vuln.csrf_disabled",
        languages: &[Java, Kotlin],
        pattern: r"\.csrf\(\)\s*\.disable\(\)|\.csrf\(\s*(?:\w+\s*->\s*\w+\.disable\(\)|AbstractHttpConfigurer::disable)",
        severity: Severity::Medium,
        confidence: 0.6,
        claim: "Protection against cross-site request forgery is switched off.",
        fix: "Keep the protection on unless every client authenticates without cookies.",
        ..Rule::DEFAULT
    },
    Rule {
        kind: "code.vuln.assert_as_check",
        languages: &[Python],
        pattern: r"^[\ \t]*assert\s+[^\n]*\b(?:is_admin|is_authenticated|is_staff|is_superuser|has_perm\w*|has_role|permission)\b",
        severity: Severity::High,
        confidence: 0.8,
        claim: "An authorisation check is an assertion, which python -O removes.",
        fix: "Test the condition and raise an error.",
        ..Rule::DEFAULT
    },
];
