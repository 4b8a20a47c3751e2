//! What is kept of a request that has ended.

use atp_consensus::journal::requests::OUTCOME_MAX;
use atp_protocol::error::Fault;
use bytes::Bytes;

use super::kept;
use crate::session::{Facts, Output};

/// How a request ended.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) facts: Facts,
    /// What a repeat is told; `None` for an answer too large to be kept.
    pub(super) said: Option<Vec<Output>>,
}

impl Outcome {
    /// What is kept of the end `last`; `None` for one after which the request may run again. `forwarded`: the provider's bytes
    /// that went before it, `None` where there were too many.
    pub(super) fn of(facts: Facts, last: Output, forwarded: Option<Bytes>) -> Option<Self> {
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
        Some(Self {
            facts,
            said: is_kept.then_some(said),
        })
    }

    /// As it is put on record; without its answer where that is too large, or not text.
    pub(super) fn encode(self) -> Vec<u8> {
        let whole = kept::encode(&self.facts, self.said);
        whole
            .filter(|bytes| bytes.len() <= OUTCOME_MAX)
            .or_else(|| kept::encode(&self.facts, None))
            .unwrap_or_default()
    }

    /// As it was put on record.
    ///
    /// # Errors
    /// `EIDEM` for what a later release kept.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let (facts, said) = kept::decode(bytes)?;
        Ok(Self { facts, said })
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
