//! The window of one session, shared by the arbiters its streams run on (atp.md 16.1 to 16.3), and how fast it spends
//! (17.3).
//!
//! One short lock when a stream is admitted and one when it ends; sessions of a single request that named none have no
//! record and take none. Bounds are those of [`SessionWindow`] and of the table that holds the records.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::flow::{Admission, Ask, Refusal, SessionWindow, Signal, Ticket};
use atp_protocol::units::{Millis, PartialWindow, Tier, Window};
use atp_routing::audit::{Event, Subject};
use atp_routing::budget::{BurnRate, SpikeGuard, SpikeSettings};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::tuner::Pace;
use crate::audit::Audit;
use crate::environment::World;
use crate::metrics::Meter;

/// Settlements of a session that are kept apart.
const SETTLEMENTS: usize = 32;

/// Trailing window of a session's burn rate, in milliseconds.
const BURN_MS: u64 = 300_000;

/// See the module.
pub struct SessionFlow {
    state: Mutex<State>,
    pace: Arc<Pace>,
    subject: Subject,
    audit: Arc<dyn Audit>,
    meter: Arc<Meter>,
}

struct State {
    window: SessionWindow,
    /// The `update_id` it was last told with, on whichever connection.
    updates: u64,
    waiting: BTreeMap<Ticket, oneshot::Sender<()>>,
    /// Made with the first settlement that cost something.
    money: Option<Box<Money>>,
}

struct Money {
    burn: BurnRate,
    spikes: SpikeGuard,
}

impl fmt::Debug for SessionFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFlow")
            .field("window", &self.window())
            .finish_non_exhaustive()
    }
}

impl SessionFlow {
    pub(super) fn new(pace: &Arc<Pace>, world: &World, subject: Subject) -> Arc<Self> {
        let config = pace.config();
        let window = SessionWindow::new(config);
        world.meter.flow.windows.move_by(&config);
        world.meter.flow.windows.opened(window.parallel());
        Arc::new(Self {
            state: Mutex::new(State {
                window,
                updates: 0,
                waiting: BTreeMap::new(),
                money: None,
            }),
            pace: Arc::clone(pace),
            subject,
            audit: Arc::clone(&world.audit),
            meter: Arc::clone(&world.meter),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The window in force.
    #[must_use]
    pub fn window(&self) -> Window {
        self.state().window()
    }

    /// The `update_id` to tell it with next. They increase strictly over all connections of the session, and go on above `last`
    /// where a connection has heard of a window before this one.
    pub(crate) fn next_update(&self, last: u64) -> u64 {
        let mut state = self.state();
        state.updates = state.updates.max(last) + 1;
        state.updates
    }

    /// Takes room for a stream, waiting at most `wait_ms` for it. `client`: the window it named last.
    ///
    /// # Errors
    /// `EWINDOW` with the window in force: not to be retried where the stream alone exceeds it.
    pub(super) async fn admit(
        self: &Arc<Self>,
        ask: Ask,
        client: Option<Window>,
        wait_ms: u64,
    ) -> Result<Room, Fault> {
        let windows = &self.meter.flow.windows;
        let (waiting, granted, refusal) = {
            let mut state = self.state();
            let before = state.window();
            let first = state.window.said(client);
            self.note(before, state.window());
            state.wake(first);
            match state.window.ask(ask) {
                Ok(Admission::Admitted) => {
                    drop(state);
                    return Ok(self.room(ask));
                }
                Err(refusal) => {
                    drop(state);
                    windows.denied(refusal.component);
                    windows.refused();
                    return Err(refused(&refusal));
                }
                Ok(Admission::Queued(ticket, refusal)) => {
                    let (wake, granted) = oneshot::channel();
                    state.waiting.insert(ticket, wake);
                    (Waiting::new(self, ticket, ask), granted, refusal)
                }
            }
        };
        windows.denied(refusal.component);
        let is_granted = matches!(timeout(Duration::from_millis(wait_ms), granted).await, Ok(Ok(())));
        match waiting.end(is_granted) {
            true => Ok(self.room(ask)),
            false => {
                windows.refused();
                let detail = "the session's window stayed full; wait for a stream to end";
                Err(with_window(Fault::new(Code::Window, detail), refusal.window))
            }
        }
    }

    fn room(self: &Arc<Self>, ask: Ask) -> Room {
        self.meter.flow.windows.admitted(ask.calls);
        Room {
            flow: Arc::clone(self),
            ask,
        }
    }

    /// Something happened to a lane, or a frame of the session came marked.
    pub(crate) fn signal(&self, world: &World, signals: impl IntoIterator<Item = Signal>) {
        let (now, jitter) = (world.now(), jitter(world));
        let mut state = self.state();
        let first = state.window();
        for signal in signals {
            let before = state.window.parallel();
            if let Some(config) = self.pace.observe(now, signal, &self.meter) {
                state.window.configure(config);
            }
            let (adjustment, admitted) = state.window.signal(now, signal, jitter);
            state.wake(admitted);
            self.meter.flow.windows.adjusted(before, &adjustment);
        }
        self.note(first, state.window());
    }

    /// Puts a change of the window on record.
    fn note(&self, before: Window, after: Window) {
        if before != after {
            self.audit.note(Event::WindowChanged {
                subject: self.subject.clone(),
                before,
                after,
            });
        }
    }

    /// A request was charged. Returns whether the session suddenly spends much faster than it did.
    pub(super) fn spent(&self, world: &World, usd_micros: u64) -> bool {
        if usd_micros == 0 {
            return false;
        }
        let (now, unix) = (world.now(), world.clock.unix());
        let mut state = self.state();
        let money = state.money.get_or_insert_with(|| {
            Box::new(Money {
                burn: BurnRate::coarse(BURN_MS, SETTLEMENTS),
                spikes: SpikeGuard::new(SpikeSettings::default()),
            })
        });
        money.burn.record(unix, usd_micros);
        let rate = money.spikes.observe(now, money.burn.usd_per_min(unix));
        self.meter.flow.spikes.observed(now, &rate);
        if rate.is_spike {
            self.audit.note(Event::SpendingSpiked(self.subject.clone()));
        }
        rate.is_spike
    }

    /// Whether a spike keeps new work of this tier back.
    pub(super) fn holds_back(&self, now: Millis, tier: Tier) -> bool {
        let state = self.state();
        let money = state.money.as_ref();
        money.is_some_and(|money| money.spikes.holds_back(now, tier))
    }
}

impl Drop for SessionFlow {
    fn drop(&mut self) {
        let parallel = self.state().window.parallel();
        self.meter.flow.windows.closed(parallel);
    }
}

impl State {
    /// The window in force.
    fn window(&self) -> Window {
        self.window.window(PartialWindow::default())
    }

    fn wake(&mut self, admitted: Vec<Ticket>) {
        for ticket in admitted {
            if let Some(waiting) = self.waiting.remove(&ticket) {
                // One that has just left gives its room back.
                let _ = waiting.send(());
            }
        }
    }
}

/// A place in the queue; left when dropped.
struct Waiting {
    flow: Arc<SessionFlow>,
    ticket: Ticket,
    ask: Ask,
    is_over: bool,
}

impl Waiting {
    fn new(flow: &Arc<SessionFlow>, ticket: Ticket, ask: Ask) -> Self {
        Self {
            flow: Arc::clone(flow),
            ticket,
            ask,
            is_over: false,
        }
    }

    /// Ends the wait. Whether there is room after all: it may have been made in the same moment.
    fn end(mut self, is_granted: bool) -> bool {
        self.is_over = true;
        if is_granted {
            return true;
        }
        let mut state = self.flow.state();
        if state.waiting.remove(&self.ticket).is_none() {
            return true;
        }
        let admitted = state.window.leave(self.ticket);
        state.wake(admitted);
        false
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.flow.state();
        let admitted = match state.waiting.remove(&self.ticket) {
            Some(_) => state.window.leave(self.ticket),
            None => state.window.release(self.ask),
        };
        state.wake(admitted);
    }
}

/// What a stream has taken of its session's window; given back when dropped.
pub(super) struct Room {
    flow: Arc<SessionFlow>,
    ask: Ask,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.flow.state();
        let admitted = state.window.release(self.ask);
        state.wake(admitted);
        drop(state);
        self.flow.meter.flow.windows.released(self.ask.calls);
    }
}

fn refused(refusal: &Refusal) -> Fault {
    with_window(refusal.fault().scoped(Scope::Stream), refusal.window)
}

fn with_window(mut fault: Fault, window: Window) -> Fault {
    fault.window = Some(window);
    fault
}

/// Uniform from −1 to 1.
fn jitter(world: &World) -> f64 {
    let mut bytes = [0; 2];
    world.random.fill(&mut bytes);
    f64::from(i16::from_le_bytes(bytes)) / f64::from(i16::MAX)
}

#[cfg(test)]
mod tests {
    use atp_protocol::flow::AimdConfig;
    use atp_protocol::ids::TenantId;
    use atp_protocol::units::Amount;

    use super::*;
    use crate::environment::testing::world;

    fn flow(world: &World) -> Arc<SessionFlow> {
        let tenant = TenantId::new("acme").unwrap();
        SessionFlow::new(
            &Arc::new(Pace::new(AimdConfig::default(), false)),
            world,
            Subject::session(&tenant, None),
        )
    }

    fn ask(calls: u32) -> Ask {
        Ask {
            calls,
            need: Amount {
                tokens: 10,
                usd_micros: 0,
            },
            cap: PartialWindow::default(),
            is_scaled: false,
        }
    }

    fn client(max_parallel: u32) -> Option<Window> {
        Some(Window {
            max_parallel,
            max_tokens: 100,
            max_usd_micros: 0,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_window_makes_streams_wait_in_order_and_refuses_with_the_window() {
        let (world, _) = world();
        let flow = flow(&world);
        let room = flow.admit(ask(1), client(1), 100).await.unwrap();
        let refused = flow.admit(ask(1), client(1), 100).await.err().unwrap();
        assert_eq!((refused.code, refused.window), (Code::Window, client(1)));
        let waits = flow.admit(ask(1), client(1), 100);
        let (admitted, ()) = tokio::join!(waits, async { drop(room) });
        assert!(admitted.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stops_waiting_leaves_nothing_behind() {
        let (world, _) = world();
        let flow = flow(&world);
        let room = flow.admit(ask(1), client(1), 100).await.unwrap();
        let gone = timeout(Duration::from_millis(1), flow.admit(ask(1), None, 100)).await;
        assert!(gone.is_err());
        drop(room);
        assert_eq!(flow.state().window.calls(), 0);
        assert!(flow.state().waiting.is_empty());
        assert!(flow.admit(ask(1), None, 0).await.is_ok());
    }

    #[tokio::test]
    async fn what_exceeds_the_whole_window_is_refused_for_good() {
        let (world, _) = world();
        let flow = flow(&world);
        let large = Ask {
            need: Amount {
                tokens: 101,
                usd_micros: 0,
            },
            ..ask(1)
        };
        let refused = flow.admit(large, client(4), 100).await.err().unwrap();
        assert!(!refused.retry().is_retryable());
    }

    #[test]
    fn updates_are_numbered_over_all_connections_and_windows_of_a_session() {
        let (world, _) = world();
        let (first, second) = (flow(&world), flow(&world));
        assert_eq!((first.next_update(0), first.next_update(0)), (1, 2));
        assert_eq!((second.next_update(2), second.next_update(0)), (3, 4));
    }

    #[test]
    fn failures_narrow_the_window_of_the_session() {
        let (world, _) = world();
        let flow = flow(&world);
        flow.signal(&world, [Signal::Failure]);
        assert_eq!(flow.window().max_parallel, 2);
    }
}
