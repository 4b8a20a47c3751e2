//! Joins the fragments of a stream's messages (atp.md 10.4).

use std::collections::BTreeMap;

use super::pending::{Gap, Pending, Stored, Whole};
use super::tombstone::Tombstones;
use super::{Body, Fragment, Key};
use crate::ack::NackPacer;
use crate::error::{Code, Fault, Scope};
use crate::limits::FRAG_SEQ_MAX;
use crate::units::Millis;

/// Bounds of reassembly. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReassemblyConfig {
    /// Messages under reassembly in the stream.
    pub messages: usize,
    /// Bytes of one message.
    pub message_bytes: usize,
    /// A hole older than this is asked for, or its message given up.
    pub gap_ttl_ms: u64,
    /// A message whose tail is missing is given up so long after its last fragment.
    pub message_idle_ms: u64,
    /// A message untouched for so long is given up without a word.
    pub gc_ms: u64,
    /// An index is asked for again after so long.
    pub retransmit_ttl_ms: u64,
    /// Requests for one hole before its message is given up.
    pub max_nacks: u32,
    /// Whether the peer answers requests for missing fragments (`nack` agreed).
    pub has_nack: bool,
}

impl Default for ReassemblyConfig {
    fn default() -> Self {
        Self {
            messages: 32,
            message_bytes: 16 * 1024 * 1024,
            gap_ttl_ms: 500,
            message_idle_ms: 30_000,
            gc_ms: 300_000,
            retransmit_ttl_ms: 500,
            max_nacks: 3,
            has_nack: false,
        }
    }
}

const TOMBSTONE_MS: u64 = 60_000;
const TOMBSTONES: usize = 4096;

/// What became of a fragment.
#[derive(Debug, Clone, PartialEq)]
pub enum Pushed<H> {
    /// It is held, or was already.
    Held,
    /// The message is complete.
    Complete(Whole<H>),
    /// The message is over; dropped (`late_fragments_dropped`).
    Late,
    /// Other bytes are held under its index; dropped (`fragment_conflicts_total`).
    Conflict,
    /// Its checksum or Merkle root is wrong; dropped (`fragment_checksum_fail_total`).
    BadChecksum,
    /// A limit is reached: dropped, and the sender told. The message goes on if it was known.
    Refused(Fault),
    /// The message is given up, and the sender told.
    Abandoned(Fault),
}

/// What time asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Overdue<H> {
    /// Ask for fragments of a message.
    Nack {
        /// Whose.
        key: Key,
        /// Which, ascending, at most 256.
        missing: Vec<u32>,
    },
    /// A message was given up.
    Abandoned {
        /// Which.
        key: Key,
        /// Its header, if fragment 0 came: says whether the lane can do without it.
        header: Option<H>,
        /// What the sender is told; `None` where it is not.
        fault: Option<Fault>,
    },
}

/// Messages of one stream under reassembly.
///
/// Bounds: `messages` at once and `message_bytes` each; bytes of the whole connection are passed in as `room`. At a bound
/// the fragment is refused with a fault, never dropped silently.
#[derive(Debug)]
pub struct Reassembler<H> {
    config: ReassemblyConfig,
    pending: BTreeMap<Key, Pending<H>>,
    tombstones: Tombstones,
    pacer: NackPacer,
    bytes: usize,
    retransmit_requests: u64,
    /// How many of them were taken to be counted.
    missing_taken: u64,
}

impl<H> Reassembler<H> {
    /// Nothing under reassembly.
    #[must_use]
    pub fn new(config: ReassemblyConfig) -> Self {
        Self {
            config,
            pending: BTreeMap::new(),
            tombstones: Tombstones::new(TOMBSTONE_MS, TOMBSTONES),
            pacer: NackPacer::default(),
            bytes: 0,
            retransmit_requests: 0,
            missing_taken: 0,
        }
    }

    /// Takes a fragment. `room`: bytes the connection may still buffer.
    pub fn push(&mut self, now: Millis, key: &Key, fragment: Fragment<H>, room: usize) -> Pushed<H> {
        if self.tombstones.holds(now, key) {
            return Pushed::Late;
        }
        if let Some(refused) = self.over_limit(key, &fragment, room) {
            return refused;
        }
        let retransmit_ttl_ms = self.config.retransmit_ttl_ms;
        let new = || Pending::new(now, retransmit_ttl_ms);
        match self
            .pending
            .get(key)
            .map_or_else(|| new().judge(&fragment), |held| held.judge(&fragment))
        {
            Stored::Conflict => return Pushed::Conflict,
            Stored::BadChecksum | Stored::OtherRoot => return Pushed::BadChecksum,
            Stored::New | Stored::Same => {}
        }
        let pending = self.pending.entry(key.clone()).or_insert_with(new);
        let before = pending.footprint();
        pending.store(now, fragment);
        self.bytes += pending.footprint() - before;
        if pending.is_contradictory() {
            return self.abandon(
                now,
                key,
                "fragments disagree about the message; send it again under a new msg_seq",
            );
        }
        if pending.tracker.is_completed() {
            return self.complete(now, key);
        }
        self.time_gap(now, key);
        Pushed::Held
    }

    /// The highest contiguous fragment of a message under reassembly, −1 for none.
    #[must_use]
    pub fn ack_up_to(&self, key: &Key) -> Option<i64> {
        Some(self.pending.get(key)?.tracker.ack_up_to())
    }

    /// Pieces of a message that are contiguous and were not handed on before, for content that need not be whole: the
    /// header, the index of the first piece, the pieces.
    pub fn hand_on(&mut self, key: &Key) -> Option<(&H, u32, Vec<Body>)> {
        self.pending.get_mut(key)?.hand_on()
    }

    /// Whether a message is under reassembly.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        self.pending.contains_key(key)
    }

    /// Bytes held, bookkeeping included.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages under reassembly.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.pending.len()
    }

    /// Missing fragments, summed over every arrival and expiry after the last index was known (`retransmit_requests`).
    #[must_use]
    pub const fn retransmit_requests(&self) -> u64 {
        self.retransmit_requests
    }

    /// As [`Self::retransmit_requests`], since this was last called.
    pub(crate) const fn take_missing(&mut self) -> u64 {
        let missing = self.retransmit_requests - self.missing_taken;
        self.missing_taken = self.retransmit_requests;
        missing
    }

    /// The header of a message under reassembly, if fragment 0 came.
    #[must_use]
    pub fn header(&self, key: &Key) -> Option<&H> {
        self.pending.get(key)?.header()
    }

    /// Does what time asks for. `jitter`: drawn uniformly from −1 to 1.
    pub fn tick(&mut self, now: Millis, jitter: f64) -> Vec<Overdue<H>> {
        let due: Vec<Key> = self
            .pending
            .iter()
            .filter(|(_, pending)| self.due(pending) <= now)
            .map(|(key, _)| key.clone())
            .collect();
        due.into_iter()
            .filter_map(|key| self.overdue(now, key, jitter))
            .collect()
    }

    /// When [`Self::tick`] next has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.pending.values().map(|pending| self.due(pending)).min()
    }

    fn over_limit(&self, key: &Key, fragment: &Fragment<H>, room: usize) -> Option<Pushed<H>> {
        let refuse =
            |code, detail: &'static str, scope| Some(Pushed::Refused(Fault::new(code, detail).scoped(scope)));
        if fragment.frag_seq > FRAG_SEQ_MAX {
            return refuse(
                Code::Proto,
                "frag_seq is over 4095; use larger fragments",
                Scope::Message,
            );
        }
        let held = self.pending.get(key);
        if held.is_none() && self.pending.len() >= self.config.messages {
            return refuse(
                Code::Window,
                "too many messages under reassembly; finish one first",
                Scope::Message,
            );
        }
        let size = held.map_or(0, |pending| pending.bytes) + fragment.body.len();
        if size > self.config.message_bytes {
            return refuse(
                Code::TooBig,
                "the message is over max_message_bytes; split it",
                Scope::Message,
            );
        }
        if fragment.body.len() > room {
            return refuse(
                Code::Window,
                "too many bytes under reassembly; finish a message first",
                Scope::Message,
            );
        }
        None
    }

    fn complete(&mut self, now: Millis, key: &Key) -> Pushed<H> {
        let Some(pending) = self.bury(now, key) else {
            return Pushed::Late;
        };
        match pending.finish() {
            Some(whole) => Pushed::Complete(whole),
            None => Pushed::Abandoned(
                Fault::new(Code::Proto, "the Merkle root is not that of the fragments")
                    .scoped(Scope::Message),
            ),
        }
    }

    fn abandon(&mut self, now: Millis, key: &Key, detail: &'static str) -> Pushed<H> {
        self.bury(now, key);
        Pushed::Abandoned(Fault::new(Code::Proto, detail).scoped(Scope::Message))
    }

    fn bury(&mut self, now: Millis, key: &Key) -> Option<Pending<H>> {
        let pending = self.pending.remove(key)?;
        self.bytes -= pending.footprint();
        self.tombstones.bury(now, key.clone());
        Some(pending)
    }

    /// Starts, restarts or stops the gap timer after an arrival.
    fn time_gap(&mut self, now: Millis, key: &Key) {
        let Some(pending) = self.pending.get_mut(key) else {
            return;
        };
        let is_last_known = pending.tracker.last().is_some();
        if is_last_known {
            self.retransmit_requests += pending.tracker.missing(usize::MAX).len() as u64;
        }
        if !pending.tracker.has_gap() {
            pending.gap = None;
            return;
        }
        let after = pending.tracker.ack_up_to();
        let may_ask = self.config.has_nack && is_last_known;
        match &mut pending.gap {
            Some(gap) if gap.after == after => {
                if may_ask && gap.nacks == 0 {
                    gap.due = now;
                }
            }
            gap => {
                *gap = Some(Gap {
                    after,
                    due: if may_ask {
                        now
                    } else {
                        expiry(now, self.config.gap_ttl_ms)
                    },
                    nacks: 0,
                });
            }
        }
    }

    fn due(&self, pending: &Pending<H>) -> Millis {
        let idle = match pending.gap {
            Some(gap) => gap.due,
            None => pending.touched.plus(self.config.message_idle_ms),
        };
        idle.min(pending.touched.plus(self.config.gc_ms))
    }

    fn overdue(&mut self, now: Millis, key: Key, jitter: f64) -> Option<Overdue<H>> {
        let config = self.config;
        let pending = self.pending.get_mut(&key)?;
        if now.since(pending.touched) >= config.gc_ms {
            return Some(self.give_up(now, key, None));
        }
        let Some(gap) = &mut pending.gap else {
            let fault = Fault::new(
                Code::Timeout,
                "the end of the message did not come; send it again",
            );
            return Some(self.give_up(now, key, Some(fault)));
        };
        if !config.has_nack || gap.nacks >= config.max_nacks {
            let fault =
                Fault::new(Code::SeqRetry, "fragments are missing; the message is given up").terminal();
            return Some(self.give_up(now, key, Some(fault)));
        }
        let all = pending.tracker.missing(usize::MAX);
        if gap.nacks > 0 && pending.tracker.last().is_some() {
            self.retransmit_requests += all.len() as u64;
        }
        let allowance = self.pacer.allowance(now, jitter);
        if allowance == 0 {
            gap.due = self.pacer.renewed();
            return None;
        }
        let missing = pending.asked.request(now, &all, allowance);
        if missing.is_empty() {
            // All were asked for a moment ago, when the hole before this one was the first.
            gap.due = expiry(now, config.gap_ttl_ms);
            return None;
        }
        self.pacer.take(missing.len());
        gap.due = expiry(now, config.gap_ttl_ms << gap.nacks.min(16));
        gap.nacks += 1;
        Some(Overdue::Nack { key, missing })
    }

    fn give_up(&mut self, now: Millis, key: Key, fault: Option<Fault>) -> Overdue<H> {
        let header = self.bury(now, &key).and_then(Pending::into_header);
        Overdue::Abandoned {
            key,
            header,
            fault: fault.map(|fault| fault.scoped(Scope::Message)),
        }
    }
}

/// The first instant that is strictly later than `ttl_ms` after `now`.
const fn expiry(now: Millis, ttl_ms: u64) -> Millis {
    now.plus(ttl_ms).plus(1)
}
