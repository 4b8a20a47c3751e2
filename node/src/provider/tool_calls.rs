//! Tool calls gathered from deltas.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The calls of one answer, by their index. Bounded by the bytes they may hold.
#[derive(Debug)]
pub(super) struct ToolCalls {
    calls: BTreeMap<u64, ToolCall>,
    room: usize,
}

#[derive(Debug, Default)]
struct ToolCall {
    id: String,
    name: String,
    arguments: String,
}

/// What a delta adds; absent parts are empty.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ToolDelta<'a> {
    /// Which call; a call of its own from servers that send whole calls without a number.
    pub(super) index: Option<u64>,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
}

/// The calls are larger than they may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tool calls over the answer limit; raise it or ask for less")]
pub(super) struct TooLarge;

impl ToolCalls {
    pub(super) fn within(bytes: usize) -> Self {
        Self {
            calls: BTreeMap::new(),
            room: bytes,
        }
    }

    pub(super) fn add(&mut self, delta: ToolDelta<'_>) -> Result<(), TooLarge> {
        // An entry costs room too, so that empty deltas cannot be gathered without end.
        let size = delta.id.len() + delta.name.len() + delta.arguments.len() + size_of::<ToolCall>();
        self.room = self.room.checked_sub(size).ok_or(TooLarge)?;
        let next = self
            .calls
            .keys()
            .next_back()
            .map_or(0, |last| last.saturating_add(1));
        let call = self.calls.entry(delta.index.unwrap_or(next)).or_default();
        if call.id.is_empty() {
            call.id.push_str(delta.id);
        }
        if call.name.is_empty() {
            call.name.push_str(delta.name);
        }
        call.arguments.push_str(delta.arguments);
        Ok(())
    }

    /// Whether a call of this index has begun.
    pub(super) fn has(&self, index: u64) -> bool {
        self.calls.contains_key(&index)
    }

    /// The calls in the OpenAI shape, in order; `None` if there are none. A call without arguments has an empty object.
    pub(super) fn take(&mut self) -> Option<Value> {
        let calls = std::mem::take(&mut self.calls);
        let call = |ToolCall { id, name, arguments }| {
            let arguments = if arguments.is_empty() {
                "{}".to_owned()
            } else {
                arguments
            };
            json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
        };
        (!calls.is_empty()).then(|| calls.into_values().map(call).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_are_merged_by_index_and_bounded() {
        let mut calls = ToolCalls::within(1_000);
        let add = |calls: &mut ToolCalls, index, id, name, arguments| {
            calls.add(ToolDelta {
                index,
                id,
                name,
                arguments,
            })
        };
        add(&mut calls, Some(1), "b", "g", "").unwrap();
        add(&mut calls, Some(0), "a", "f", "{\"x\"").unwrap();
        add(&mut calls, Some(0), "", "", ":1}").unwrap();
        add(&mut calls, None, "c", "h", "{}").unwrap();
        assert_eq!(
            add(&mut calls, Some(0), "", "", &"x".repeat(1_000)),
            Err(TooLarge)
        );
        let taken = calls.take().unwrap();
        let ids: Vec<_> = taken.as_array().unwrap().iter().map(|call| &call["id"]).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(taken[0]["function"]["arguments"], "{\"x\":1}");
        assert_eq!(taken[1]["function"]["arguments"], "{}");
        assert_eq!(calls.take(), None);
    }
}
