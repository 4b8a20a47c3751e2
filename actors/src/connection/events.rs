//! What an agent says on one call, on its way to whoever made the call.
//!
//! Nothing that was said is lost, the end least of all: what has come is always taken. With [`EVENTS_MAX`] unread, or as many
//! times [`PLACE_BYTES`], there is no [`room`](Events::room), and the agent's connection reads nothing until there is. Beyond
//! that only what one frame brings is held.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use atp_protocol::error::Fault;
use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::adapter::LaneEvent;

/// Unread events of one call.
const EVENTS_MAX: usize = 256;

/// Text that takes the place of an event.
const PLACE_BYTES: usize = 4 << 10;

type Event = Result<LaneEvent, Fault>;

/// An event and the place it takes; none for one that came when there was no room.
type Placed = (Event, Option<OwnedSemaphorePermit>);

/// The end of the agent's connection.
pub(super) struct Events {
    said: mpsc::UnboundedSender<Placed>,
    places: Arc<Semaphore>,
}

/// The end of whoever made the call.
pub(super) struct Unread {
    said: mpsc::UnboundedReceiver<Placed>,
    places: Arc<Semaphore>,
}

/// Two ends of a call's events.
#[expect(
    clippy::disallowed_methods,
    reason = "bounded by its places: whoever fills it waits for room, and the end always has one"
)]
pub(super) fn events() -> (Events, Unread) {
    let (said, unread) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(EVENTS_MAX));
    let events = Events {
        said,
        places: Arc::clone(&places),
    };
    (events, Unread { said: unread, places })
}

impl Events {
    /// Passes an event on; `false` when nobody waits for it any more.
    pub(super) fn say(&self, event: Event) -> bool {
        let free = u32::try_from(self.places.available_permits()).unwrap_or(u32::MAX);
        let place = Arc::clone(&self.places)
            .try_acquire_many_owned(free.min(places(&event)))
            .ok();
        self.said.send((event, place)).is_ok()
    }

    /// Resolves when there is room for another event, or nobody waits for one.
    pub(super) fn room(&self) -> impl Future<Output = ()> + 'static {
        let places = Arc::clone(&self.places);
        async move { drop(places.acquire().await) }
    }
}

/// How many places an event takes: one, and more for much text.
fn places(event: &Event) -> u32 {
    let bytes = match event {
        Ok(LaneEvent::Partial(partial)) => partial.text.len(),
        Ok(LaneEvent::Log { text, .. }) => text.len(),
        Ok(LaneEvent::Forward { bytes, .. }) => bytes.len(),
        Ok(LaneEvent::Final(last)) => last.text.as_ref().map_or(0, String::len),
        Ok(LaneEvent::Status(_) | LaneEvent::Question(_) | LaneEvent::Congested) | Err(_) => 0,
    };
    u32::try_from(1 + bytes / PLACE_BYTES).unwrap_or(u32::MAX)
}

impl Stream for Unread {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let said = std::task::ready!(self.said.poll_recv(context));
        Poll::Ready(said.map(|(event, _)| event))
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.places.close();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;
    use crate::adapter::Partial;

    fn congested() -> Event {
        Ok(LaneEvent::Congested)
    }

    #[test]
    fn without_room_the_reader_of_the_agent_waits_and_nothing_is_lost() {
        let (events, mut unread) = events();
        for _ in 0..EVENTS_MAX {
            assert!(events.room().now_or_never().is_some());
            assert!(events.say(congested()));
        }
        assert!(events.room().now_or_never().is_none());
        assert!(events.say(Ok(LaneEvent::Final(Box::default()))));
        assert!(events.room().now_or_never().is_none());
        assert!(unread.next().now_or_never().is_some());
        assert!(events.room().now_or_never().is_some());
        drop(events);
        let rest: Vec<Event> = unread.collect().now_or_never().expect("all is there");
        assert_eq!(rest.len(), EVENTS_MAX);
        assert!(matches!(rest.last(), Some(Ok(LaneEvent::Final(_)))));
    }

    #[test]
    fn large_events_take_the_room_of_many() {
        let (events, mut unread) = events();
        let large = || {
            Ok(LaneEvent::Partial(Partial {
                text: "x".repeat(EVENTS_MAX / 2 * PLACE_BYTES),
                ..Partial::default()
            }))
        };
        assert!(events.say(large()));
        assert!(events.room().now_or_never().is_some());
        assert!(events.say(large()));
        assert!(events.room().now_or_never().is_none());
        assert!(unread.next().now_or_never().is_some());
        assert!(events.room().now_or_never().is_some());
    }

    #[test]
    fn nobody_waits_for_a_call_that_was_given_up() {
        let (events, unread) = events();
        for _ in 0..EVENTS_MAX {
            events.say(congested());
        }
        drop(unread);
        assert!(events.room().now_or_never().is_some());
        assert!(!events.say(congested()));
    }
}
