//! What a stream's session tells it.

use std::sync::Arc;

use actix::{Addr, AsyncContext, Context, Handler};
use atp_protocol::error::{Code, Fault};
use atp_protocol::stream::State;
use atp_protocol::units::Amount;
use serde_json::Value;
use tokio::sync::mpsc;

use super::Event;
use super::messages::{Admitted, Happened, ToHolder};
use super::stream::KeptStream;
use crate::connection::render;
use crate::history::History;
use crate::session::{Opened, Output, Telemetry};

/// Carries what a session says to its stream, no faster than there is room to keep it.
async fn pump(history: Arc<History<Event>>, mut events: mpsc::Receiver<Output>, stream: Addr<KeptStream>) {
    loop {
        history.room().await;
        let said = events.recv().await;
        let is_last = matches!(&said, None | Some(Output::Final(_) | Output::Failed(_)));
        if stream.send(Happened(said)).await.is_err() || is_last {
            return;
        }
    }
}

impl Handler<Admitted> for KeptStream {
    type Result = ();

    fn handle(&mut self, Admitted(result): Admitted, context: &mut Context<Self>) {
        if self.is_over() {
            return;
        }
        match result {
            Ok(Opened {
                facts,
                events,
                repeat,
            }) => {
                let now = self.now();
                // Over HTTP the token is in the answer to the request that opened the stream.
                let ttl_ms = self.settings().ttl_ms;
                let token = self.holder.is_some().then(|| (self.issue(), ttl_ms));
                self.flow = facts.flow.clone();
                let outputs = self.machine.accept(now, &self.key, self.window(), token);
                self.tell(outputs);
                if let (Some(holder), Some(flow)) = (&self.holder, &self.flow) {
                    holder.do_send(ToHolder::Granted(self.key.clone(), Arc::clone(flow)));
                }
                self.admission.send_replace(Some(Ok((facts, repeat))));
                let pumping = pump(Arc::clone(&self.history), events, context.address());
                self.pump = Some(tokio::task::spawn_local(pumping).abort_handle());
            }
            Err(fault) => self.refuse(fault),
        }
    }
}

impl Handler<Happened> for KeptStream {
    type Result = ();

    fn handle(&mut self, Happened(said): Happened, _: &mut Context<Self>) {
        if self.is_over() {
            return;
        }
        match said {
            Some(Output::Failed(failure)) => {
                self.used = charged(&failure.telemetry);
                self.fail(&failure.fault);
            }
            Some(Output::Final(answer)) => {
                self.used = charged(&answer.telemetry);
                if let Some(payload) = render::payload(Output::Final(answer)) {
                    self.last = payload.content.as_ref().map(Value::from);
                    self.say(payload, true);
                }
                self.end(State::Closed);
            }
            Some(said) => {
                if let Some(payload) = render::payload(said) {
                    self.say(payload, false);
                }
            }
            None => {
                let detail = "nobody read the stream for too long, or it was lost to an internal failure";
                self.fail(&Fault::new(Code::Cancel, detail));
            }
        }
    }
}

/// What a request was charged; nothing for one that was told another's answer.
fn charged(telemetry: &Telemetry) -> Amount {
    match telemetry.is_replay {
        true => Amount::ZERO,
        false => Amount {
            tokens: telemetry.in_tokens.saturating_add(telemetry.out_tokens),
            usd_micros: telemetry.usd_micros,
        },
    }
}
