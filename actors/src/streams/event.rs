//! What readers of a stream get.

use std::sync::Arc;

use atp_protocol::frame::{Encoded, Frame, Outbound, encode};
use atp_protocol::ids::LaneId;
use atp_protocol::stream::weight;

/// A message is bounded where it is made; this only keeps the encoder from refusing one.
const FRAME_BYTES: usize = usize::MAX;

/// One message of a stream, whole.
#[derive(Debug, Clone)]
pub struct Event {
    /// Last part of the payload's type: `partial`, `final`, `error`, …
    pub name: &'static str,
    /// Lane and number of a message that has one of its own.
    pub place: Option<(LaneId, u64)>,
    /// The message.
    pub frame: Arc<Frame<'static>>,
}

impl Event {
    /// The event of a frame; `None` for one of a type that we do not know.
    pub(super) fn of(frame: Frame<'static>) -> Option<Self> {
        let kind = frame.payload.kind?;
        Some(Self {
            name: kind.as_str().rsplit('.').next().unwrap_or_default(),
            place: kind.is_sequenced().then(|| (frame.lane(), frame.msg_seq)),
            frame: Arc::new(frame),
        })
    }

    /// `<lane key>/<msg_seq>`.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        let (lane, seq) = self.place.as_ref()?;
        Some(format!("{}/{seq}", lane.key(&self.frame.stream_id)))
    }

    /// Whether `id` names it.
    pub(super) fn is_called(&self, id: &str) -> bool {
        let Some((lane, seq)) = &self.place else {
            return false;
        };
        // Numbers differ more often than lanes, and need no text to be made.
        id.rsplit_once('/')
            .is_some_and(|(key, number)| number.parse() == Ok(*seq) && key == lane.key(&self.frame.stream_id))
    }

    /// The whole frame as JSON, on one line; `None` for one that has no JSON form.
    #[must_use]
    pub fn data(&self) -> Option<String> {
        let frame = Frame::clone(&self.frame);
        match encode(frame, &Outbound::json(FRAME_BYTES)) {
            Ok(Encoded::Text(data)) => Some(data),
            Ok(Encoded::Binary(_)) | Err(_) => None,
        }
    }

    /// Bytes it takes up, roughly.
    pub(super) fn bytes(&self) -> usize {
        weight(&self.frame)
    }
}
