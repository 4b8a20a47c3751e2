//! Reads a cancelled call to its usage, where cancelling does not stop what it costs.

use std::time::Duration;

use atp_protocol::adapter::Usage;
use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::{Estimate, Price};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::believable::believable;
use super::call::{Rest, Running, at_least, priced};
use super::spend::NO_USAGE;
use crate::adapter::{LaneEvent, Place};

/// A call nobody waits for any more.
pub(super) struct Drain {
    /// Whom it was sent to, by its place among the session's targets.
    pub(super) target: usize,
    rest: Rest,
    /// Stays taken: the adapter is still at work.
    _place: Place,
    price: Price,
    /// What is known without reading on.
    so_far: Usage,
    /// What is charged where nothing is heard of it.
    all: Usage,
    bytes_max: u64,
    time_max: Duration,
}

impl Drain {
    /// `None` when the call had not begun or was over. `caps`: bytes and milliseconds.
    pub(super) fn new(call: Running, price: Price, estimate: &Estimate, caps: (u64, u64)) -> Option<Self> {
        let target = call.target;
        let (so_far, all) = (call.used(estimate), call.all(estimate));
        let (rest, place) = call.into_rest()?;
        let time_max = Duration::from_millis(caps.1);
        Some(Self {
            target,
            rest,
            _place: place,
            price,
            so_far,
            all,
            bytes_max: caps.0,
            time_max,
        })
    }

    /// What is known to be used without reading on.
    pub(super) const fn so_far(&self) -> Usage {
        self.so_far
    }

    /// Reads until the usage is known or a cap is reached; then what was counted stands, or, where nothing was, all that
    /// was held for the call (ADR-0005).
    pub(super) async fn run(self) -> Usage {
        let Self { price, all, .. } = self;
        let mut usage = self.so_far;
        let reading = async {
            let mut stream = match self.rest {
                Rest::Running(stream) => stream,
                Rest::Opening(opening) => opening.await.inspect_err(|fault| {
                    // Whoever refuses bills nothing; whoever did not answer in time may be at work.
                    if fault.code != Code::Timeout {
                        usage = NO_USAGE;
                    }
                })?,
            };
            let mut bytes = 0;
            while let Some(event) = stream.next().await {
                let metered = match event? {
                    LaneEvent::Forward {
                        bytes: piece,
                        out_tokens,
                        usage: metered,
                    } => {
                        bytes += piece.len() as u64;
                        usage.out_tokens += u64::from(out_tokens);
                        metered
                    }
                    LaneEvent::Partial(partial) => {
                        bytes += partial.text.len() as u64;
                        usage.out_tokens += partial.text.len().div_ceil(4) as u64;
                        partial.usage
                    }
                    LaneEvent::Final(last) => {
                        usage = last
                            .usage
                            .map_or(usage, |metered| priced(price, believable(metered, all.amount())));
                        return Ok(());
                    }
                    LaneEvent::Log { .. }
                    | LaneEvent::Question(_)
                    | LaneEvent::Status(_)
                    | LaneEvent::Congested => None,
                };
                match metered {
                    Some(metered) => {
                        usage = at_least(
                            price,
                            priced(price, believable(metered, all.amount())),
                            usage.out_tokens,
                        );
                    }
                    None => usage.usd_micros = price.cost(usage.in_tokens, usage.out_tokens),
                }
                if bytes > self.bytes_max {
                    break;
                }
            }
            Ok::<(), Fault>(())
        };
        match timeout(self.time_max, reading).await {
            Ok(Err(fault)) if fault.is_outcome_unknown => all,
            Err(_) if usage.out_tokens == 0 => all,
            Ok(_) | Err(_) => usage,
        }
    }
}
