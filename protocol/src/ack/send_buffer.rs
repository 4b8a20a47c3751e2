//! Sent messages that are not acknowledged: what is sent again on a NACK and replayed after a resume (atp.md 11.1, 11.2,
//! 13.2).

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::LaneId;

/// Times a fragment is sent again.
pub const RESENDS_MAX: u8 = 5;

/// What may happen to a message when the buffer is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// It may be dropped: partials, logs.
    WhileRoom,
    /// It may not: finals, and whatever the stream cannot do without.
    Always,
}

/// Messages lost to a full buffer: numbers of one lane, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// First number lost.
    pub from: u64,
    /// Last number lost.
    pub to: u64,
}

/// The fragments cannot be sent again: acknowledged, dropped, or sent again too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no longer buffered; the message is lost to this receiver")]
pub struct Gone;

#[derive(Debug, Clone)]
struct Sent<F> {
    /// Position in the order of sending.
    stamp: u64,
    fragments: Vec<F>,
    resends: Vec<u8>,
    bytes: usize,
    keep: Keep,
}

/// Unacknowledged messages of one stream, in the order they were sent.
///
/// Bound: `limit` bytes, kept by its user: a sender that has no [`Self::has_credit`] left stops, and one whose peer is away
/// calls [`Self::shed`], which loses the oldest messages that may be lost and remembers the gap for the resume. Finals stay
/// beyond the bound.
#[derive(Debug, Clone)]
pub struct SendBuffer<F> {
    limit: usize,
    bytes: usize,
    lanes: BTreeMap<LaneId, BTreeMap<u64, Sent<F>>>,
    /// Messages by the order of sending.
    order: BTreeMap<u64, (LaneId, u64)>,
    next_stamp: u64,
    gaps: BTreeMap<LaneId, Gap>,
}

impl<F> SendBuffer<F> {
    /// An empty buffer of `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: 0,
            lanes: BTreeMap::new(),
            order: BTreeMap::new(),
            next_stamp: 0,
            gaps: BTreeMap::new(),
        }
    }

    /// Whether the sender may go on. At the limit an agent's lane is paused until an acknowledgement returns credit.
    #[must_use]
    pub const fn has_credit(&self) -> bool {
        self.bytes < self.limit
    }

    /// Bytes not acknowledged.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether everything sent is acknowledged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Keeps a sent message: its fragments by index, `bytes` in all.
    pub fn push(&mut self, lane: LaneId, seq: u64, fragments: Vec<F>, bytes: usize, keep: Keep) {
        self.bytes += bytes;
        let stamp = self.next_stamp;
        self.next_stamp += 1;
        self.order.insert(stamp, (lane.clone(), seq));
        let resends = vec![0; fragments.len()];
        let sent = Sent {
            stamp,
            fragments,
            resends,
            bytes,
            keep,
        };
        self.lanes.entry(lane).or_default().insert(seq, sent);
    }

    /// Drops the oldest messages that may be dropped until the rest fits: the peer is away and nobody takes them.
    pub fn shed(&mut self) {
        let mut from = 0;
        while self.bytes > self.limit {
            let Some((&stamp, (lane, seq))) = self.order.range(from..).next() else {
                break;
            };
            from = stamp + 1;
            let (lane, seq) = (lane.clone(), *seq);
            self.lose(&lane, seq);
        }
    }

    /// Everything of `lane` up to `cum` is with the peer.
    pub fn acked(&mut self, lane: &LaneId, cum: u64) {
        let Some(messages) = self.lanes.get_mut(lane) else {
            return;
        };
        let rest = messages.split_off(&cum.saturating_add(1));
        for sent in std::mem::replace(messages, rest).into_values() {
            self.bytes -= sent.bytes;
            self.order.remove(&sent.stamp);
        }
        if messages.is_empty() {
            self.lanes.remove(lane);
        }
        if self.gaps.get(lane).is_some_and(|gap| gap.to <= cum) {
            self.gaps.remove(lane);
        }
    }

    /// The fragments a NACK asks for; an empty `missing` asks for the whole message.
    ///
    /// # Errors
    /// [`Gone`] if any of them cannot be sent again. The receiver is told, as `ESEQ_RETRY` not to be retried.
    pub fn nacked(&mut self, lane: &LaneId, seq: u64, missing: &[u32]) -> Result<Vec<&F>, Gone> {
        let sent = self
            .lanes
            .get_mut(lane)
            .and_then(|messages| messages.get_mut(&seq))
            .ok_or(Gone)?;
        // A set: an index named twice is sent once.
        let all: BTreeSet<usize> = if missing.is_empty() {
            (0..sent.fragments.len()).collect()
        } else {
            missing.iter().map(|&index| index as usize).collect()
        };
        let can_resend = |index: &usize| sent.resends.get(*index).is_some_and(|&times| times < RESENDS_MAX);
        if !all.iter().all(can_resend) {
            return Err(Gone);
        }
        for &index in &all {
            sent.resends[index] += 1;
        }
        Ok(all.iter().map(|&index| &sent.fragments[index]).collect())
    }

    /// Everything of `lane` after `cum`, by number, each message as its fragments: what a resume sends again.
    pub fn after<'a>(&'a self, lane: &LaneId, cum: u64) -> impl Iterator<Item = (u64, &'a [F])> + use<'a, F> {
        self.lanes
            .get(lane)
            .into_iter()
            .flat_map(move |messages| messages.range(cum.saturating_add(1)..))
            .map(|(&seq, sent)| (seq, sent.fragments.as_slice()))
    }

    /// What of `lane` was lost to a full buffer and is not acknowledged.
    #[must_use]
    pub fn gap(&self, lane: &LaneId) -> Option<Gap> {
        self.gaps.get(lane).copied()
    }

    /// Lanes with unacknowledged messages.
    pub fn lanes(&self) -> impl Iterator<Item = &LaneId> {
        self.lanes.keys()
    }

    /// Drops one message unless it is to be kept.
    fn lose(&mut self, lane: &LaneId, seq: u64) {
        let Some(messages) = self.lanes.get_mut(lane) else {
            return;
        };
        if messages.get(&seq).is_none_or(|sent| sent.keep == Keep::Always) {
            return;
        }
        if let Some(sent) = messages.remove(&seq) {
            self.bytes -= sent.bytes;
            self.order.remove(&sent.stamp);
        }
        if messages.is_empty() {
            self.lanes.remove(lane);
        }
        self.gaps
            .entry(lane.clone())
            .and_modify(|gap| gap.to = gap.to.max(seq))
            .or_insert(Gap { from: seq, to: seq });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CloneId, PersonaId};

    fn lane(clone: u32) -> LaneId {
        LaneId {
            persona: Some(PersonaId::new("p").unwrap()),
            clone: Some(CloneId(clone)),
        }
    }

    fn buffer(limit: usize) -> SendBuffer<&'static str> {
        SendBuffer::new(limit)
    }

    #[test]
    fn acknowledgement_returns_credit() {
        let mut buffer = buffer(20);
        buffer.push(lane(1), 1, vec!["a", "b"], 10, Keep::WhileRoom);
        buffer.push(lane(1), 2, vec!["c"], 10, Keep::WhileRoom);
        assert!(!buffer.has_credit());
        buffer.acked(&lane(1), 1);
        assert!(buffer.has_credit());
        assert_eq!(buffer.nacked(&lane(1), 1, &[]), Err(Gone));
        assert_eq!(buffer.nacked(&lane(1), 2, &[]), Ok(vec![&"c"]));
        buffer.acked(&lane(1), u64::MAX);
        assert!(buffer.is_empty() && buffer.bytes() == 0 && buffer.order.is_empty());
    }

    #[test]
    fn a_fragment_is_sent_again_five_times() {
        let mut buffer = buffer(100);
        buffer.push(lane(1), 1, vec!["a", "b"], 2, Keep::WhileRoom);
        for _ in 0..5 {
            assert_eq!(buffer.nacked(&lane(1), 1, &[1]), Ok(vec![&"b"]));
        }
        assert_eq!(buffer.nacked(&lane(1), 1, &[1]), Err(Gone));
        assert_eq!(
            buffer.nacked(&lane(1), 1, &[0; 300]),
            Ok(vec![&"a"]),
            "once, however often named"
        );
        assert_eq!(buffer.nacked(&lane(1), 1, &[2]), Err(Gone));
    }

    #[test]
    fn a_full_buffer_loses_partials_and_keeps_finals() {
        let mut buffer = buffer(25);
        buffer.push(lane(1), 1, vec!["final"], 10, Keep::Always);
        buffer.push(lane(2), 1, vec!["a"], 10, Keep::WhileRoom);
        buffer.push(lane(2), 2, vec!["b"], 10, Keep::WhileRoom);
        buffer.push(lane(2), 3, vec!["c"], 10, Keep::WhileRoom);
        assert_eq!(
            buffer.gap(&lane(2)),
            None,
            "nothing is lost while the peer is there"
        );
        buffer.shed();
        assert_eq!(buffer.gap(&lane(2)), Some(Gap { from: 1, to: 2 }));
        assert_eq!(buffer.gap(&lane(1)), None);
        let replay: Vec<_> = buffer.after(&lane(1), 0).collect();
        assert_eq!(replay, [(1, ["final"].as_slice())]);
        assert_eq!(
            buffer.after(&lane(2), 0).map(|(seq, _)| seq).collect::<Vec<_>>(),
            [3]
        );
        buffer.acked(&lane(2), 3);
        assert_eq!(buffer.gap(&lane(2)), None);
    }

    #[test]
    fn replay_starts_after_what_the_peer_has() {
        let mut buffer = buffer(100);
        for seq in 1..=4 {
            buffer.push(lane(1), seq, vec!["x"], 1, Keep::WhileRoom);
        }
        assert_eq!(
            buffer.after(&lane(1), 2).map(|(seq, _)| seq).collect::<Vec<_>>(),
            [3, 4]
        );
        assert_eq!(buffer.lanes().collect::<Vec<_>>(), [&lane(1)]);
    }
}
