//! An endpoint's condition as every arbiter sees it: atomics that the adapter's actor alone decides.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use atp_protocol::adapter::AgentStatus;
use atp_protocol::estimate::Mape;
use atp_protocol::units::{Millis, PartialWindow};

use super::room::Room;
use super::turns::{Burst, Turns};

/// Whether calls may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// They may.
    Closed,
    /// They may not before a time.
    Open {
        /// When a probe is allowed.
        until: Millis,
    },
    /// Only probes, which the actor hands out.
    HalfOpen,
}

const CLOSED: u8 = 0;
const OPEN: u8 = 1;
const HALF_OPEN: u8 = 2;

/// Shared condition of one endpoint. Readers may see it a moment late; the calls they let through meanwhile are counted.
#[derive(Debug)]
pub struct Live {
    gate: AtomicU8,
    open_until: AtomicU64,
    status: AtomicU8,
    pub(super) room: Room,
    pub(super) turns: Turns,
    p95_ms: AtomicU32,
    errors_ppm: AtomicU32,
    surcharge_pct: AtomicU32,
    calls: Figure,
    successes: Figure,
    mape: [Figure; 2],
    under_rate: Figure,
    is_downgraded: AtomicBool,
}

/// A number that may be unknown, to the precision of an `f32`.
#[derive(Debug)]
struct Figure(AtomicU32);

impl Figure {
    fn new(figure: Option<f64>) -> Self {
        let unknown = Self(AtomicU32::new(0));
        unknown.set(figure);
        unknown
    }

    fn get(&self) -> Option<f64> {
        let figure = f32::from_bits(self.0.load(Ordering::Relaxed));
        (!figure.is_nan()).then(|| f64::from(figure))
    }

    fn set(&self, figure: Option<f64>) {
        let bits = figure.map_or(f32::NAN, |figure| figure as f32).to_bits();
        self.0.store(bits, Ordering::Relaxed);
    }
}

/// What an endpoint's past says of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Past {
    /// Calls that ended, older ones counting less.
    pub calls: f64,
    /// Of these, the ones that succeeded.
    pub successes: f64,
    /// Mean error of its estimates, once known.
    pub mape: Option<Mape>,
    /// How often it used much more than estimated, once known.
    pub under_rate: Option<f64>,
    /// Offered one tier lower.
    pub is_downgraded: bool,
}

impl Live {
    /// Closed, ready, with a window of `window` calls; `burst` where it is called only so often.
    #[must_use]
    pub fn new(window: u32, burst: Option<Burst>) -> Self {
        Self {
            gate: AtomicU8::new(CLOSED),
            open_until: AtomicU64::new(0),
            status: AtomicU8::new(0),
            room: Room::new(window),
            turns: Turns::new(burst),
            p95_ms: AtomicU32::new(u32::MAX),
            errors_ppm: AtomicU32::new(0),
            surcharge_pct: AtomicU32::new(100),
            calls: Figure::new(Some(0.0)),
            successes: Figure::new(Some(0.0)),
            mape: std::array::from_fn(|_| Figure::new(None)),
            under_rate: Figure::new(None),
            is_downgraded: AtomicBool::new(false),
        }
    }

    /// Whether calls may go out.
    #[must_use]
    pub fn gate(&self) -> Gate {
        match self.gate.load(Ordering::Acquire) {
            OPEN => Gate::Open {
                until: Millis(self.open_until.load(Ordering::Relaxed)),
            },
            HALF_OPEN => Gate::HalfOpen,
            _ => Gate::Closed,
        }
    }

    pub(super) fn set_gate(&self, gate: Gate) {
        let value = match gate {
            Gate::Closed => CLOSED,
            Gate::HalfOpen => HALF_OPEN,
            Gate::Open { until } => {
                self.open_until.store(until.0, Ordering::Relaxed);
                OPEN
            }
        };
        self.gate.store(value, Ordering::Release);
    }

    /// Readiness for new work.
    #[must_use]
    pub fn status(&self) -> AgentStatus {
        match self.status.load(Ordering::Relaxed) {
            1 => AgentStatus::Busy,
            2 => AgentStatus::Pause,
            3 => AgentStatus::Draining,
            _ => AgentStatus::Ready,
        }
    }

    pub(super) fn set_status(&self, status: AgentStatus) {
        let value = match status {
            AgentStatus::Ready => 0,
            AgentStatus::Busy => 1,
            AgentStatus::Pause => 2,
            AgentStatus::Draining => 3,
        };
        self.status.store(value, Ordering::Relaxed);
    }

    /// Calls it may have at once.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.room.calls_max()
    }

    /// `calls` at once; of tokens and money outstanding what the agent suggests, if anything.
    pub(super) fn set_window(&self, calls: u32, suggested: PartialWindow) {
        self.room.limit(calls, suggested);
    }

    /// Calls it has.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.room.calls()
    }

    /// What is left of its window; an absent component is not limited.
    #[must_use]
    pub fn left(&self) -> PartialWindow {
        self.room.left()
    }

    /// Milliseconds until it may be called once more.
    #[must_use]
    pub fn wait_ms(&self, now: Millis) -> u64 {
        self.turns.wait_ms(now)
    }

    /// 95th percentile of the time to the first chunk, in milliseconds, once known.
    #[must_use]
    pub fn p95_ms(&self) -> Option<u32> {
        Some(self.p95_ms.load(Ordering::Relaxed)).filter(|&ms| ms != u32::MAX)
    }

    /// Share of recent calls that failed, 0 to 1.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        f64::from(self.errors_ppm.load(Ordering::Relaxed)) / 1e6
    }

    pub(super) fn set_measured(&self, p95_ms: Option<u32>, error_rate: f64) {
        self.p95_ms.store(p95_ms.unwrap_or(u32::MAX), Ordering::Relaxed);
        self.errors_ppm
            .store((error_rate.clamp(0.0, 1.0) * 1e6) as u32, Ordering::Relaxed);
    }

    /// Factor on its effective cost while it cools off, 1 otherwise.
    #[must_use]
    pub fn surcharge(&self) -> f64 {
        f64::from(self.surcharge_pct.load(Ordering::Relaxed)) / 100.0
    }

    pub(super) fn set_surcharge(&self, factor: f64) {
        self.surcharge_pct
            .store((factor * 100.0) as u32, Ordering::Relaxed);
    }

    /// What its past says of it.
    #[must_use]
    pub fn past(&self) -> Past {
        let [tokens, usd] = &self.mape;
        Past {
            calls: self.calls.get().unwrap_or_default(),
            successes: self.successes.get().unwrap_or_default(),
            mape: tokens
                .get()
                .zip(usd.get())
                .map(|(tokens, usd)| Mape { tokens, usd }),
            under_rate: self.under_rate.get(),
            is_downgraded: self.is_downgraded.load(Ordering::Relaxed),
        }
    }

    pub(super) fn set_past(&self, past: Past) {
        let [tokens, usd] = &self.mape;
        self.calls.set(Some(past.calls));
        self.successes.set(Some(past.successes));
        tokens.set(past.mape.map(|mape| mape.tokens));
        usd.set(past.mape.map(|mape| mape.usd));
        self.under_rate.set(past.under_rate);
        self.is_downgraded.store(past.is_downgraded, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_past_is_read_as_it_was_written_and_unknown_before() {
        let live = Live::new(1, None);
        assert_eq!(live.past(), Past::default());
        let past = Past {
            calls: 8.0,
            successes: 6.0,
            mape: Some(Mape {
                tokens: 0.5,
                usd: 0.25,
            }),
            under_rate: Some(0.125),
            is_downgraded: true,
        };
        live.set_past(past);
        assert_eq!(live.past(), past);
    }

    #[test]
    fn an_open_gate_names_its_end() {
        let live = Live::new(1, None);
        live.set_gate(Gate::Open { until: Millis(7) });
        assert_eq!(live.gate(), Gate::Open { until: Millis(7) });
        live.set_gate(Gate::Closed);
        assert_eq!(live.gate(), Gate::Closed);
    }
}
