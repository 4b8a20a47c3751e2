//! Looks at a stream that is forwarded, without parsing chunks that say nothing of interest.

use atp_actors::adapter::{LaneFinal, Metered};
use atp_protocol::error::{Code, Fault};
use memchr::memmem::Finder;

use super::chunk::Chunk;
use crate::provider::count::{Key, OutputCount};
use crate::provider::refusal::Refusal;
use crate::provider::run::{Observe, Verdict};
use crate::provider::sse::Event;

pub(in crate::provider) struct Observer {
    wants_usage: bool,
    has_begun: bool,
    is_done: bool,
    output: OutputCount,
    end: LaneFinal,
    refusal: Refusal,
}

impl Observer {
    pub(in crate::provider) fn new(wants_usage: bool, refusal: Refusal) -> Self {
        Self {
            wants_usage,
            has_begun: false,
            is_done: false,
            output: OutputCount::default(),
            end: LaneFinal::default(),
            refusal,
        }
    }

    /// Reads a chunk that says something.
    fn parse(&mut self, data: &[u8]) -> Result<Verdict, Fault> {
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
            // Not ours to judge: the client reads it, or reports it.
            return Ok(Verdict::Forward(0));
        };
        if chunk.error.is_some() {
            return Err(self.refusal.event(data));
        }
        if let Some(model) = chunk.model {
            self.end.model.get_or_insert_with(|| model.into_owned());
        }
        let usage = chunk.usage.and_then(|usage| usage.metered());
        self.end.usage = usage.or(self.end.usage);
        let choices = chunk.choices.unwrap_or_default();
        if usage.is_some() && choices.is_empty() && !self.wants_usage {
            return Ok(Verdict::Withhold);
        }
        for choice in choices {
            if let Some(reason) = choice.finish_reason {
                self.end.finish_reason = Some(reason.into_owned());
            }
        }
        Ok(Verdict::Forward(self.output.piece(output_bytes(data))))
    }
}

impl Observe for Observer {
    fn event(&mut self, event: &Event<'_>) -> Result<Verdict, Fault> {
        let Some(data) = event.data.as_deref().map(<[u8]>::trim_ascii) else {
            return Ok(Verdict::Forward(0));
        };
        if data == b"[DONE]" {
            self.is_done = true;
            return Ok(Verdict::Last);
        }
        if event.name == b"error" {
            return Err(self.refusal.event(data));
        }
        // The first chunk names the model.
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first || ERROR.says_something(data) || USAGE.says_something(data) || FINISH.says_something(data)
        {
            return self.parse(data);
        }
        Ok(Verdict::Forward(self.output.piece(output_bytes(data))))
    }

    fn usage(&self) -> Option<Metered> {
        self.end.usage
    }

    fn end(&mut self) -> Result<LaneFinal, Fault> {
        // Some servers close the connection after the finish reason instead of saying [DONE].
        if self.is_done || self.end.finish_reason.is_some() {
            return Ok(std::mem::take(&mut self.end));
        }
        Err(self
            .refusal
            .fault(Code::Adapter, "the stream ended before its last chunk"))
    }
}

static ERROR: Key = Key::new(|| Finder::new("\"error\""));
static USAGE: Key = Key::new(|| Finder::new("\"usage\""));
static FINISH: Key = Key::new(|| Finder::new("\"finish_reason\""));
/// Also `reasoning_content`.
static CONTENT: Key = Key::new(|| Finder::new("content\""));
static ARGUMENTS: Key = Key::new(|| Finder::new("\"arguments\""));

/// Bytes of output in a chunk, quotes and braces aside.
fn output_bytes(data: &[u8]) -> usize {
    CONTENT.bytes(data) + ARGUMENTS.bytes(data)
}
