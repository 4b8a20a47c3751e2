//! Reads a stream for its content.

use std::borrow::Cow;

use atp_actors::adapter::{LaneFinal, Partial};
use atp_protocol::error::{Code, Fault};

use super::event::{Block, Delta, StreamEvent, Usage};
use crate::provider::refusal::Refusal;
use crate::provider::run::Read;
use crate::provider::sse::Event;
use crate::provider::tool_calls::{ToolCalls, ToolDelta};
use crate::wire::anthropic::finish_reason;

/// The events that say something.
const READ: [&[u8]; 6] = [
    b"message_start",
    b"content_block_start",
    b"content_block_delta",
    b"message_delta",
    b"message_stop",
    b"error",
];

pub(in crate::provider) struct Reader {
    usage: Usage,
    is_done: bool,
    end: LaneFinal,
    calls: ToolCalls,
    refusal: Refusal,
}

impl Reader {
    /// `limit`: most bytes of tool calls gathered.
    pub(in crate::provider) fn new(limit: usize, refusal: Refusal) -> Self {
        Self {
            usage: Usage::default(),
            is_done: false,
            end: LaneFinal::default(),
            calls: ToolCalls::within(limit),
            refusal,
        }
    }

    fn add(&mut self, delta: ToolDelta<'_>) -> Result<(), Fault> {
        self.calls
            .add(delta)
            .map_err(|error| self.refusal.fault(Code::Adapter, error))
    }

    fn block(&mut self, index: Option<u64>, block: &Block<'_>, out: &mut Partial) -> Result<(), Fault> {
        out.text.push_str(block.text.as_deref().unwrap_or_default());
        // Tools that run at the provider have kinds of their own, and nobody here to answer them.
        if block.kind != "tool_use" {
            return Ok(());
        }
        self.add(ToolDelta {
            index,
            id: block.id.as_deref().unwrap_or_default(),
            name: block.name.as_deref().unwrap_or_default(),
            arguments: "",
        })
    }

    fn delta(&mut self, index: Option<u64>, delta: &Delta<'_>, out: &mut Partial) -> Result<(), Fault> {
        out.text.push_str(delta.text.as_deref().unwrap_or_default());
        match (&delta.partial_json, index) {
            (Some(arguments), Some(index)) if self.calls.has(index) => self.add(ToolDelta {
                index: Some(index),
                arguments,
                ..ToolDelta::default()
            }),
            _ => Ok(()),
        }
    }
}

impl Read for Reader {
    fn event(&mut self, event: &Event<'_>, out: &mut Partial) -> Result<bool, Fault> {
        let Some(data) = event.data.as_deref() else {
            return Ok(false);
        };
        // Kinds that are added one day may give known names another type.
        if !event.name.is_empty() && !READ.contains(&event.name) {
            return Ok(false);
        }
        let parsed: StreamEvent<'_> = serde_json::from_slice(data).map_err(|_| {
            self.refusal
                .fault(Code::Adapter, "sent an event that is not its protocol's JSON")
        })?;
        for usage in parsed
            .message
            .as_ref()
            .and_then(|head| head.usage)
            .into_iter()
            .chain(parsed.usage)
        {
            self.usage.merge(usage);
        }
        out.usage = self.usage.metered();
        let delta = parsed.delta.unwrap_or_default();
        match parsed.kind.as_ref() {
            "message_start" => {
                self.end.model = parsed.message.and_then(|head| head.model).map(Cow::into_owned)
            }
            "content_block_start" => {
                self.block(parsed.index, &parsed.content_block.unwrap_or_default(), out)?
            }
            "content_block_delta" => self.delta(parsed.index, &delta, out)?,
            "message_delta" => {
                if let Some(reason) = delta.stop_reason {
                    self.end.finish_reason = Some(finish_reason(&reason).to_owned());
                }
            }
            "message_stop" => self.is_done = true,
            "error" => return Err(self.refusal.event(data)),
            _ => {}
        }
        Ok(self.is_done)
    }

    fn end(&mut self) -> Result<LaneFinal, Fault> {
        if !self.is_done && self.end.finish_reason.is_none() {
            return Err(self
                .refusal
                .fault(Code::Adapter, "the stream ended before message_stop"));
        }
        Ok(LaneFinal {
            usage: self.usage.metered(),
            tool_calls: self.calls.take(),
            ..std::mem::take(&mut self.end)
        })
    }
}
