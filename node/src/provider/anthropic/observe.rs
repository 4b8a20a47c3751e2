//! Looks at a stream that is forwarded; the names of events tell which few are worth parsing.

use std::borrow::Cow;

use atp_actors::adapter::{LaneFinal, Metered};
use atp_protocol::error::{Code, Fault};
use memchr::memmem::Finder;

use super::event::{StreamEvent, Usage};
use crate::provider::count::{Key, OutputCount};
use crate::provider::refusal::Refusal;
use crate::provider::run::{Observe, Verdict};
use crate::provider::sse::Event;
use crate::wire::anthropic::finish_reason;

pub(in crate::provider) struct Observer {
    usage: Usage,
    is_done: bool,
    output: OutputCount,
    end: LaneFinal,
    refusal: Refusal,
}

impl Observer {
    pub(in crate::provider) fn new(refusal: Refusal) -> Self {
        Self {
            usage: Usage::default(),
            is_done: false,
            output: OutputCount::default(),
            end: LaneFinal::default(),
            refusal,
        }
    }

    fn parse(&mut self, data: &[u8]) {
        // What cannot be read is the client's to judge.
        let event: StreamEvent<'_> = serde_json::from_slice(data).unwrap_or_default();
        let head = event.message.unwrap_or_default();
        self.end.model = head.model.map(Cow::into_owned).or(self.end.model.take());
        for usage in head.usage.into_iter().chain(event.usage) {
            self.usage.merge(usage);
        }
        if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
            self.end.finish_reason = Some(finish_reason(&reason).to_owned());
        }
    }
}

impl Observe for Observer {
    fn event(&mut self, event: &Event<'_>) -> Result<Verdict, Fault> {
        let Some(data) = event.data.as_deref() else {
            return Ok(Verdict::Forward(0));
        };
        match event.name {
            b"content_block_delta" => return Ok(Verdict::Forward(self.output.piece(output_bytes(data)))),
            b"message_start" | b"message_delta" => self.parse(data),
            b"message_stop" => {
                self.is_done = true;
                return Ok(Verdict::Last);
            }
            b"error" => return Err(self.refusal.event(data)),
            _ => {}
        }
        Ok(Verdict::Forward(0))
    }

    fn usage(&self) -> Option<Metered> {
        self.usage.metered()
    }

    fn end(&mut self) -> Result<LaneFinal, Fault> {
        if !self.is_done && self.end.finish_reason.is_none() {
            return Err(self
                .refusal
                .fault(Code::Adapter, "the stream ended before message_stop"));
        }
        Ok(LaneFinal {
            usage: self.usage.metered(),
            ..std::mem::take(&mut self.end)
        })
    }
}

static TEXT: Key = Key::new(|| Finder::new("\"text\""));
static THINKING: Key = Key::new(|| Finder::new("\"thinking\""));
static INPUT: Key = Key::new(|| Finder::new("\"partial_json\""));

/// Bytes of output in a delta.
fn output_bytes(data: &[u8]) -> usize {
    TEXT.bytes(data) + THINKING.bytes(data) + INPUT.bytes(data)
}
