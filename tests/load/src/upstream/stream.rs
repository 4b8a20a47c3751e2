//! Answers as HTTP bodies: paced SSE streams, and the partial bodies of misbehaviour.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use async_stream::try_stream;
use bytes::Bytes;
use futures_util::Stream;
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use super::script::{Fault, Script};
use super::stats::Meter;
use super::surface::Surface;
use crate::clock;

/// Tokens that `after-final` sends too many.
const AFTER_FINAL: u64 = 3;

/// What a sent frame gets to leave before its connection is closed.
const FLUSH: Duration = Duration::from_millis(5);

type Frames = Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>>>>;
/// A whole answer or a stream of frames; an error of the stream closes the connection.
pub(super) type Body = Either<Full<Bytes>, StreamBody<Frames>>;

pub(super) fn whole(text: impl Into<Bytes>) -> Body {
    Either::Left(Full::new(text.into()))
}

/// The first half of `text`, then the connection is closed.
pub(super) fn half(text: String) -> Body {
    stream(try_stream! {
        let mut bytes = Bytes::from(text);
        yield Frame::data(bytes.split_to(bytes.len() / 2));
        hang_up().await?;
    })
}

/// The events of a streamed answer as `script` has it. The pace never catches up after a slow reader.
pub(super) fn events(surface: &'static dyn Surface, script: Script, mut meter: Meter) -> Body {
    meter.begin_stream();
    stream(try_stream! {
        let opening = surface.opening(&script);
        meter.sent(opening.len());
        yield Frame::data(opening.into());
        if !script.delay.is_zero() {
            sleep(script.delay).await;
        }

        let mut pace = script.interval.map(pace);
        for sent in 0..script.completion_tokens {
            if sent >= script.completion_tokens / 2 {
                match script.fault {
                    Some(Fault::Stall) => std::future::pending().await,
                    Some(Fault::Cut) => hang_up().await?,
                    _ => {}
                }
            }
            // The first token does not wait: even a tick that is due costs up to a millisecond.
            if let Some(pace) = pace.as_mut().filter(|_| sent > 0) {
                pace.tick().await;
            }
            let token = surface.token(&script, clock::now().as_nanos());
            meter.complete(1);
            meter.sent(token.len());
            yield Frame::data(token.into());
        }

        // A reader may hang up as soon as it has seen the end; that is no abort.
        meter.end();
        yield Frame::data(surface.closing(&script).into());
        if script.fault == Some(Fault::AfterFinal) {
            for _ in 0..AFTER_FINAL {
                meter.complete(1);
                yield Frame::data(surface.token(&script, clock::now().as_nanos()).into());
            }
        }
    })
}

fn stream(frames: impl Stream<Item = io::Result<Frame<Bytes>>> + 'static) -> Body {
    Either::Right(StreamBody::new(Box::pin(frames)))
}

fn pace(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.reset();
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The error that closes the connection, after what was sent so far had time to leave.
async fn hang_up() -> io::Result<()> {
    sleep(FLUSH).await;
    Err(io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "closed on request",
    ))
}
