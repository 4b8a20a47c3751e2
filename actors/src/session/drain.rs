//! Reads a cancelled call to its usage, where cancelling does not stop what it costs.

use std::time::Duration;

use atp_protocol::adapter::Usage;
use atp_protocol::estimate::Price;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::call::{Running, at_least, priced};
use crate::adapter::{LaneEvent, LaneStream, Place};

/// A call nobody waits for any more.
pub(super) struct Drain {
    /// Whom it was sent to, by its place among the session's targets.
    pub(super) target: usize,
    stream: LaneStream,
    /// Stays taken: the adapter is still at work.
    _place: Place,
    price: Price,
    /// What is known without reading on.
    so_far: Usage,
    bytes_max: u64,
    time_max: Duration,
}

impl Drain {
    /// `None` when the call had not begun or was over. `caps`: bytes and milliseconds.
    pub(super) fn new(call: Running, price: Price, so_far: Usage, caps: (u64, u64)) -> Option<Self> {
        let target = call.target;
        let (stream, place) = call.into_stream()?;
        let time_max = Duration::from_millis(caps.1);
        Some(Self {
            target,
            stream,
            _place: place,
            price,
            so_far,
            bytes_max: caps.0,
            time_max,
        })
    }

    /// What is known to be used without reading on.
    pub(super) const fn so_far(&self) -> Usage {
        self.so_far
    }

    /// Reads until the usage is known or a cap is reached; then what was counted stands.
    pub(super) async fn run(mut self) -> Usage {
        let time_max = self.time_max;
        let mut usage = self.so_far;
        let reading = async {
            let mut bytes = 0;
            while let Some(Ok(event)) = self.stream.next().await {
                let metered = match event {
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
                        usage = last.usage.map_or(usage, |metered| priced(self.price, metered));
                        return;
                    }
                    LaneEvent::Log { .. }
                    | LaneEvent::Question(_)
                    | LaneEvent::Status(_)
                    | LaneEvent::Congested => None,
                };
                match metered {
                    Some(metered) => {
                        usage = at_least(self.price, priced(self.price, metered), usage.out_tokens);
                    }
                    None => usage.usd_micros = self.price.cost(usage.in_tokens, usage.out_tokens),
                }
                if bytes > self.bytes_max {
                    return;
                }
            }
        };
        // Out of time: what was counted stands.
        let _ = timeout(time_max, reading).await;
        usage
    }
}
