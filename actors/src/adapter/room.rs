//! The window of one adapter as every arbiter takes of it: calls, tokens and money outstanding (atp.md 16.1).
//!
//! What a call takes is counted first and looked at then, without a lock. Of two that come in the same instant both may be
//! refused where one would have fitted; never do both go in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::flow::Component;
use atp_protocol::units::{Amount, PartialWindow, Window};

use super::Live;

/// What a component without a limit is limited to.
const UNLIMITED: u64 = u64::MAX;

/// Limits, which the adapter's actor decides, and what is outstanding.
#[derive(Debug)]
pub(super) struct Room {
    calls_max: AtomicU32,
    tokens_max: AtomicU64,
    usd_micros_max: AtomicU64,
    calls: AtomicU32,
    tokens: AtomicU64,
    usd_micros: AtomicU64,
}

impl Room {
    pub(super) fn new(calls_max: u32) -> Self {
        Self {
            calls_max: AtomicU32::new(calls_max),
            tokens_max: AtomicU64::new(UNLIMITED),
            usd_micros_max: AtomicU64::new(UNLIMITED),
            calls: AtomicU32::new(0),
            tokens: AtomicU64::new(0),
            usd_micros: AtomicU64::new(0),
        }
    }

    pub(super) fn calls_max(&self) -> u32 {
        self.calls_max.load(Ordering::Relaxed)
    }

    pub(super) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// `calls` at once; of tokens and money what the agent suggests, if anything.
    pub(super) fn limit(&self, calls: u32, suggested: PartialWindow) {
        self.calls_max.store(calls, Ordering::Relaxed);
        let tokens = suggested.max_tokens.unwrap_or(UNLIMITED);
        self.tokens_max.store(tokens, Ordering::Relaxed);
        let usd_micros = suggested.max_usd_micros.unwrap_or(UNLIMITED);
        self.usd_micros_max.store(usd_micros, Ordering::Relaxed);
    }

    /// What is left of it.
    pub(super) fn left(&self) -> PartialWindow {
        let left = |max: &AtomicU64, used: &AtomicU64| {
            let max = Some(max.load(Ordering::Relaxed)).filter(|max| *max != UNLIMITED)?;
            Some(max.saturating_sub(used.load(Ordering::Relaxed)))
        };
        PartialWindow {
            max_parallel: Some(self.calls_max().saturating_sub(self.calls())),
            max_tokens: left(&self.tokens_max, &self.tokens),
            max_usd_micros: left(&self.usd_micros_max, &self.usd_micros),
        }
    }

    /// Counts a call in, or says which component has no room for it.
    fn add(&self, need: Amount) -> Result<(), Component> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        let tokens = self.tokens.fetch_add(need.tokens, Ordering::Relaxed);
        let usd_micros = self.usd_micros.fetch_add(need.usd_micros, Ordering::Relaxed);
        let is_over = |before: u64, need: u64, max: &AtomicU64| {
            before.saturating_add(need) > max.load(Ordering::Relaxed)
        };
        let full = if calls >= self.calls_max() {
            Component::Parallel
        } else if is_over(tokens, need.tokens, &self.tokens_max) {
            Component::Tokens
        } else if is_over(usd_micros, need.usd_micros, &self.usd_micros_max) {
            Component::Usd
        } else {
            return Ok(());
        };
        self.remove(need);
        Err(full)
    }

    fn remove(&self, need: Amount) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
        self.tokens.fetch_sub(need.tokens, Ordering::Relaxed);
        self.usd_micros.fetch_sub(need.usd_micros, Ordering::Relaxed);
    }
}

impl Live {
    /// Takes a place in the window for a call that is expected to use `need`, guard band included.
    ///
    /// # Errors
    /// The first component, in the order calls, tokens, money, that has no room. Nothing is taken.
    pub fn enter(self: &Arc<Self>, need: Amount) -> Result<Place, Component> {
        // Whatever is more than any window may name counts as just that, so that no sum overflows.
        let need = Amount {
            tokens: need.tokens.min(Window::MAX.max_tokens + 1),
            usd_micros: need.usd_micros.min(Window::MAX.max_usd_micros + 1),
        };
        self.room.add(need)?;
        Ok(Place {
            live: Arc::clone(self),
            need,
        })
    }
}

/// What a call hears whose adapter has no room: another may have.
pub(crate) fn full(component: Component) -> Fault {
    let detail = match component {
        Component::Parallel => "the adapter has as many calls as it takes",
        Component::Tokens => "the adapter has as many tokens outstanding as it takes",
        Component::Usd => "the adapter has as much money outstanding as it takes",
    };
    Fault::new(Code::WindowAgent, detail).scoped(Scope::Lane)
}

/// A place in an endpoint's window, given back when dropped.
#[derive(Debug)]
pub struct Place {
    live: Arc<Live>,
    need: Amount,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.room.remove(self.need);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(tokens: u64, usd_micros: u64) -> Amount {
        Amount { tokens, usd_micros }
    }

    fn suggested(max_tokens: Option<u64>, max_usd_micros: Option<u64>) -> PartialWindow {
        PartialWindow {
            max_parallel: None,
            max_tokens,
            max_usd_micros,
        }
    }

    #[test]
    fn a_full_window_refuses_until_a_place_is_free() {
        let live = Arc::new(Live::new(1, None));
        let place = live.enter(need(1, 1)).unwrap();
        let refused = live.enter(need(1, 1)).unwrap_err();
        assert_eq!(
            (refused, full(refused).code),
            (Component::Parallel, Code::WindowAgent)
        );
        drop(place);
        assert!(live.enter(need(1, 1)).is_ok());
    }

    #[test]
    fn tokens_and_money_are_limited_as_the_agent_suggests_and_come_back_whole() {
        let live = Arc::new(Live::new(8, None));
        live.set_window(8, suggested(Some(100), Some(50)));
        let place = live.enter(need(60, 10)).unwrap();
        assert_eq!(live.enter(need(41, 10)).unwrap_err(), Component::Tokens);
        assert_eq!(live.enter(need(40, 41)).unwrap_err(), Component::Usd);
        let left = live.left();
        assert_eq!((left.max_tokens, left.max_usd_micros), (Some(40), Some(40)));
        let second = live.enter(need(40, 40)).unwrap();
        drop(place);
        drop(second);
        assert_eq!(
            live.left(),
            PartialWindow {
                max_parallel: Some(8),
                ..suggested(Some(100), Some(50))
            }
        );
    }

    #[test]
    fn what_was_outstanding_before_the_suggestion_counts() {
        let live = Arc::new(Live::new(8, None));
        let place = live.enter(need(u64::MAX, u64::MAX)).unwrap();
        let second = live.enter(need(u64::MAX, u64::MAX)).unwrap();
        live.set_window(8, suggested(Some(Window::MAX.max_tokens), None));
        assert_eq!(live.enter(need(1, 0)).unwrap_err(), Component::Tokens);
        drop(place);
        drop(second);
        assert!(live.enter(need(1, u64::MAX)).is_ok());
        live.set_window(8, suggested(Some(0), None));
        assert_eq!(live.enter(need(1, 0)).unwrap_err(), Component::Tokens);
        live.set_window(8, PartialWindow::default());
        assert_eq!(live.left().max_tokens, None);
    }
}
