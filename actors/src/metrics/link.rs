//! The link between members: connections, requests, bytes, refusals (docs/adr/0010-link.md).

use atp_protocol::link::{Code, Lane};
use metrics::{Counter, Gauge, Histogram};

use super::register::Register;

/// Refusals that are counted by name. All others are the services'.
const CODES: [(Code, &str); 7] = [
    (Code::OVERLOADED, "overloaded"),
    (Code::EXPIRED, "expired"),
    (Code::STOPPING, "stopping"),
    (Code::NO_SERVICE, "no_service"),
    (Code::LOST, "lost"),
    (Code::CANCELLED, "cancelled"),
    (Code::TOO_LARGE, "too_large"),
];

/// Series of all connections of one lane.
#[derive(Clone)]
pub struct LinkSeries {
    /// Open ones.
    pub connections: Gauge,
    /// Requests of this node without an answer.
    pub in_flight: Gauge,
    /// Bytes written.
    pub sent: Counter,
    /// Bytes read.
    pub received: Counter,
    /// Way there and back of pings, in microseconds.
    pub rtt: Histogram,
    refusals: [Counter; CODES.len() + 1],
}

impl LinkSeries {
    fn new(register: &Register, lane: Lane) -> Self {
        let lane = lane.name();
        let bytes = |dir| register.counter("link_bytes_total", &[("lane", lane), ("dir", dir)]);
        let refusals = |code| register.counter("link_refusals_total", &[("lane", lane), ("code", code)]);
        let names = CODES.map(|(_, name)| name);
        Self {
            connections: register.gauge("link_connections", &[("lane", lane)]),
            in_flight: register.gauge("link_requests_in_flight", &[("lane", lane)]),
            sent: bytes("out"),
            received: bytes("in"),
            rtt: register.histogram("link_rtt_us", &[("lane", lane)]),
            refusals: std::array::from_fn(|at| refusals(names.get(at).copied().unwrap_or("service"))),
        }
    }

    /// A request of a member was refused.
    pub fn refused(&self, code: Code) {
        let at = CODES.iter().position(|(known, _)| *known == code);
        self.refusals[at.unwrap_or(CODES.len())].increment(1);
    }
}

/// Series of the link.
pub struct Links([LinkSeries; 3]);

impl Links {
    pub(super) fn new(register: &Register) -> Self {
        Self(Lane::ALL.map(|lane| LinkSeries::new(register, lane)))
    }

    /// Those of a lane.
    #[must_use]
    pub fn of(&self, lane: Lane) -> LinkSeries {
        self.0[lane as usize].clone()
    }
}
