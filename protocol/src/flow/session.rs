//! The window of one session, wherever in the node its streams run (atp.md 16.1 to 16.3).
//!
//! Bound: [`WAITING_MAX`] requests wait; a further one is refused as if it had waited in vain.

use std::collections::VecDeque;

use super::{Adjustment, Aimd, AimdConfig, Constraints, Level, Refusal, Signal, release_all, reserve_all};
use crate::units::{Amount, Millis, PartialWindow, Window};

/// Requests of one session that wait for room.
const WAITING_MAX: usize = 256;

/// Names one that waits.
pub type Ticket = u64;

/// What a request wants of its session's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Lanes that run at once.
    pub calls: u32,
    /// What all of them are expected to use, guard band included.
    pub need: Amount,
    /// The policy's cap on the window, for this request.
    pub cap: PartialWindow,
    /// By the policy tokens and money shrink with the calls when these fall below their base (`scale_budget_windows`).
    pub is_scaled: bool,
}

/// What became of an [`Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may go; to be released once.
    Admitted,
    /// It waits behind those that asked before it.
    Queued(Ticket, Refusal),
}

/// One session's window: what the client said, what has proved well, what is outstanding, and who waits.
#[derive(Debug, Clone)]
pub struct SessionWindow {
    client: Option<Window>,
    aimd: Aimd,
    level: Level,
    waiting: VecDeque<(Ticket, Ask)>,
    next: Ticket,
}

impl SessionWindow {
    /// Of a session nobody knows anything of.
    #[must_use]
    pub fn new(config: AimdConfig) -> Self {
        Self {
            client: None,
            aimd: Aimd::new(config),
            level: Level::new(Window::MAX),
            waiting: VecDeque::new(),
            next: 0,
        }
    }

    /// The client has named its window; the latest said stands. Returns who may go now.
    pub fn said(&mut self, client: Option<Window>) -> Vec<Ticket> {
        self.client = client.or(self.client);
        self.admit_waiting()
    }

    /// The window in force under a policy's cap.
    #[must_use]
    pub fn window(&self, cap: PartialWindow) -> Window {
        let constraints = Constraints {
            client: self.client,
            policy: cap,
            session_parallel: Some(self.aimd.current()),
            ..Constraints::default()
        };
        constraints.effective().window
    }

    /// Replaces how its adaptive part moves.
    pub fn configure(&mut self, config: AimdConfig) {
        self.aimd.configure(config);
    }

    /// Calls that the session's record allows.
    #[must_use]
    pub const fn parallel(&self) -> u32 {
        self.aimd.current()
    }

    /// Calls outstanding.
    #[must_use]
    pub const fn calls(&self) -> u32 {
        self.level.calls()
    }

    /// Takes room, or a place behind those that wait.
    ///
    /// # Errors
    /// When it exceeds the whole window, or too many wait.
    pub fn ask(&mut self, ask: Ask) -> Result<Admission, Refusal> {
        let refusal = match self.reserve(ask) {
            Ok(()) if self.waiting.iter().all(|&(_, other)| self.never_fits(other)) => {
                return Ok(Admission::Admitted);
            }
            Ok(()) => {
                // It would fit, but others were first.
                release_all(&mut [&mut self.level], ask.calls, ask.need);
                Refusal {
                    component: super::Component::Parallel,
                    level: 0,
                    window: self.window(ask.cap),
                    wanted: u64::from(ask.calls),
                    never_fits: false,
                }
            }
            Err(refusal) => refusal,
        };
        if refusal.never_fits || self.waiting.len() >= WAITING_MAX {
            return Err(refusal);
        }
        self.next += 1;
        self.waiting.push_back((self.next, ask));
        Ok(Admission::Queued(self.next, refusal))
    }

    /// Somebody waits no longer. Returns who may go now; an unknown ticket changes nothing.
    pub fn leave(&mut self, ticket: Ticket) -> Vec<Ticket> {
        self.waiting.retain(|(waiting, _)| *waiting != ticket);
        self.admit_waiting()
    }

    /// An admitted request is over. Returns who may go now.
    pub fn release(&mut self, ask: Ask) -> Vec<Ticket> {
        release_all(&mut [&mut self.level], ask.calls, ask.need);
        self.admit_waiting()
    }

    /// Something happened to a lane. `jitter`: from −1 to 1. Returns who may go now too.
    pub fn signal(&mut self, now: Millis, signal: Signal, jitter: f64) -> (Adjustment, Vec<Ticket>) {
        let adjustment = self.aimd.signal(now, signal, jitter);
        (adjustment, self.admit_waiting())
    }

    fn reserve(&mut self, ask: Ask) -> Result<(), Refusal> {
        let whole = self.window(ask.cap);
        let mut level = self.level;
        level.set_limit(whole);
        reserve_all(&mut [&mut level], ask.calls, ask.need)?;
        // Who is alone has all of it: one that needs more than a shrunk window would wait for ever, because only calls that
        // go well widen it again.
        if ask.is_scaled && self.level.calls() > 0 {
            let mut beside = self.level;
            beside.set_limit(self.aimd.scaled(whole));
            reserve_all(&mut [&mut beside], ask.calls, ask.need).map_err(|refusal| Refusal {
                never_fits: false,
                ..refusal
            })?;
        }
        self.level = level;
        Ok(())
    }

    /// First come, first served: who waits at the head holds up those behind it, unless the client has since named a window
    /// that is too small for it; it then waits for another, and for its time to be up.
    fn admit_waiting(&mut self) -> Vec<Ticket> {
        let mut admitted = Vec::new();
        let mut at = 0;
        while let Some(&(ticket, ask)) = self.waiting.get(at) {
            if self.never_fits(ask) {
                at += 1;
            } else if self.reserve(ask).is_ok() {
                self.waiting.remove(at);
                admitted.push(ticket);
            } else {
                break;
            }
        }
        admitted
    }

    /// Whether it is too large for the window in force with nothing outstanding.
    fn never_fits(&self, ask: Ask) -> bool {
        reserve_all(&mut [&mut Level::new(self.window(ask.cap))], ask.calls, ask.need).is_err()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::Component;

    fn ask(calls: u32, tokens: u64) -> Ask {
        Ask {
            calls,
            need: Amount {
                tokens,
                usd_micros: 0,
            },
            cap: PartialWindow::default(),
            is_scaled: false,
        }
    }

    fn window(max_parallel: u32, max_tokens: u64) -> Window {
        Window {
            max_parallel,
            max_tokens,
            max_usd_micros: 1_000,
        }
    }

    fn session(client: Window) -> SessionWindow {
        let mut session = SessionWindow::new(AimdConfig::default());
        session.said(Some(client));
        session
    }

    #[test]
    fn the_window_in_force_is_the_least_of_client_policy_and_record() {
        let mut session = session(window(16, 500));
        let cap = PartialWindow {
            max_tokens: Some(300),
            ..PartialWindow::default()
        };
        assert_eq!(session.window(cap), window(4, 300));
        session.signal(Millis(0), Signal::Failure, 0.0);
        assert_eq!(session.window(cap), window(2, 300));
        session.said(Some(window(1, 500)));
        assert_eq!(session.window(PartialWindow::default()), window(1, 500));
    }

    #[test]
    fn who_waits_goes_in_the_order_of_coming_as_room_is_made() {
        let mut session = session(window(2, 100));
        assert_eq!(session.ask(ask(2, 10)), Ok(Admission::Admitted));
        let Ok(Admission::Queued(first, refusal)) = session.ask(ask(2, 60)) else {
            panic!("no room");
        };
        assert_eq!(refusal.component, Component::Parallel);
        let Ok(Admission::Queued(second, _)) = session.ask(ask(1, 1)) else {
            panic!("somebody was first");
        };
        assert_eq!(session.release(ask(2, 10)), [first]);
        assert_eq!(session.release(ask(2, 60)), [second]);
        assert_eq!(session.calls(), 1);
    }

    #[test]
    fn one_that_leaves_makes_way_and_one_that_never_fits_does_not_wait() {
        let mut session = session(window(2, 100));
        assert_eq!(session.ask(ask(2, 10)), Ok(Admission::Admitted));
        let Ok(Admission::Queued(wide, _)) = session.ask(ask(1, 95)) else {
            panic!("no room");
        };
        assert!(session.ask(ask(1, 101)).unwrap_err().never_fits);
        let Ok(Admission::Queued(narrow, _)) = session.ask(ask(1, 5)) else {
            panic!("somebody was first");
        };
        session.said(Some(window(3, 100)));
        assert_eq!(session.leave(wide), [narrow]);
    }

    #[test]
    fn who_became_too_large_for_the_window_while_it_waited_holds_up_nobody() {
        let mut session = session(window(16, 100));
        assert_eq!(session.ask(ask(1, 50)), Ok(Admission::Admitted));
        let Ok(Admission::Queued(large, _)) = session.ask(ask(1, 80)) else {
            panic!("it waits for the first");
        };
        let Ok(Admission::Queued(behind, _)) = session.ask(ask(1, 20)) else {
            panic!("it waits behind the large one");
        };
        assert_eq!(session.said(Some(window(16, 75))), [behind]);
        assert_eq!(session.ask(ask(1, 5)), Ok(Admission::Admitted));
        session.release(ask(1, 50));
        session.release(ask(1, 20));
        assert_eq!(session.said(Some(window(16, 100))), [large]);
    }

    #[test]
    fn by_policy_tokens_shrink_with_the_calls_for_those_who_are_not_alone() {
        let scaled = |tokens| Ask {
            is_scaled: true,
            ..ask(1, tokens)
        };
        let mut session = session(window(16, 100));
        for _ in 0..2 {
            let admission = session.ask(scaled(50));
            assert_eq!(admission, Ok(Admission::Admitted), "at its base it is whole");
        }
        session.release(scaled(50));
        session.signal(Millis(0), Signal::Failure, 0.0);
        let Ok(Admission::Queued(ticket, refusal)) = session.ask(scaled(1)) else {
            panic!("half of the tokens are taken, and half is left of the window");
        };
        let tokens = refusal.window.max_tokens;
        assert_eq!((refusal.component, tokens), (Component::Tokens, 50));
        assert_eq!(session.release(scaled(50)), [ticket]);
        let Ok(Admission::Queued(large, refusal)) = session.ask(scaled(100)) else {
            panic!("somebody is there");
        };
        assert!(!refusal.never_fits, "the whole window has room for it");
        assert_eq!(session.release(scaled(1)), [large]);
        assert!(session.ask(scaled(101)).unwrap_err().never_fits);
    }

    #[test]
    fn more_lanes_than_the_window_has_go_alone() {
        let mut session = session(window(2, 100));
        assert_eq!(session.ask(ask(3, 1)), Ok(Admission::Admitted));
        assert!(matches!(session.ask(ask(1, 1)), Ok(Admission::Queued(..))));
    }

    proptest! {
        #[test]
        fn what_is_outstanding_stays_in_the_window_and_comes_back_whole(
            asks in prop::collection::vec((1_u32..4, 0_u64..60), 1..40)
        ) {
            let mut session = session(window(8, 100));
            let asks: Vec<Ask> = asks.into_iter().map(|(calls, tokens)| ask(calls, tokens)).collect();
            let (mut running, mut waiting) = (Vec::new(), std::collections::BTreeMap::new());
            for asked in &asks {
                match session.ask(*asked) {
                    Ok(Admission::Admitted) => running.push(*asked),
                    Ok(Admission::Queued(ticket, _)) => { waiting.insert(ticket, *asked); }
                    Err(_) => {}
                }
            }
            while let Some(over) = running.pop() {
                let calls: u32 = running.iter().map(|ask| ask.calls).sum::<u32>() + over.calls;
                prop_assert_eq!(session.calls(), calls);
                prop_assert!(calls <= 4, "the record's base");
                for ticket in session.release(over) {
                    running.extend(waiting.remove(&ticket));
                }
            }
            prop_assert!(waiting.is_empty());
            prop_assert_eq!(session.calls(), 0);
        }
    }
}
