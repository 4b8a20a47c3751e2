//! Reads a stream for its content.

use std::collections::BTreeMap;

use atp_actors::adapter::{LaneFinal, Partial};
use atp_protocol::error::{Code, Fault};
use serde_json::{Value, json};

use super::chunk::{Chunk, ToolDelta};
use crate::provider::refusal::Refusal;
use crate::provider::run::Read;
use crate::provider::sse::Event;

pub(super) struct Reader {
    is_done: bool,
    end: LaneFinal,
    calls: BTreeMap<u64, ToolCall>,
    /// Bytes of tool calls that may still be gathered.
    room: usize,
    refusal: Refusal,
}

/// A tool call as far as it is known.
#[derive(Debug, Default)]
pub(super) struct ToolCall {
    id: String,
    name: String,
    arguments: String,
}

impl ToolCall {
    /// The call in the OpenAI shape.
    pub(super) fn into_value(self) -> Value {
        json!({
            "id": self.id,
            "type": "function",
            "function": { "name": self.name, "arguments": self.arguments },
        })
    }
}

impl Reader {
    /// `limit`: most bytes of tool calls gathered.
    pub(super) fn new(limit: usize, refusal: Refusal) -> Self {
        Self {
            is_done: false,
            end: LaneFinal::default(),
            calls: BTreeMap::new(),
            room: limit,
            refusal,
        }
    }

    fn tool_delta(&mut self, delta: ToolDelta<'_>) -> Result<(), Fault> {
        let function = delta.function.unwrap_or_default();
        let id = delta.id.as_deref().unwrap_or_default();
        let name = function.name.as_deref().unwrap_or_default();
        let arguments = function.arguments.as_deref().unwrap_or_default();
        // An entry costs room too, so that empty deltas cannot be gathered without end.
        let size = id.len() + name.len() + arguments.len() + 1;
        self.room = self.room.checked_sub(size).ok_or_else(|| {
            self.refusal.fault(
                Code::Adapter,
                "tool calls over the answer limit; raise it or ask for less",
            )
        })?;
        let next = self
            .calls
            .keys()
            .next_back()
            .map_or(0, |last| last.saturating_add(1));
        let call = self.calls.entry(delta.index.unwrap_or(next)).or_default();
        if call.id.is_empty() {
            call.id.push_str(id);
        }
        if call.name.is_empty() {
            call.name.push_str(name);
        }
        call.arguments.push_str(arguments);
        Ok(())
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
                self.tool_delta(call)?;
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
        let calls: Vec<_> = std::mem::take(&mut self.calls)
            .into_values()
            .map(ToolCall::into_value)
            .collect();
        end.tool_calls = (!calls.is_empty()).then_some(Value::Array(calls));
        Ok(end)
    }
}
