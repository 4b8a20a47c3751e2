//! What is kept of a request that has ended.

use std::sync::Arc;

use atp_protocol::error::{Code, Fault};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::RUN_BYTES;
use crate::session::{Facts, Opened, Output, Repeat};

/// How a request ended.
pub(super) struct Outcome {
    facts: Facts,
    /// What a repeat is told; `None` for an answer too large to be kept.
    said: Option<Vec<Output>>,
    bytes: usize,
}

impl Outcome {
    /// What is kept of the end `last`; `None` for one after which the request may run again. `forwarded`: the provider's bytes
    /// that went before it, `None` where there were too many.
    pub(super) fn of(facts: Facts, last: Output, forwarded: Option<Bytes>) -> Option<Arc<Self>> {
        let is_kept = forwarded.is_some();
        let mut said = Vec::new();
        match last {
            Output::Failed(failure) if failure.fault.retry().is_retryable() => return None,
            Output::Final(mut answer) => {
                if answer.is_forwarded {
                    said.extend(forwarded.map(Output::Forward));
                } else {
                    answer.unsent.clone_from(&answer.text);
                }
                answer.telemetry.is_replay = true;
                said.push(Output::Final(answer));
            }
            other => said.push(other),
        }
        let bytes: usize = said.iter().map(size).sum();
        let is_kept = is_kept && bytes <= RUN_BYTES;
        Some(Arc::new(Self {
            facts,
            said: is_kept.then_some(said),
            bytes: if is_kept { bytes } else { 0 },
        }))
    }

    /// Bytes kept, roughly.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Tells it again.
    ///
    /// # Errors
    /// `EIDEM` for an answer that was not kept.
    pub(super) fn replay(&self) -> Result<Opened, Fault> {
        let Some(said) = &self.said else {
            let detail = "the request was answered, and its answer is too large to be kept; use a new key";
            return Err(Fault::new(Code::Idem, detail));
        };
        let (told, events) = mpsc::channel(said.len());
        for output in said {
            told.try_send(output.clone())
                .expect("the channel has as many places");
        }
        Ok(Opened {
            facts: self.facts.clone(),
            events,
            repeat: Repeat::Replayed,
        })
    }
}

/// Bytes an output takes up, roughly.
pub(super) fn size(output: &Output) -> usize {
    const BASE: usize = 256;
    BASE + match output {
        Output::Forward(bytes) => bytes.len(),
        Output::Text(text) | Output::Lane { text, .. } => text.len(),
        Output::Log { text, .. } => text.len(),
        Output::Event { data, .. } => data.to_string().len(),
        Output::Restart | Output::Congested => 0,
        Output::Provisional { answer, .. } | Output::Final(answer) => answer.size(),
        Output::Failed(failure) => failure.partial.as_ref().map_or(0, String::len),
    }
}
