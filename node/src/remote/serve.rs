//! Answers calls of other nodes to adapters that are attached to this one.

use std::io;
use std::rc::Rc;

use atp_actors::session::Router;
use atp_protocol::error::{Code, Fault, Scope};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::frames;
use super::v1::{Answer, Ask, Event};
use crate::environment::ByteStream;

type To = WriteHalf<Box<dyn ByteStream>>;

/// Answers one question. Ends early, and cancels the call, when the other node ends the stream or is lost.
pub(crate) async fn serve(router: Rc<Router>, is_draining: bool, stream: Box<dyn ByteStream>) {
    let (mut from, mut to) = tokio::io::split(stream);
    // Who sends what cannot be read hears nothing but the end: a node of a release that never was.
    let Ok((ask, body)) = frames::read::<Ask>(&mut from).await else {
        return;
    };
    let answering = async {
        match is_draining {
            true => refuse(&mut to, leaving()).await,
            false => answer(&router, ask, body, &mut to).await,
        }?;
        to.shutdown().await
    };
    tokio::select! {
        biased;
        () = gone(&mut from) => return,
        answered = answering => if answered.is_err() { return },
    }
    // What was sent and not read would be lost with the stream.
    gone(&mut from).await;
}

fn leaving() -> Fault {
    Fault::new(Code::Draining, "the node of the adapter is stopping").scoped(Scope::Lane)
}

/// Resolves when the other side has ended the stream; after its question it says nothing more.
async fn gone(from: &mut ReadHalf<Box<dyn ByteStream>>) {
    // An error is an end too.
    let _ = from.read_u8().await;
}

async fn answer(router: &Rc<Router>, ask: Ask, body: Bytes, to: &mut To) -> io::Result<()> {
    match ask {
        Ask::Estimate(call) => {
            let (name, call) = call.read(body);
            let estimate = router.estimate_attached(&name, &call).await;
            tell(to, estimate.map(Answer::Estimate)).await
        }
        Ask::Health(name) => {
            let health = router.health_attached(&name.into()).await;
            tell(to, health.map(Answer::Health)).await
        }
        Ask::Stream(call) => {
            let (name, call) = call.read(body);
            match router.call_attached(&name, call).await {
                Ok(mut events) => {
                    frames::write(to, &Answer::Accepted, b"").await?;
                    while let Some(event) = events.next().await {
                        let (event, bytes) = match event {
                            Ok(event) => Event::of(event),
                            Err(fault) => return refuse(to, fault).await,
                        };
                        let is_final = event.is_final();
                        // Waits for credit: whoever stops reading stops the adapter.
                        frames::write(to, &Answer::Event(event), &bytes).await?;
                        if is_final {
                            break;
                        }
                    }
                    Ok(())
                }
                Err(fault) => refuse(to, fault).await,
            }
        }
    }
}

async fn tell(to: &mut To, answer: Result<Answer, Fault>) -> io::Result<()> {
    match answer {
        Ok(answer) => frames::write(to, &answer, b"").await,
        Err(fault) => refuse(to, fault).await,
    }
}

async fn refuse(to: &mut To, fault: Fault) -> io::Result<()> {
    frames::write(to, &Answer::Fault(fault.into()), b"").await
}
