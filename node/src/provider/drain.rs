//! Reading a call to its end when nobody waits for the answer, because the provider bills it all the same.

use std::time::Duration;

use atp_actors::adapter::{LaneEvent, LaneStream, Metered};
use futures_util::StreamExt;
use tokio::time::timeout;

/// How far to read on. At either bound the stream is dropped, which closes the connection and ends the billing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of answer.
    pub bytes: usize,
    /// Time.
    pub wait: Duration,
}

/// What was learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// The provider's last word on usage, if it said one.
    pub usage: Option<Metered>,
    /// Output tokens seen while draining, for when it said none.
    pub out_tokens: u64,
    /// Whether the call came to its end.
    pub is_complete: bool,
}

/// Reads on to the final, or to the first bound or error.
pub async fn to_usage(mut stream: LaneStream, caps: Caps) -> Drained {
    let mut drained = Drained::default();
    let reading = async {
        let mut room = caps.bytes;
        while let Some(Ok(event)) = stream.next().await {
            let bytes = drained.take(&event);
            match room.checked_sub(bytes) {
                Some(left) if !drained.is_complete => room = left,
                _ => break,
            }
        }
    };
    // Late is one of the two ways to stop; what was learned stands.
    let _ = timeout(caps.wait, reading).await;
    drained
}

impl Drained {
    /// Notes what an event says; its size in bytes.
    fn take(&mut self, event: &LaneEvent) -> usize {
        let (usage, out_tokens, bytes) = match event {
            LaneEvent::Forward {
                bytes,
                out_tokens,
                usage,
            } => (*usage, *out_tokens, bytes.len()),
            LaneEvent::Partial(partial) => {
                (partial.usage, partial.out_tokens.unwrap_or(1), partial.text.len())
            }
            LaneEvent::Final(end) => {
                self.is_complete = true;
                (end.usage, 0, 0)
            }
            LaneEvent::Log { .. } | LaneEvent::Question(_) | LaneEvent::Status(_) | LaneEvent::Congested => {
                return 0;
            }
        };
        self.usage = usage.or(self.usage);
        self.out_tokens = self.out_tokens.saturating_add(out_tokens.into());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use atp_actors::adapter::{LaneFinal, Partial};
    use atp_protocol::adapter::UsageSource;
    use atp_protocol::error::{Code, Fault};
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    const CAPS: Caps = Caps {
        bytes: 100,
        wait: Duration::from_secs(5),
    };

    const fn usage(out_tokens: u64) -> Option<Metered> {
        Some(Metered {
            in_tokens: 1,
            out_tokens,
            usd_micros: None,
            source: UsageSource::Reported,
        })
    }

    fn chunk(len: usize, usage: Option<Metered>) -> Result<LaneEvent, Fault> {
        let bytes = Bytes::from(vec![b'x'; len]);
        Ok(LaneEvent::Forward {
            bytes,
            out_tokens: 1,
            usage,
        })
    }

    fn end(usage: Option<Metered>) -> Result<LaneEvent, Fault> {
        Ok(LaneEvent::Final(Box::new(LaneFinal {
            usage,
            ..LaneFinal::default()
        })))
    }

    #[tokio::test]
    async fn the_final_has_the_last_word() {
        let partial = Partial {
            usage: usage(2),
            ..Partial::default()
        };
        let events = [
            chunk(10, usage(1)),
            Ok(LaneEvent::Partial(partial)),
            end(usage(3)),
        ];
        let drained = to_usage(Box::pin(stream::iter(events)), CAPS).await;
        assert_eq!(
            drained,
            Drained {
                usage: usage(3),
                out_tokens: 2,
                is_complete: true
            }
        );
    }

    #[tokio::test]
    async fn what_was_known_stands_when_the_stream_fails_or_grows_too_long() {
        let failed = [
            chunk(10, usage(1)),
            Err(Fault::new(Code::Adapter, "cut")),
            end(usage(3)),
        ];
        let drained = to_usage(Box::pin(stream::iter(failed)), CAPS).await;
        assert_eq!(
            drained,
            Drained {
                usage: usage(1),
                out_tokens: 1,
                is_complete: false
            }
        );
        let long = [chunk(60, None), chunk(60, usage(2)), end(usage(3))];
        let drained = to_usage(Box::pin(stream::iter(long)), CAPS).await;
        assert_eq!(
            drained,
            Drained {
                usage: usage(2),
                out_tokens: 2,
                is_complete: false
            }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends() {
        let silent = stream::iter([chunk(10, None)]).chain(stream::pending());
        let drained = to_usage(Box::pin(silent), CAPS).await;
        assert_eq!(
            drained,
            Drained {
                usage: None,
                out_tokens: 1,
                is_complete: false
            }
        );
    }
}
