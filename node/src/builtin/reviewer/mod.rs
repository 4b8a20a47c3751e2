//! `reviewer.local`: defects in a unified diff or in source code, by rules.
//!
//! 1. [`input`] finds a diff, fenced code or a plain file in the conversation; [`diff`] keeps the new file's line numbers.
//! 2. [`language`] names the language; by its [`syntax`], [`mask`] tells code, strings and comments apart.
//! 3. [`rules`] is the table, one file per family; [`matching`] runs it, [`flow`] says what comes from outside.
//! 4. [`report`] turns hits into findings: stable ids, order of appearance, at most 200.
//!
//! Of a diff only added lines are reported. Patterns are ASCII and linear in the text. The confidence of a finding is its rule's,
//! raised when a caller's data provably reaches it on the lines shown.

mod diff;
mod flow;
mod input;
mod language;
mod mask;
mod matching;
mod pattern;
mod report;
mod rule;
mod rules;
#[cfg(test)]
mod samples;
mod source;
mod syntax;

use atp_protocol::adapter::Capability;
use atp_protocol::error::{Code, Fault};
use serde_json::json;

use super::task::{Answer, Brief, Task, tokens};
use super::{capability, material};
use language::Language;
use source::SourceFile;

/// Confidence in finding nothing: rules cannot prove that there is nothing to find.
const NOTHING_FOUND: f64 = 0.6;

/// The same when no rule but those for every language applied.
const NOTHING_KNOWN: f64 = 0.3;

/// `reviewer.local`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reviewer;

impl Task for Reviewer {
    fn capability(&self) -> Capability {
        capability("reviewer.local", &["code_review", "security_review"])
    }

    fn run(&self, brief: &Brief) -> Result<Answer, Fault> {
        let text = material::text(&brief.content)?;
        let input = input::read(&text);
        if let ([], [first, ..]) = (&input.files[..], &input.skipped[..]) {
            return Err(Fault::new(
                Code::BadInput,
                format!("no file of the diff can be read ({first}); send the output of git diff unchanged"),
            ));
        }
        let report = report::review(&input.files);
        let lines = input.files.iter().map(SourceFile::added).sum();
        let (pieces, is_cut) = within(
            report::pieces(&report, input.files.len(), lines),
            brief.max_tokens,
        );
        Ok(Answer {
            pieces,
            data: Some(json!({
                "files": input.files.iter().map(|file| json!({
                    "path": file.path,
                    "language": file.language.name(),
                    "lines": file.added(),
                })).collect::<Vec<_>>(),
                "skipped": input.skipped,
                "omitted": report.omitted,
            })),
            confidence: confidence(&report.findings, &input.files),
            findings: report.findings,
            is_cut,
        })
    }
}

/// The mean of the findings' confidences.
fn confidence(findings: &[atp_protocol::finding::Finding], files: &[SourceFile]) -> f64 {
    if !findings.is_empty() {
        return findings.iter().map(|finding| finding.confidence).sum::<f64>() / findings.len() as f64;
    }
    if files.iter().any(|file| file.language != Language::Other) {
        NOTHING_FOUND
    } else {
        NOTHING_KNOWN
    }
}

/// As many whole pieces as `max_tokens` allow, at least the first, and whether any were left out. The findings
/// themselves are always complete.
fn within(mut pieces: Vec<String>, max_tokens: Option<u64>) -> (Vec<String>, bool) {
    let mut bytes = 0;
    let fitting = pieces
        .iter()
        .take_while(|piece| {
            bytes += piece.len();
            max_tokens.is_none_or(|max| tokens(bytes) <= max)
        })
        .count()
        .max(1);
    let is_cut = fitting < pieces.len();
    pieces.truncate(fitting);
    (pieces, is_cut)
}

#[cfg(test)]
mod tests;
