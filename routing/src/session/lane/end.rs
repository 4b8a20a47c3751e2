//! How what a lane sent becomes its answer (atp.md 19.4, 21.1, 21.2).

use atp_protocol::units::Millis;

use super::{Lane, TooBig, share};
use crate::agreement::{Rejected, admit, citations_hold};
use crate::session::input::LaneEnd;
use crate::session::params::SessionParams;

/// Confidence left after a hole was given up.
const GAP_FACTOR: f64 = 0.9;
/// Confidence left after a citation was missing.
const CITATION_FACTOR: f64 = 0.5;

/// Dropped findings named one by one; the rest are counted.
const MAX_NAMED: usize = 8;

impl Lane {
    /// FINAL or END came; the lane ends once nothing is missing any more.
    pub(in crate::session) fn end(&mut self, end: Box<LaneEnd>) {
        self.usage = end.usage.or(self.usage);
        self.ending = Some(end);
    }

    /// The lane's confidence, less for each hole that was given up; `None` when it states none.
    pub(in crate::session) fn confidence(&self) -> Option<f64> {
        let gaps = i32::try_from(self.reorder.gaps).unwrap_or(i32::MAX);
        self.stated.map(|confidence| confidence * GAP_FACTOR.powi(gaps))
    }

    /// Whether the lane's end waits for nothing but [`Self::conclude`].
    pub(in crate::session) fn is_conclusive(&self) -> bool {
        self.ending
            .as_ref()
            .is_some_and(|end| self.reorder.is_complete(end.last_seq))
    }

    /// Turns what came into the lane's answer. `Ok(false)` when its end has not come.
    pub(in crate::session) fn conclude(
        &mut self,
        now: Millis,
        params: &SessionParams,
    ) -> Result<bool, TooBig> {
        let Some(end) = self.ending.take() else {
            return Ok(false);
        };
        let LaneEnd {
            rest,
            confidence,
            citations,
            has_failed_tests,
            ..
        } = *end;
        self.append(&rest.text, params.max_text_bytes)?;
        self.answer.data = rest.data.or_else(|| self.answer.data.take());
        self.answer.tool_calls = rest.tool_calls;
        self.answer.model = rest.model;
        self.answer.finish_reason = rest.finish_reason;
        self.answer.body = rest.body;
        let admitted = admit(rest.findings, &params.aliases);
        self.answer.findings = admitted.findings;
        self.name_rejected(&admitted.rejected);
        self.stated = share(confidence).or(self.stated);
        if self.reorder.gaps > 0 {
            self.doubts.push("chunks that never came were skipped".to_owned());
        }
        if params.evidence_gate && !citations_hold(&self.answer.text, &citations) {
            self.stated = self.stated.map(|confidence| confidence * CITATION_FACTOR);
            self.has_weak_citations = true;
            self.doubts.push("a citation is missing".to_owned());
        }
        self.has_failed_tests = has_failed_tests;
        self.times.ended = Some(now);
        Ok(true)
    }

    /// Dropped findings are reported, the first of them by name.
    fn name_rejected(&mut self, rejected: &[Rejected]) {
        for one in rejected.iter().take(MAX_NAMED) {
            self.doubts
                .push(format!("finding {} was dropped: {}", one.id, one.why));
        }
        if rejected.len() > MAX_NAMED {
            let more = rejected.len() - MAX_NAMED;
            self.doubts.push(format!("{more} further findings were dropped"));
        }
    }
}
