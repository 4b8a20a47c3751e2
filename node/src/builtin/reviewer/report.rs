//! Hits to findings: identity, order, the cap, and the report's text.

use std::collections::BTreeMap;

use atp_protocol::finding::{Evidence, Finding, Severity};
use ring::digest;

use super::matching::{Hit, hits};
use super::source::{Block, SourceFile};

/// Most findings one report may hold (routing.md section 14).
const MAX_FINDINGS: usize = 200;

/// Longest quote, in characters.
const MAX_QUOTE: usize = 500;

/// What a review found.
pub(super) struct Report {
    /// By file in their order, then by line, then by kind; the worst 200 if there were more.
    pub findings: Vec<Finding>,
    /// Findings left out.
    pub omitted: usize,
}

/// Reviews files.
pub(super) fn review(files: &[SourceFile]) -> Report {
    let mut findings = Vec::new();
    let mut seen = BTreeMap::new();
    for file in files {
        let mut of_file: Vec<(usize, Finding)> = Vec::new();
        for block in &file.blocks {
            let mut found = hits(file, block);
            // The surest of several rules of one kind speaks for all on a line.
            found.sort_by(|a, b| {
                let place = |hit: &Hit| (hit.lines.0, hit.rule.kind);
                place(a)
                    .cmp(&place(b))
                    .then(b.confidence.total_cmp(&a.confidence))
            });
            found.dedup_by_key(|hit| (hit.lines.0, hit.rule.kind));
            of_file.extend(found.iter().map(|hit| {
                let finding = finding(file, block, hit, &mut seen);
                (block.lines[hit.lines.0].number, finding)
            }));
        }
        of_file.sort_by_key(|&(line, _)| line);
        findings.extend(of_file.into_iter().map(|(_, finding)| finding));
    }
    cap(findings)
}

/// Keeps the worst, then the surest, without changing the order.
fn cap(findings: Vec<Finding>) -> Report {
    let omitted = findings.len().saturating_sub(MAX_FINDINGS);
    if omitted == 0 {
        return Report { findings, omitted };
    }
    let mut ranked: Vec<(usize, Finding)> = findings.into_iter().enumerate().collect();
    ranked.sort_by(|(_, a), (_, b)| {
        b.severity
            .cmp(&a.severity)
            .then(b.confidence.total_cmp(&a.confidence))
    });
    ranked.truncate(MAX_FINDINGS);
    ranked.sort_by_key(|&(at, _)| at);
    Report {
        findings: ranked.into_iter().map(|(_, finding)| finding).collect(),
        omitted,
    }
}

fn finding(file: &SourceFile, block: &Block, hit: &Hit, seen: &mut BTreeMap<String, usize>) -> Finding {
    let number = |at: usize| block.lines[at].number;
    let span = format!("{}-{}", number(hit.lines.0), number(hit.lines.1));
    let quote = quote(&block.text()[hit.quote.clone()]);
    Finding {
        id: id(hit.rule.kind, file.path.as_deref(), &quote, seen),
        kind: hit.rule.kind.to_owned(),
        claim: hit.rule.claim.to_owned(),
        severity: hit.severity,
        critical: false,
        confidence: hit.confidence,
        file: file.path.clone(),
        span: Some(span.clone()),
        evidence: vec![Evidence {
            kind: "code".to_owned(),
            file: file.path.clone(),
            lines: Some(span),
            content: Some(quote),
        }],
        proposed_fix: Some(hit.rule.fix.to_owned()),
        tests: Vec::new(),
        provenance: Vec::new(),
    }
}

/// Stays the same when the code moves to another line. `seen` counts equal places, which are numbered.
fn id(kind: &str, file: Option<&str>, quote: &str, seen: &mut BTreeMap<String, usize>) -> String {
    let place = [kind, file.unwrap_or_default(), quote].join("\n");
    let before = seen.entry(place.clone()).or_default();
    let hash = digest::digest(&digest::SHA256, format!("{place}\n{before}").as_bytes());
    *before += 1;
    format!("F-{}", hex::encode(&hash.as_ref()[..6]))
}

fn quote(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

/// The report as text, in the pieces it is streamed in: a line for the whole, then one for each finding.
pub(super) fn pieces(report: &Report, files: usize, lines: usize) -> Vec<String> {
    let count = |severity| {
        report
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let reviewed = format!("{} in {}", plural(lines, "line"), plural(files, "file"));
    if report.findings.is_empty() {
        return vec![format!("No findings. Reviewed {reviewed}.\n")];
    }
    let mut by_severity = Vec::new();
    for severity in [Severity::High, Severity::Medium, Severity::Low, Severity::Info] {
        if count(severity) > 0 {
            by_severity.push(format!("{} {}", count(severity), word(severity)));
        }
    }
    let mut pieces = vec![format!(
        "{} ({}). Reviewed {reviewed}.\n",
        plural(report.findings.len() + report.omitted, "finding"),
        by_severity.join(", "),
    )];
    pieces.extend(report.findings.iter().map(|finding| {
        format!(
            "\n- **{}** {}{} `{}` ({:.2}): {} {}\n",
            word(finding.severity),
            finding.file.as_deref().unwrap_or("line"),
            finding
                .span
                .as_deref()
                .map_or(String::new(), |span| format!(":{span}")),
            finding.kind,
            finding.confidence,
            finding.claim,
            finding.proposed_fix.as_deref().unwrap_or_default(),
        )
    }));
    if report.omitted > 0 {
        pieces.push(format!(
            "\n{} of lower severity left out.\n",
            plural(report.omitted, "finding")
        ));
    }
    pieces
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
    }
}
