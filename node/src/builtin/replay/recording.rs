//! A recorded stream: JSON Lines to chunks with their times.

use atp_actors::adapter::Metered;
use atp_protocol::adapter::UsageSource;
use atp_protocol::payload::UsageReport;
use serde::Deserialize;

use crate::chunk::Chunk;

/// Most chunks of a recording.
pub(super) const MAX_CHUNKS: usize = 100_000;

/// Longest recording in milliseconds: an hour, the longest deadline there is.
pub(super) const MAX_SPAN_MS: u64 = 3_600_000;

/// A checked recording: at least one chunk, times not falling.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording(Vec<Line>);

/// Why a text is not a recording. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// No line holds a chunk.
    #[error(
        "no chunks; give one JSON object per line, {{\"at_ms\":0,\"event\":{{\"type\":…,\"content\":…}}}}"
    )]
    Empty,
    /// A line is not a chunk.
    #[error("line {line}: {source}")]
    Line {
        /// Which.
        line: usize,
        /// Why not.
        source: serde_json::Error,
    },
    /// A chunk is earlier than the one before it, or later than an hour.
    #[error("line {line}: at_ms is {at_ms}, but must be from {from} to {MAX_SPAN_MS}")]
    Time {
        /// Which.
        line: usize,
        /// What it says.
        at_ms: u64,
        /// The time of the chunk before it.
        from: u64,
    },
    /// Too many chunks.
    #[error("more than {MAX_CHUNKS} chunks; cut the recording")]
    TooLong,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Line {
    at_ms: u64,
    event: Event,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    name: String,
    #[serde(default)]
    content: serde_json::Value,
    #[serde(default)]
    confidence: Option<f64>,
    #[serde(default)]
    usage: Option<UsageReport>,
}

impl Recording {
    /// Reads JSON Lines; empty lines and Markdown fences around them are skipped.
    ///
    /// # Errors
    /// [`RecordingError`], naming the line.
    pub fn read(text: &str) -> Result<Self, RecordingError> {
        let mut lines: Vec<Line> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let (number, line) = (at + 1, line.trim());
            if line.is_empty() || line.starts_with("```") {
                continue;
            }
            let line: Line =
                serde_json::from_str(line).map_err(|source| RecordingError::Line { line: number, source })?;
            let from = lines.last().map_or(0, |last| last.at_ms);
            if !(from..=MAX_SPAN_MS).contains(&line.at_ms) {
                return Err(RecordingError::Time {
                    line: number,
                    at_ms: line.at_ms,
                    from,
                });
            }
            if lines.len() == MAX_CHUNKS {
                return Err(RecordingError::TooLong);
            }
            lines.push(line);
        }
        if lines.is_empty() {
            return Err(RecordingError::Empty);
        }
        Ok(Self(lines))
    }

    /// The chunk at a position with its time, `None` after the last.
    pub(super) fn chunk(&self, at: usize) -> Option<(u64, Chunk<'_>)> {
        let Line { at_ms, event } = self.0.get(at)?;
        Some((
            *at_ms,
            Chunk {
                name: &event.name,
                content: event.content.clone(),
                confidence: event.confidence,
                usage: event.usage.map(metered),
            },
        ))
    }

    /// Usage of the whole as recorded, if it was.
    pub(super) fn usage(&self) -> Option<Metered> {
        let of_final = self.0.last().and_then(|line| line.event.content.get("usage"));
        let said = of_final.and_then(|usage| UsageReport::deserialize(usage).ok());
        let running = || self.0.iter().rev().find_map(|line| line.event.usage);
        said.or_else(running).map(metered)
    }

    /// Bytes of text in all results.
    pub(super) fn text_bytes(&self) -> usize {
        let text = |line: &Line| {
            line.event
                .content
                .get("text")
                .and_then(|text| text.as_str())
                .map_or(0, str::len)
        };
        self.0.iter().map(text).sum()
    }
}

const fn metered(usage: UsageReport) -> Metered {
    Metered {
        in_tokens: usage.in_tokens,
        out_tokens: usage.out_tokens,
        usd_micros: usage.usd_micros,
        source: UsageSource::Reported,
    }
}
