//! What requests ask of a stream, beside posting frames to it.

use actix::{ActorContext, Context, Handler, MessageResult, ResponseFuture};
use atp_protocol::error::{Code, Fault};

use super::messages::GiveWay;
use super::stream::KeptStream;
use super::{Admission, Cancel, Forget, Look, StreamState};
use crate::session::{Facts, Repeat};

impl Handler<Admission> for KeptStream {
    type Result = ResponseFuture<Result<(Facts, Repeat), Fault>>;

    fn handle(&mut self, _: Admission, _: &mut Context<Self>) -> Self::Result {
        let mut admission = self.admission.subscribe();
        Box::pin(async move {
            let lost = || {
                Fault::new(
                    Code::Internal,
                    "the stream was lost to an internal failure; retry",
                )
            };
            let known = admission.wait_for(Option::is_some).await;
            known.ok().and_then(|known| known.clone()).ok_or_else(lost)?
        })
    }
}

impl Handler<Cancel> for KeptStream {
    type Result = bool;

    fn handle(&mut self, _: Cancel, _: &mut Context<Self>) -> bool {
        let was_running = !self.is_over();
        self.fail(&Fault::new(Code::Cancel, "the client ended the stream"));
        was_running
    }
}

impl Handler<Forget> for KeptStream {
    type Result = ();

    fn handle(&mut self, _: Forget, context: &mut Context<Self>) {
        context.stop();
    }
}

impl Handler<GiveWay> for KeptStream {
    type Result = ();

    fn handle(&mut self, _: GiveWay, context: &mut Context<Self>) {
        self.epoch = None;
        context.stop();
    }
}

impl Handler<Look> for KeptStream {
    type Result = MessageResult<Look>;

    fn handle(&mut self, _: Look, _: &mut Context<Self>) -> Self::Result {
        let hold = match &*self.admission.borrow() {
            Some(Ok((facts, _))) => Some(facts.hold),
            Some(Err(_)) | None => None,
        };
        MessageResult(StreamState {
            state: self.state(),
            tier: self.head.tier,
            window: self.head.window,
            budget_left: self.head.budget.or(hold).map(|budget| budget.minus(self.used)),
            lanes: self.lanes(),
            last: self.last.clone(),
            readers: self.history.readers(),
        })
    }
}
