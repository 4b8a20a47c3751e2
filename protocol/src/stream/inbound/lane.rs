//! The receiving side of one lane.

use crate::ack::AckSchedule;
use crate::frame::Frame;
use crate::lane::{ReceiveOrder, Start};
use crate::stream::Profile;
use crate::units::Millis;

/// A message that others have overtaken.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessageGap {
    pub(super) seq: u64,
    /// When it is asked for, or given up; inclusive.
    pub(super) due: Millis,
    pub(super) nacks: u32,
    /// When the lane began to wait.
    pub(super) since: Millis,
}

impl MessageGap {
    pub(super) const fn new(now: Millis, seq: u64, gap_ttl_ms: u64) -> Self {
        Self {
            seq,
            due: now.plus(gap_ttl_ms).plus(1),
            nacks: 0,
            since: now,
        }
    }

    /// It was asked for: waits twice as long each time.
    pub(super) fn asked(&mut self, now: Millis, gap_ttl_ms: u64) {
        self.due = now.plus(gap_ttl_ms << self.nacks.min(16)).plus(1);
        self.nacks += 1;
    }
}

/// A complete message, and the bytes it was charged while it waits.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) frame: Box<Frame<'static>>,
    pub(super) charged: usize,
}

impl Ready {
    pub(super) fn new(frame: Frame<'static>, charged: usize) -> Self {
        Self {
            frame: Box::new(frame),
            charged,
        }
    }
}

/// What is held of one lane.
#[derive(Debug)]
pub(super) struct LaneIn {
    pub(super) order: ReceiveOrder<Ready>,
    pub(super) acks: AckSchedule,
    pub(super) gap: Option<MessageGap>,
    /// The number that arrived last.
    pub(super) latest: u64,
    /// The last message that became complete, and the index of its last fragment.
    pub(super) completed: Option<(u64, u32)>,
    pub(super) is_failed: bool,
    /// Positions that arrived and that the sender was not told of.
    pub(super) unacknowledged: u32,
}

impl LaneIn {
    pub(super) fn new(start: Start) -> Self {
        Self {
            order: ReceiveOrder::new(start),
            acks: AckSchedule::default(),
            gap: None,
            latest: 0,
            completed: None,
            is_failed: false,
            unacknowledged: 0,
        }
    }

    /// Drops what waits; the lane takes nothing more. Returns the bytes that were charged for it.
    pub(super) fn fail(&mut self) -> usize {
        let charged = self.order.waiting().map(|ready| ready.charged).sum();
        self.order = ReceiveOrder::after(self.order.cum());
        self.gap = None;
        self.acks.sent();
        self.is_failed = true;
        charged
    }

    /// The sender is told what arrived. Returns how many positions are news.
    pub(super) fn acknowledged(&mut self) -> u32 {
        self.acks.sent();
        std::mem::take(&mut self.unacknowledged)
    }

    pub(super) fn next_deadline(&self, profile: &Profile) -> Option<Millis> {
        let gap = self.gap.map(|gap| gap.due);
        gap.into_iter().chain(self.acks.due(profile.acks())).min()
    }
}
