//! One message under reassembly (atp.md 10.4).

use std::collections::BTreeMap;

use super::{Body, Finality, Fragment};
use crate::ack::{RetransmitQueue, Tracker};
use crate::sign::fragment::{Checksum, full, merkle_root, short16};
use crate::units::Millis;

/// Bytes a fragment takes up beside its content, roughly.
const PIECE_BYTES: usize = 64;

/// A message whose fragments are all there.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole<H> {
    /// What came with fragment 0 beside the divisible part.
    pub header: H,
    /// The pieces in order, all of one kind.
    pub pieces: Vec<Body>,
    /// How many of them were handed on before.
    pub handed: usize,
    /// `payload.checksum` of the whole, in the form the fragments used.
    pub checksum: String,
}

/// How a fragment fared against what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    New,
    Same,
    Conflict,
    BadChecksum,
    OtherRoot,
}

/// The hole in front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// Fragments held before it.
    pub(super) after: i64,
    /// When something is to be done about it; inclusive.
    pub(super) due: Millis,
    /// Requests sent for it.
    pub(super) nacks: u32,
}

#[derive(Debug)]
pub(super) struct Pending<H> {
    pub(super) tracker: Tracker,
    pub(super) asked: RetransmitQueue,
    pub(super) gap: Option<Gap>,
    pub(super) touched: Millis,
    pub(super) bytes: usize,
    finality: Finality,
    pieces: BTreeMap<u32, Body>,
    header: Option<H>,
    handed: u32,
    checksum: Option<Checksum>,
    is_legacy: bool,
    is_binary: Option<bool>,
    is_contradictory: bool,
}

impl<H> Pending<H> {
    pub(super) fn new(now: Millis, retransmit_ttl_ms: u64) -> Self {
        Self {
            tracker: Tracker::default(),
            asked: RetransmitQueue::new(retransmit_ttl_ms),
            gap: None,
            touched: now,
            bytes: 0,
            finality: Finality::default(),
            pieces: BTreeMap::new(),
            header: None,
            handed: 0,
            checksum: None,
            is_legacy: false,
            is_binary: None,
            is_contradictory: false,
        }
    }

    /// Whether an arriving fragment would be held beside the others, and why not.
    pub(super) fn judge(&self, fragment: &Fragment<H>) -> Stored {
        if let Some(held) = self.pieces.get(&fragment.frag_seq) {
            return if *held == fragment.body {
                Stored::Same
            } else {
                Stored::Conflict
            };
        }
        match &fragment.checksum {
            None => Stored::New,
            Some(None) => Stored::BadChecksum,
            Some(Some(checksum)) if !checksum.admits(fragment.body.chunk()) => Stored::BadChecksum,
            Some(Some(Checksum::Merkle(root))) => match self.checksum {
                Some(Checksum::Merkle(ours)) if ours != *root => Stored::OtherRoot,
                _ => Stored::New,
            },
            Some(Some(Checksum::Full(_) | Checksum::Short16(_))) => Stored::New,
        }
    }

    /// Holds a fragment that was judged new or the same.
    pub(super) fn store(&mut self, now: Millis, fragment: Fragment<H>) {
        let Fragment {
            frag_seq,
            markers,
            checksum,
            body,
            header,
        } = fragment;
        self.touched = now;
        self.is_legacy |= markers.frag;
        match self.finality.note(frag_seq, markers) {
            Ok(Some(last)) => self.tracker.set_last(last),
            Ok(None) => {}
            Err(_) => self.is_contradictory = true,
        }
        if self.tracker.holds(frag_seq) {
            return;
        }
        self.tracker.note(frag_seq, false);
        self.checksum = self.checksum.or(checksum.flatten());
        self.bytes += body.len();
        let is_binary = matches!(body, Body::Binary(_));
        self.is_contradictory |= *self.is_binary.get_or_insert(is_binary) != is_binary;
        self.pieces.insert(frag_seq, body);
        if frag_seq == 0 {
            self.header = Some(header);
        }
    }

    /// Bytes it takes up, bookkeeping included, so that many tiny fragments are not free.
    pub(super) fn footprint(&self) -> usize {
        self.bytes + self.pieces.len() * PIECE_BYTES
    }

    /// Whether the fragments held cannot be of one message.
    pub(super) const fn is_contradictory(&self) -> bool {
        self.is_contradictory
    }

    /// Pieces without a gap that were not handed on, the index of the first, and the header they belong to.
    pub(super) fn hand_on(&mut self) -> Option<(&H, u32, Vec<Body>)> {
        let end = u32::try_from(self.tracker.ack_up_to() + 1).unwrap_or(0);
        let from = std::mem::replace(&mut self.handed, end);
        let fresh: Vec<Body> = self
            .pieces
            .range(from..end.max(from))
            .map(|(_, body)| body.clone())
            .collect();
        let header = self.header.as_ref()?;
        (!fresh.is_empty()).then_some((header, from, fresh))
    }

    /// The header, if fragment 0 is held.
    pub(super) const fn header(&self) -> Option<&H> {
        self.header.as_ref()
    }

    /// The header, if fragment 0 was held.
    pub(super) fn into_header(self) -> Option<H> {
        self.header
    }

    /// The whole, once complete. `None` if the Merkle root is not that of the text; of other content it is only a tag.
    pub(super) fn finish(self) -> Option<Whole<H>> {
        let header = self.header?;
        let pieces: Vec<Body> = self.pieces.into_values().collect();
        let chunks = || pieces.iter().map(Body::chunk);
        let checksum = match self.checksum {
            Some(Checksum::Merkle(root)) => {
                let root = hex::encode(root);
                let is_text = pieces.iter().all(|piece| matches!(piece, Body::Text(_)));
                if is_text && merkle_root(chunks()) != root {
                    return None;
                }
                root
            }
            Some(Checksum::Full(_)) => full(Body::join(&pieces)?.chunk()),
            Some(Checksum::Short16(_)) => short16(Body::join(&pieces)?.chunk()),
            None if self.is_legacy => short16(Body::join(&pieces)?.chunk()),
            None => full(Body::join(&pieces)?.chunk()),
        };
        Some(Whole {
            header,
            pieces,
            handed: self.handed as usize,
            checksum,
        })
    }
}
