//! Reads a stream for its content.

use atp_actors::adapter::{LaneFinal, Partial};
use atp_protocol::error::{Code, Fault};

use super::chunk::Chunk;
use crate::provider::refusal::Refusal;
use crate::provider::run::Read;
use crate::provider::sse::Event;
use crate::provider::tool_calls::{ToolCalls, ToolDelta};

pub(in crate::provider) struct Reader {
    is_done: bool,
    end: LaneFinal,
    calls: ToolCalls,
    refusal: Refusal,
}

impl Reader {
    /// `limit`: most bytes of tool calls gathered.
    pub(in crate::provider) fn new(limit: usize, refusal: Refusal) -> Self {
        Self {
            is_done: false,
            end: LaneFinal::default(),
            calls: ToolCalls::within(limit),
            refusal,
        }
    }
}

impl Read for Reader {
    fn event(&mut self, event: &Event<'_>, out: &mut Partial) -> Result<bool, Fault> {
        let Some(data) = event.data.as_deref().map(<[u8]>::trim_ascii) else {
            return Ok(false);
        };
        if data == b"[DONE]" {
            self.is_done = true;
            return Ok(true);
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(|_| {
            self.refusal
                .fault(Code::Adapter, "sent a chunk that is not its protocol's JSON")
        })?;
        if chunk.error.is_some() || event.name == b"error" {
            return Err(self.refusal.event(data));
        }
        if let Some(model) = chunk.model {
            self.end.model.get_or_insert_with(|| model.into_owned());
        }
        if let Some(usage) = chunk.usage.and_then(|usage| usage.metered()) {
            self.end.usage = Some(usage);
        }
        out.usage = self.end.usage;
        for choice in chunk.choices.unwrap_or_default() {
            if choice.index != 0 {
                continue;
            }
            let delta = choice.delta.unwrap_or_default();
            out.text.push_str(delta.content.as_deref().unwrap_or_default());
            out.text.push_str(delta.refusal.as_deref().unwrap_or_default());
            for call in delta.tool_calls.unwrap_or_default() {
                let function = call.function.unwrap_or_default();
                let delta = ToolDelta {
                    index: call.index,
                    id: call.id.as_deref().unwrap_or_default(),
                    name: function.name.as_deref().unwrap_or_default(),
                    arguments: function.arguments.as_deref().unwrap_or_default(),
                };
                let added = self.calls.add(delta);
                added.map_err(|error| self.refusal.fault(Code::Adapter, error))?;
            }
            if let Some(reason) = choice.finish_reason {
                self.end.finish_reason = Some(reason.into_owned());
            }
        }
        Ok(false)
    }

    fn end(&mut self) -> Result<LaneFinal, Fault> {
        if !self.is_done && self.end.finish_reason.is_none() {
            return Err(self
                .refusal
                .fault(Code::Adapter, "the stream ended before its last chunk"));
        }
        let mut end = std::mem::take(&mut self.end);
        end.tool_calls = self.calls.take();
        Ok(end)
    }
}
