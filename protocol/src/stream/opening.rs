//! The message that opened a stream, and the answer to it (atp.md section 6).

use std::sync::Arc;

use super::content;
use crate::error::{Code, Fault, Scope};
use crate::frame::{Frame, Meta};
use crate::ids::LaneId;
use crate::sign::sha256_hex;
use crate::value::canonical;

/// Who opened a stream, and how.
#[derive(Debug)]
pub(crate) enum Opening {
    /// We did.
    Ours,
    /// The peer did, with this message.
    Theirs {
        seq: u64,
        lane: LaneId,
        /// `None` for a large request, of which no repeat is recognised but by its number.
        digest: Option<String>,
        idempotency_key: Option<String>,
        is_delivered: bool,
        answer: Option<Arc<Frame<'static>>>,
    },
}

impl Opening {
    /// The peer opens the stream with this frame.
    pub(crate) fn by(frame: &Frame<'_>) -> Self {
        Self::Theirs {
            seq: frame.msg_seq,
            lane: frame.lane(),
            digest: digest(frame),
            idempotency_key: idempotency_key(frame).map(str::to_owned),
            is_delivered: false,
            answer: None,
        }
    }

    pub(super) const fn is_ours(&self) -> bool {
        matches!(self, Self::Ours)
    }

    pub(super) fn idempotency_key(&self) -> Option<&str> {
        match self {
            Self::Ours => None,
            Self::Theirs { idempotency_key, .. } => idempotency_key.as_deref(),
        }
    }

    /// The number of the peer's opening message; 0 if we opened.
    pub(super) const fn seq(&self) -> u64 {
        match self {
            Self::Ours => 0,
            Self::Theirs { seq, .. } => *seq,
        }
    }

    /// Whether the peer waits for an answer to its SYN.
    pub(super) const fn is_unanswered(&self) -> bool {
        matches!(self, Self::Theirs { answer: None, .. })
    }

    /// Keeps the answer, for repeats of the question.
    pub(super) fn answered(&mut self, frame: Arc<Frame<'static>>) {
        if let Self::Theirs { answer, .. } = self {
            *answer = Some(frame);
        }
    }

    /// Whether a delivered message is the opening one; true once.
    pub(super) fn is_awaited(&mut self, frame: &Frame<'_>) -> bool {
        match self {
            Self::Theirs {
                seq,
                lane,
                is_delivered,
                ..
            } if !*is_delivered && *seq == frame.msg_seq && *lane == frame.lane() => {
                *is_delivered = true;
                true
            }
            Self::Ours | Self::Theirs { .. } => false,
        }
    }

    /// A SYN on the open stream: the stored answer if it repeats the opening, nothing if it is a further fragment of it.
    ///
    /// # Errors
    /// `EPROTO` for a different request.
    pub(super) fn again(&self, frame: &Frame<'_>, cum: u64) -> Result<Option<Arc<Frame<'static>>>, Fault> {
        let Self::Theirs {
            seq, digest, answer, ..
        } = self
        else {
            return Err(conflict());
        };
        if frame.msg_seq == *seq {
            return Ok(answer.clone().filter(|_| cum >= *seq));
        }
        if digest.is_some() && self::digest(frame) == *digest {
            return Ok(answer.clone());
        }
        Err(conflict())
    }
}

fn conflict() -> Fault {
    Fault::new(
        Code::Proto,
        "SYN on an open stream with another request; use a new stream_id",
    )
    .scoped(Scope::Frame)
}

/// The idempotency key of a frame's metadata.
pub(crate) fn idempotency_key<'f>(frame: &'f Frame<'_>) -> Option<&'f str> {
    frame
        .meta
        .as_ref()
        .map(Meta::members)?
        .get("idempotency_key")?
        .as_text()
}

/// Requests larger than this are not digested, in bytes: a SYN must not cost more than reading it did.
const DIGEST_MAX: usize = 64 * 1024;

/// Digest of what is asked, whatever its number.
fn digest(frame: &Frame<'_>) -> Option<String> {
    if content::size(&frame.payload) > DIGEST_MAX {
        return None;
    }
    let payload = frame.payload.clone().into_value();
    let text = canonical::ascii(payload.as_object()?, &["checksum"]).ok()?;
    Some(sha256_hex(text.as_bytes()))
}
