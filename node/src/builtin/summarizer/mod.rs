//! `summarizer.local`: the sentences of a text that say most of it, in their order.
//!
//! Sentences are vertices, joined by the cosine of their TF-IDF vectors; weighted PageRank, with jumps that favour the
//! lead and what the headings name, ranks them; maximal marginal relevance picks them, so that nothing is said twice.
//!
//! **Length.** A third of the text, 256 tokens unless asked otherwise, never more than `max_tokens`. A first sentence
//! longer than that is cut at a word.
//! **Bounds.** Over 5 000 sentences is `ECONTEXT`; text as everywhere.

mod choice;
mod document;
mod similarity;

use atp_protocol::adapter::Capability;
use atp_protocol::error::{Code, Fault};
use serde_json::json;

use super::task::{Answer, Brief, Task, tokens};
use super::{capability, material, text};
use document::Document;

/// Most sentences that are ranked.
const MAX_SENTENCES: usize = 5_000;

/// Length of a summary when the request names none, in tokens.
const DEFAULT_TOKENS: u64 = 256;

/// `summarizer.local`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summarizer;

impl Task for Summarizer {
    fn capability(&self) -> Capability {
        capability("summarizer.local", &["summarize", "summarization"])
    }

    fn run(&self, brief: &Brief) -> Result<Answer, Fault> {
        let text = material::text(&brief.content)?;
        let body = material::without_instruction(&text);
        let document = Document::read(body);
        if document.sentences.len() > MAX_SENTENCES {
            return Err(Fault::new(
                Code::Context,
                format!(
                    "{} sentences; at most {MAX_SENTENCES} are ranked, split the text",
                    document.sentences.len()
                ),
            )
            .terminal());
        }
        if document.sentences.is_empty() {
            return Err(Fault::new(
                Code::BadInput,
                "no prose to summarise: only code, tables or markup",
            ));
        }
        Ok(summarize(&document, length(body, brief.max_tokens)))
    }
}

/// Length of the summary in bytes.
fn length(body: &str, max_tokens: Option<u64>) -> usize {
    let third = tokens(body.len()).div_ceil(3);
    let limit = max_tokens.unwrap_or(DEFAULT_TOKENS).min(third.max(24));
    // A request may name any number; the text bounds what it can come to.
    usize::try_from(limit).unwrap_or(usize::MAX).saturating_mul(4)
}

fn summarize(document: &Document, budget: usize) -> Answer {
    let vectors = similarity::vectors(document);
    let edges = similarity::edges(&vectors);
    let ranks = text::page_rank(&edges, &document.prior(&vectors));
    let chosen = choice::choose(document, &vectors, &ranks, budget);
    let (pieces, is_cut) = choice::pieces(document, &chosen, budget);
    Answer {
        pieces,
        data: Some(json!({
            "language": document.language,
            "sentences": document.sentences.len(),
            "chosen": chosen.iter().map(|&at| json!({ "sentence": at, "rank": ranks[at] })).collect::<Vec<_>>(),
        })),
        findings: Vec::new(),
        // An extract cannot say what the text does not; what it may miss is the other half.
        confidence: 0.5 + 0.5 * similarity::coverage(&vectors, &chosen),
        is_cut,
    }
}

#[cfg(test)]
mod tests;
