use std::collections::BTreeSet;
use std::sync::Arc;

use atp_protocol::finding::{Finding, Severity};
use atp_protocol::request::Content;
use proptest::prelude::*;

use super::*;

const DIFF: &str = include_str!("../../../../tests/fixtures/review.diff");

fn run(text: &str) -> Answer {
    Reviewer
        .run(&Brief {
            content: Arc::new(Content::prompt(text)),
            max_tokens: None,
        })
        .unwrap()
}

fn findings(language: Language, path: &str, code: &str) -> Vec<Finding> {
    report::review(&[SourceFile::whole(Some(path.to_owned()), language, code)]).findings
}

#[test]
fn each_defect_is_found_as_what_it_is_and_as_nothing_else() {
    for (language, kind, code) in samples::DEFECTS {
        let kinds: BTreeSet<String> = findings(*language, "src/sample", code)
            .into_iter()
            .map(|finding| finding.kind)
            .collect();
        assert_eq!(kinds, BTreeSet::from([(*kind).to_owned()]), "{code}");
    }
}

#[test]
fn nothing_is_found_in_clean_code() {
    for (language, code) in samples::CLEAN {
        let found = findings(*language, "src/sample", code);
        assert!(found.is_empty(), "{code}\n{found:#?}");
    }
}

#[test]
fn every_rule_has_a_sample() {
    let mut silent = matching::Silent::all();
    for (language, _, code) in samples::DEFECTS {
        let file = SourceFile::whole(Some("src/sample".to_owned()), *language, code);
        silent.heard(&matching::hits(&file, &file.blocks[0]));
    }
    let settings = "DEBUG = True\n";
    let file = SourceFile::whole(Some("shop/settings.py".to_owned()), Language::Python, settings);
    silent.heard(&matching::hits(&file, &file.blocks[0]));
    assert_eq!(silent.claims(), Vec::<String>::new());
}

/// The fixture's defects: file, line, kind.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("auth/jwt.py", "12-12", "code.vuln.hardcoded_secret"),
    ("auth/jwt.py", "44-44", "code.vuln.aud_check_missing"),
    ("auth/jwt.py", "50-51", "code.bug.swallowed_error"),
    ("deploy/worker.yaml", "6-6", "code.vuln.hardcoded_secret"),
    ("gateway/routes/files.js", "25-25", "code.vuln.path_traversal"),
    ("gateway/routes/files.js", "27-27", "code.vuln.command_injection"),
    ("orders/search.py", "26-26", "code.vuln.sql_injection"),
    ("orders/search.py", "29-29", "code.vuln.unsafe_deserialisation"),
    ("orders/search.py", "35-35", "code.vuln.authz_missing"),
    ("webhooks/main.go", "22-22", "code.vuln.tls_verification_disabled"),
    ("webhooks/main.go", "28-28", "code.bug.swallowed_error"),
    ("webhooks/main.go", "29-29", "code.bug.resource_leak"),
    ("webhooks/main.go", "29-29", "code.vuln.ssrf"),
    ("webhooks/src/quota.rs", "27-27", "code.bug.panic_on_request"),
    ("webhooks/src/quota.rs", "28-28", "code.quality.security_todo"),
];

#[test]
fn the_fixture_is_reviewed_as_recorded() {
    let answer = run(DIFF);
    let found: Vec<(&str, &str, &str)> = answer
        .findings
        .iter()
        .map(|finding| {
            (
                finding.file.as_deref().unwrap(),
                finding.span.as_deref().unwrap(),
                finding.kind.as_str(),
            )
        })
        .collect();
    assert_eq!(found, EXPECTED);
    assert_eq!(answer.pieces.len(), EXPECTED.len() + 1);
    assert_eq!(
        answer.pieces[0],
        "15 findings (10 high, 4 medium, 1 low). Reviewed 89 lines in 6 files.\n"
    );
    assert_eq!(
        answer,
        run(&format!("Please review this change:\n\n```diff\n{DIFF}```\n"))
    );
}

#[test]
fn evidence_quotes_added_lines_and_never_a_whole_secret() {
    let added: Vec<&str> = DIFF.lines().filter_map(|line| line.strip_prefix('+')).collect();
    for finding in run(DIFF).findings {
        let quote = finding.evidence[0].content.clone().unwrap();
        let first = quote.lines().next().unwrap();
        assert!(added.iter().any(|line| line.contains(first)), "{first}");
        assert!(!quote.contains("q7V3x") && !quote.contains("Tr4ve"), "{quote}");
        assert_eq!(finding.evidence[0].lines, finding.span);
    }
}

#[test]
fn ids_are_unique_well_formed_and_survive_a_move() {
    let ids = |text: &str| run(text).findings.into_iter().map(|f| f.id).collect::<Vec<_>>();
    let code = "```python src/a.py\nvalue = eval(x)\nvalue = eval(x)\n```\n";
    let moved = code.replace("a.py\n", "a.py\n\n\n");
    assert_eq!(ids(code), ids(&moved));
    let all: BTreeSet<String> = ids(DIFF).into_iter().chain(ids(code)).collect();
    assert_eq!(all.len(), EXPECTED.len() + 2);
    let is_id = pattern::Pattern::plain("^F-[A-Za-z0-9_-]{1,64}$");
    assert!(all.iter().all(|id| is_id.is_match(id)));
}

#[test]
fn lines_that_were_there_before_are_not_reported() {
    let diff =
        "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,3 @@\n value = eval(x)\n+y = 1\n-z = eval(y)\n q = eval(y)\n";
    assert!(run(diff).findings.is_empty());
}

#[test]
fn a_callers_data_raises_severity_and_confidence() {
    let known = findings(Language::Python, "a.py", "os.system(line)\n");
    let foreign = findings(
        Language::Python,
        "a.py",
        "line = request.args['l']\nos.system(line)\n",
    );
    assert_eq!((known[0].severity, known[0].confidence), (Severity::Medium, 0.5));
    assert_eq!(
        (foreign[0].severity, foreign[0].confidence),
        (Severity::High, 0.95)
    );
}

#[test]
fn tests_are_excused_but_for_tokens_of_known_formats() {
    let token = concat!("key = 'gl", "pat-x7Qm2Lw9Zr4Tb8Kd3Vn6'\nvalue = eval(x)\n");
    let found = findings(Language::Python, "tests/test_a.py", token);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].confidence, 0.95 * 0.5);
}

#[test]
fn the_worst_two_hundred_are_kept_in_order() {
    let code = "import pickle\n".to_owned() + &"requests.get(u)\n".repeat(250) + "x = pickle.loads(b)\n";
    let report = report::review(&[SourceFile::whole(None, Language::Python, &code)]);
    assert_eq!((report.findings.len(), report.omitted), (200, 51));
    assert_eq!(report.findings[199].kind, "code.vuln.unsafe_deserialisation");
    let text = report::pieces(&report, 1, 252).concat();
    assert!(text.starts_with("251 findings (1 high, 199 low)."), "{text}");
    assert!(text.ends_with("51 findings of lower severity left out.\n"));
}

#[test]
fn text_without_defects_says_so_with_the_confidence_it_has() {
    let clean = run("def f(x):\n    return x + 1\n\nimport os\n");
    assert_eq!(clean.pieces, ["No findings. Reviewed 4 lines in 1 file.\n"]);
    assert_eq!(clean.confidence, NOTHING_FOUND);
    assert_eq!(
        run("A sentence about nothing in particular.").confidence,
        NOTHING_KNOWN
    );
}

#[test]
fn one_long_line_is_looked_through_in_linear_time() {
    let line = "requests.get(u); token = hashlib.md5(x); ".repeat(4_000);
    let found = findings(Language::Python, "a.py", &line);
    assert!(
        found
            .iter()
            .any(|finding| finding.kind == "code.quality.no_timeout"),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .all(|finding| finding.evidence[0].content.as_ref().unwrap().len() <= 500)
    );
}

#[test]
fn max_tokens_cut_the_text_and_not_the_findings() {
    let answer = Reviewer
        .run(&Brief {
            content: Arc::new(Content::prompt(DIFF)),
            max_tokens: Some(120),
        })
        .unwrap();
    assert!(answer.is_cut && tokens(answer.pieces.concat().len()) <= 120);
    assert_eq!(answer.findings.len(), EXPECTED.len());
}

#[test]
fn a_diff_of_which_nothing_can_be_read_is_refused() {
    let brief = Brief {
        content: Arc::new(Content::prompt(
            "--- a/x\n+++ b/x\n@@ -9 +1 @@\n-x\n+one\n@@ -1 +1 @@\n-x\n+y\n",
        )),
        max_tokens: None,
    };
    assert_eq!(Reviewer.run(&brief).unwrap_err().code, Code::BadInput);
}

proptest! {
    #[test]
    fn any_text_is_answered_alike_twice(text in "(\\PC|\n){1,300}") {
        prop_assert_eq!(
            Reviewer.run(&Brief { content: Arc::new(Content::prompt(text.clone())), max_tokens: None }).ok(),
            Reviewer.run(&Brief { content: Arc::new(Content::prompt(text)), max_tokens: None }).ok()
        );
    }
}
