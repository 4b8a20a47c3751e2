//! `keywords.local`: the phrases that name what a text is about.
//!
//! TextRank: words that stand near each other are joined in a graph, weighted PageRank ranks them, and runs of words
//! between stop words and punctuation are scored by the ranks of their words and how often they occur. A phrase within a
//! better one is not named again.
//!
//! **Length.** At most [`MAX_KEYWORDS`], fewer if `max_tokens` is short of them.
//! **Bounds.** Only the first [`MAX_WORDS`] words that carry meaning are ranked; text as everywhere.

mod phrases;
mod words;

use atp_protocol::adapter::Capability;
use atp_protocol::error::{Code, Fault};
use serde_json::json;

use super::task::{Answer, Brief, Task, tokens};
use super::{capability, material};
use phrases::Keyword;

/// Most keywords named.
const MAX_KEYWORDS: usize = 10;

/// Most words ranked.
const MAX_WORDS: usize = 50_000;

/// `keywords.local`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keywords;

impl Task for Keywords {
    fn capability(&self) -> Capability {
        capability("keywords.local", &["extract_keywords", "keywords"])
    }

    fn run(&self, brief: &Brief) -> Result<Answer, Fault> {
        let text = material::text(&brief.content)?;
        let runs = words::runs(material::without_instruction(&text));
        let ranked = phrases::rank(&runs);
        if ranked.is_empty() {
            return Err(Fault::new(
                Code::BadInput,
                "no words to choose from: only code, tables or markup",
            ));
        }
        let (keywords, is_cut) = within(ranked, brief.max_tokens);
        Ok(Answer {
            pieces: pieces(&keywords),
            data: Some(json!({
                "language": runs.language,
                "keywords": keywords.iter().map(|keyword| json!({
                    "text": keyword.text,
                    "score": keyword.score,
                    "count": keyword.count,
                })).collect::<Vec<_>>(),
            })),
            findings: Vec::new(),
            // How much of what the text says with words that carry meaning it says with these.
            confidence: 0.5 + 0.5 * phrases::coverage(&runs, &keywords),
            is_cut,
        })
    }
}

/// The best keywords that `max_tokens` have room for, and whether some had to go.
fn within(mut ranked: Vec<Keyword>, max_tokens: Option<u64>) -> (Vec<Keyword>, bool) {
    ranked.truncate(MAX_KEYWORDS);
    let all = ranked.len();
    while ranked.len() > 1 && max_tokens.is_some_and(|max| tokens(pieces(&ranked).concat().len()) > max) {
        ranked.pop();
    }
    let is_cut = ranked.len() < all;
    (ranked, is_cut)
}

/// The keywords with commas between.
fn pieces(keywords: &[Keyword]) -> Vec<String> {
    keywords
        .iter()
        .enumerate()
        .map(|(at, keyword)| match at {
            0 => keyword.text.clone(),
            _ => format!(", {}", keyword.text),
        })
        .collect()
}

#[cfg(test)]
mod tests;
