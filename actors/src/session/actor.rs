//! One session: admits its streams and counts them.
//!
//! Receives  `Open` from the router, `Ended` from the tasks that drive its streams
//! Sends     nothing; a stream's events go through its own channel
//! When full the table of sessions refuses a stream with `EWINDOW`, and another tenant's with `ESEC`
//! Ends      when its last stream has

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, ResponseFuture};
use atp_protocol::error::{Code, Fault};
use atp_protocol::request::AgentRequest;
use tokio::sync::oneshot;
use tracing::Span;

use super::drive::Drive;
use super::launch::{Launched, launch};
use super::log;
use super::window::SessionFlow;
use super::{Facts, Opened, Repeat, Router};
use crate::metrics::Held;
use crate::spans;

/// Start a stream.
#[derive(Message)]
#[rtype(result = "Result<Opened, Fault>")]
pub(super) struct Open {
    pub(super) request: Arc<AgentRequest>,
    /// Resolves when nobody waits for the stream any more.
    pub(super) left: oneshot::Receiver<()>,
}

/// A stream has ended, settlement included.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended;

/// A session.
pub(super) struct Session {
    router: Rc<Router>,
    streams: usize,
    _counted: Held,
}

impl Session {
    pub(super) fn new(router: Rc<Router>) -> Self {
        let _counted = Held::by(&router.world.meter.requests.sessions);
        Self {
            router,
            streams: 0,
            _counted,
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;
}

/// Tells the session that a stream has ended, however it ended.
struct Leave(actix::Addr<Session>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.do_send(Ended);
    }
}

/// Launches, and gives the place in the queue up when the caller has `left` or the node leaves.
async fn launch_unless(
    left: oneshot::Receiver<()>,
    router: &Rc<Router>,
    request: &Arc<AgentRequest>,
    flow: Option<&Arc<SessionFlow>>,
    span: &Span,
) -> Result<(Facts, Launched), Fault> {
    let (stays, leaves) = oneshot::channel();
    let mut launching = pin!(launch(router, Arc::clone(request), flow, span, leaves));
    tokio::select! {
        biased;
        () = router.shared.load.is_cut() => {
            drop(stays);
            // A stream that was cut may have passed its slot on; whoever has it now asks nobody any more.
            if let Ok((_, mut launched)) = launching.await {
                launched.spend.release(request).await;
            }
            Err(Fault::new(Code::Draining, "the node left before the request had its turn"))
        }
        launched = &mut launching => launched,
        _ = left => {
            drop(stays);
            launching.await
        }
    }
}

impl Handler<Open> for Session {
    type Result = ResponseFuture<Result<Opened, Fault>>;

    fn handle(&mut self, Open { request, left }: Open, context: &mut Context<Self>) -> Self::Result {
        self.streams += 1;
        let leave = Leave(context.address());
        let router = Rc::clone(&self.router);
        Box::pin(async move {
            let refused = |fault: &Fault| log::ended(&router.world, &request, Some(fault.code), 0);
            let presence = router
                .shared
                .sessions
                .enter(&router.world, &request)
                .inspect_err(refused)?;
            let running = router.shared.load.enter(&router.world.meter);
            let span = spans::request::ask(&request);
            if let Some(parent) = &request.meta.traceparent {
                router.world.traces.adopt(&span, parent);
            }
            let accepted = router.world.now();
            let flow = presence.flow.as_ref();
            let launched = launch_unless(left, &router, &request, flow, &span).await;
            let (facts, launched) = launched.inspect_err(|fault| {
                spans::request::fail(&span, fault);
                let elapsed = router.world.now().since(accepted);
                log::ended(&router.world, &request, Some(fault.code), elapsed);
            })?;
            let (mut drive, events) = Drive::new(router, launched);
            tokio::task::spawn_local(async move {
                drive.run().await;
                drive.close().await;
                drop((running, presence, leave));
            });
            Ok(Opened {
                facts,
                events,
                repeat: Repeat::First,
            })
        })
    }
}

impl Handler<Ended> for Session {
    type Result = ();

    fn handle(&mut self, _: Ended, context: &mut Context<Self>) {
        self.streams -= 1;
        if self.streams == 0 {
            context.stop();
        }
    }
}
