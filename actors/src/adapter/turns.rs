//! How often an agent is called: its burst cap (atp.md 16.3).
//!
//! Of agents that dial in, which serve one connection each. Providers over HTTP, gRPC services and built-in adapters take
//! thousands of calls a second; their windows alone limit them. At the cap an agent goes behind everybody who is not, and
//! a call that has nobody else waits for its turn, in the order of asking, for as long as its tier may wait in a queue.
//! Beyond, it is refused with `EWINDOW_AGENT` and goes to a fallback.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::flow::TokenBucket;
use atp_protocol::units::Millis;

use super::Live;

/// How often an agent is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// Calls a second on average.
    pub rate: u32,
    /// Calls at once.
    pub size: u32,
}

impl Default for Burst {
    fn default() -> Self {
        Self { rate: 10, size: 20 }
    }
}

/// The bucket of one adapter; `None` inside for one that may be called as often as one likes.
#[derive(Debug)]
pub(super) struct Turns(Option<Mutex<TokenBucket>>);

impl Turns {
    pub(super) fn new(burst: Option<Burst>) -> Self {
        let bucket = |burst: Burst| TokenBucket::new(Millis(0), burst.rate, burst.size);
        Self(burst.map(|burst| Mutex::new(bucket(burst))))
    }

    fn bucket(&self) -> Option<MutexGuard<'_, TokenBucket>> {
        let bucket = self.0.as_ref()?;
        Some(bucket.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn wait_ms(&self, now: Millis) -> u64 {
        self.bucket().map_or(0, |mut bucket| bucket.wait_ms(now))
    }
}

impl Live {
    /// Takes the next turn, if it comes within `wait_max_ms`.
    ///
    /// # Errors
    /// `EWINDOW_AGENT` with the time after which it may.
    pub(crate) fn turn(self: &Arc<Self>, now: Millis, wait_max_ms: u64) -> Result<Turn, Fault> {
        let booked = match self.turns.bucket() {
            Some(mut bucket) => bucket.book(now, wait_max_ms),
            None => Ok(0),
        };
        let refused = |wait_ms: u64| {
            Fault::new(
                Code::WindowAgent,
                "the agent is called as often as it may be; ask more slowly",
            )
            .scoped(Scope::Lane)
            .retry_after(wait_ms.saturating_sub(wait_max_ms))
        };
        Ok(Turn {
            wait_ms: booked.map_err(refused)?,
            live: Some(Arc::clone(self)),
        })
    }
}

/// A call's turn at an agent, given back when dropped unless it was used.
#[derive(Debug)]
pub(crate) struct Turn {
    /// How long until it comes, in milliseconds.
    pub(crate) wait_ms: u64,
    live: Option<Arc<Live>>,
}

impl Turn {
    /// The call is made.
    pub(crate) fn used(mut self) {
        self.live = None;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let live = self.live.take();
        if let Some(mut bucket) = live.as_ref().and_then(|live| live.turns.bucket()) {
            bucket.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: Burst = Burst { rate: 10, size: 1 };

    #[test]
    fn a_turn_comes_in_the_order_of_asking_or_is_refused() {
        let live = Arc::new(Live::new(8, Some(BURST)));
        live.turn(Millis(0), 0).unwrap().used();
        assert_eq!(live.wait_ms(Millis(0)), 100);
        let second = live.turn(Millis(0), 150).unwrap();
        assert_eq!(second.wait_ms, 100);
        let refused = live.turn(Millis(0), 150).unwrap_err();
        assert_eq!(refused.code, Code::WindowAgent);
        drop(second);
        let third = live.turn(Millis(0), 150).unwrap();
        assert_eq!(third.wait_ms, 100, "a turn nobody used is the next one's");
    }

    #[test]
    fn an_adapter_without_a_cap_is_called_at_once() {
        let live = Arc::new(Live::new(8, None));
        for _ in 0..10_000 {
            let turn = live.turn(Millis(0), 0).unwrap();
            assert_eq!(turn.wait_ms, 0);
            turn.used();
        }
        assert_eq!(live.wait_ms(Millis(0)), 0);
    }
}
