//! What an agent is asked beside its work: estimates (atp.md 7.3 and 17.1).

use std::collections::BTreeMap;

use actix::{Context, Handler};
use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::Estimate;
use atp_protocol::payload::{EstimateReply, EstimateRequest, Kind, Payload};
use atp_protocol::request::Content;
use tokio::sync::oneshot;

use super::actor::Connection;
use super::messages::AskEstimate;
use crate::adapter::Call;

/// Questions without an answer at once; another is not asked.
const OPEN_MAX: usize = 256;

/// A question is one frame, of which its text may fill a half: the rest is for what encoding adds.
const TEXT_SHARE: usize = 2;

type Reply = oneshot::Sender<Result<Estimate, Fault>>;

/// Questions on their way.
#[derive(Default)]
pub(super) struct Questions {
    open: BTreeMap<String, Reply>,
    asked: u64,
}

impl Questions {
    /// Takes a question in and names it; `None` when there are too many. Those nobody waits for any more are forgotten.
    fn add(&mut self, reply: Reply) -> Option<String> {
        self.open.retain(|_, reply| !reply.is_closed());
        if self.open.len() >= OPEN_MAX {
            return None;
        }
        self.asked += 1;
        let id = format!("est_{}", self.asked);
        self.open.insert(id.clone(), reply);
        Some(id)
    }

    /// The agent answered; too late, if nobody waits.
    pub(super) fn answered(&mut self, answer: EstimateReply) {
        self.settle(&answer.request_id, Ok(answer.estimate));
    }

    /// What the agent answered is no estimate.
    pub(super) fn botched(&mut self, payload: &Payload<'_>, fault: &Fault) {
        let object = payload.content.as_ref().and_then(|content| content.as_object());
        let id = object.and_then(|object| object.present("request_id")?.as_text());
        if let Some(id) = id {
            self.settle(id, Err(fault.clone()));
        }
    }

    fn settle(&mut self, id: &str, answer: Result<Estimate, Fault>) {
        if let Some(reply) = self.open.remove(id) {
            let _ = reply.send(answer);
        }
    }
}

impl Connection {
    /// The question of `call`, or why it cannot be asked.
    fn question(&mut self, call: &Call, reply: Reply) -> Option<Payload<'static>> {
        let asked = &call.request.content;
        if asked.text_bytes() > self.settings.frame_bytes / TEXT_SHARE {
            let fault = Fault::new(Code::TooBig, "too much to ask an agent about in one frame");
            let _ = reply.send(Err(fault));
            return None;
        }
        let content = Content {
            model: Some(call.model.to_string()),
            ..Content::clone(asked)
        };
        let id = self.questions.add(reply)?;
        let question = EstimateRequest::ask(&id, &content, call.deadline_ms);
        Some(Payload::new(Kind::EstimateRequest, question))
    }
}

impl Handler<AskEstimate> for Connection {
    type Result = ();

    fn handle(&mut self, AskEstimate { call, reply }: AskEstimate, context: &mut Context<Self>) {
        let question = match self.check_agent(context) {
            Ok(()) => self.question(&call, reply),
            Err(fault) => {
                let _ = reply.send(Err(fault));
                None
            }
        };
        if let Some(question) = question {
            let outputs = vec![self.machine.send_control(question)];
            let waiting = self.process(outputs, context);
            self.send_later(waiting, context);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_nobody_waits_for_make_room_and_others_do_not() {
        let mut questions = Questions::default();
        let mut waiting = Vec::new();
        for _ in 0..OPEN_MAX {
            let (reply, answer) = oneshot::channel();
            waiting.push(answer);
            assert!(questions.add(reply).is_some());
        }
        assert!(questions.add(oneshot::channel().0).is_none());
        waiting.pop();
        let (reply, _answer) = oneshot::channel();
        assert!(questions.add(reply).is_some());
    }
}
