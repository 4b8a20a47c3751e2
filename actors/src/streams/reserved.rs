//! Numbers that a stream may use: reserved in its record before the first of them is shown to a reader, so that a later owner, which
//! has not seen what was shown, neither uses one again nor takes a stream for one that delivered nothing.

use std::collections::BTreeMap;

use atp_consensus::journal::streams::Lane;
use atp_protocol::ids::LaneId;

/// Numbers reserved first. Each further time as many again, up to [`MOST`]: a long stream is recorded ever less often.
const FIRST: u64 = 32;

/// Most numbers reserved at once.
const MOST: u64 = 4_096;

/// The highest number of each lane that may be used.
#[derive(Debug, Clone, Default)]
pub(super) struct Reserved(BTreeMap<LaneId, u64>);

impl Reserved {
    /// Whether a number may be used.
    pub(super) fn covers(&self, lane: &LaneId, number: u64) -> bool {
        self.0.get(lane).is_some_and(|most| number <= *most)
    }

    /// What is to be recorded before `number` is used.
    pub(super) fn beyond(&self, lane: &LaneId, number: u64, received: u64) -> Lane {
        let ahead = number.clamp(FIRST, MOST);
        Lane {
            lane: lane.clone(),
            tx: number.saturating_add(ahead),
            rx: received + 1,
            has_delivered: true,
        }
    }

    /// That was recorded.
    pub(super) fn extend(&mut self, lane: &Lane) {
        // The record names the next number, not the last.
        self.0.insert(lane.lane.clone(), lane.tx.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_used_before_it_is_recorded_and_few_are_recorded_by_themselves() {
        let (mut reserved, main) = (Reserved::default(), LaneId::default());
        let mut writes = 0;
        for number in 1..=10_000 {
            if !reserved.covers(&main, number) {
                let lane = reserved.beyond(&main, number, 1);
                assert!(lane.has_delivered && lane.tx > number);
                reserved.extend(&lane);
                writes += 1;
            }
            assert!(reserved.covers(&main, number));
        }
        assert!(writes < 16, "{writes}");
    }
}
